"""Values of every type reach the API server and come back unchanged."""

import json
from typing import Any

import pytest
import yaml

from schema.scalars import parse_quantity
from tests.fixtures.api import API, core, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess

TREASURES = "odd.example.com/v1"
BIG = 2**63 - 1
SPEC: dict[str, Any] = {
    "big": BIG,
    "integer": -(2**53) - 1,
    "small": -(2**31),
    "number": 0.1,
    "flag": False,
    "time": "2026-01-31T09:30:00.123456Z",
    "bytes": "AAH/+w==",
    "port": "http",
    "amount": 5,
    "texts": {"app.kubernetes.io/name": "x", "": "nameless", "ü": "日"},
    "numbers": {"z": 2**60, "a": 1},
    "objects": {"z-1": {"size": 2**60}, "a": {}},
    "matrix": [[1, 2**60], [], [3]],
    "grid": [[{"x__y": "v"}], []],
    "open": {"known": "k"},
    "anything": [{"z": 1.5, "a": [None, True, "text", {"deep": 2**62}]}],
    "anyObject": {"z": {"y": 1}, "a": 2},
    "template": {"apiVersion": "v1", "kind": "ConfigMap", "data": {"$key": "v"}},
    "part": {"apiVersion": "x/v1", "kind": "Part", "metadata": {"labels": {"a": "b"}}, "spec": {"size": 7}},
    "all": "of it",
    "one": {"right": 2**60},
    "any": {"left": "l"},
    "not": "allowed",
    "maybe": None,
    "maybeObject": {"inside": "i"},
    "mode": "with space",
    "level": 2,
    "former": "old",
    "keyed": [{"name": "b", "value": "1"}, {"name": "a"}],
    "empty": {},
}
SELECTED = """big integer small number flag time bytes port amount texts numbers objects matrix grid { x__y }
  open { known } anything anyObject template part { apiVersion kind metadata { labels } spec { size } }
  all one { left right } any { left right } not maybe maybeObject { inside } mode level given former
  keyed { name value } empty"""
CREATE = f"""mutation($n: String, $o: OddExampleComV1TreasureInput!) {{
  createTreasure(object: $o, namespace: $n) {{ spec {{ {SELECTED} }} }} }}"""


@pytest.fixture
def api(backend: Backend) -> API:
    return backend.api()


def seen(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec as a selection of all its fields returns it: absent properties are null."""
    complete = {"one": {"left": None}, "any": {"right": None}}
    return {
        **spec,
        "one": {**complete["one"], **spec["one"]},
        "any": {**complete["any"], **spec["any"]},
        "given": "by default",
        "keyed": [{"value": None, **item} for item in spec["keyed"]],
    }


def stored(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec as the API server stores it."""
    return {**spec, "given": "by default", "grid": [[{"x-y": "v"}], []]}


async def test_every_value_survives_a_write_and_a_read(odd: GatewayProcess, api: API, namespace: str) -> None:
    path = grouped(TREASURES, "treasures", namespace)
    watched = f"""subscription($n: String) {{ treasures(namespace: $n) {{
      type object {{ spec {{ {SELECTED} }} }} }} }}"""
    async with odd.subscribe(watched, {"n": namespace}) as stream:
        assert await stream.synced() == []
        arguments = {"n": namespace, "o": {"metadata": {"name": "one"}, "spec": SPEC}}
        created = await odd.data(CREATE, arguments)
        assert created["createTreasure"]["spec"] == seen(SPEC)
        assert api.get(f"{path}/one")["spec"] == stored(SPEC)
        assert await stream.event() == {"type": "ADDED", "object": {"spec": seen(SPEC)}}
    read = f'query($n: String) {{ treasure(name: "one", namespace: $n) {{ json spec {{ {SELECTED} }} }} }}'
    data = (await odd.data(read, {"n": namespace}))["treasure"]
    assert data["spec"] == seen(SPEC)
    assert json.dumps(data["json"]) == json.dumps(api.get(f"{path}/one")), "the same keys in the same order"


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (f"big: {BIG}", {"big": BIG}),
        (f'big: "-{BIG + 1}"', {"big": -BIG - 1}),
        ("port: 80", {"port": 80}),
        ('port: "80"', {"port": "80"}),
        ('amount: "100m"', {"amount": "100m"}),
        ('time: "2026-01-31T09:30:00.000001+02:00"', {"time": "2026-01-31T09:30:00.000001+02:00"}),
        ("matrix: [[9007199254740993]]", {"matrix": [[9007199254740993]]}),
        ("anything: {z: [1, 2.5, null, true]}", {"anything": {"z": [1, 2.5, None, True]}}),
        ("number: 1e30", {"number": 1e30}),
        ("open: {known: null}", {"open": {}}),
        ("maybe: null", {}),
    ],
)  # fmt: skip
async def test_a_patch_sends_literals_unchanged(
    odd: GatewayProcess, api: API, namespace: str, literal: str, value: dict[str, Any]
) -> None:
    path = grouped(TREASURES, "treasures", namespace)
    spec = {"mode": "fast", "open": {"known": "k"}}
    api.create(path, {"apiVersion": TREASURES, "kind": "Treasure", "metadata": {"name": "one"}, "spec": spec})
    await odd.data(
        f"""mutation($n: String) {{ patchTreasure(name: "one", namespace: $n,
        patch: {{spec: {{ {literal} }} }}) {{ kind }} }}""",
        {"n": namespace},
    )
    assert api.get(f"{path}/one")["spec"] == {**spec, "given": "by default", **value}


@pytest.mark.parametrize("digits", ["3", "9007199254740993", "-9223372036854775807", "0.1", "1e+30"])
async def test_a_number_keeps_its_digits_on_every_path(
    odd: GatewayProcess, api: API, namespace: str, digits: str
) -> None:
    number = json.loads(digits)
    path = grouped(TREASURES, "treasures", namespace)
    watched = "subscription($n: String) { treasures(namespace: $n) { type object { spec { number } } } }"
    read = """query($n: String) { treasure(name: "one", namespace: $n) { json spec { number } }
      treasures(namespace: $n) { items { spec { number } } } }"""
    patch = """mutation($n: String) { patchTreasure(name: "two", namespace: $n, patch: {spec: {number: %s}}) {
      spec { number } } }"""
    async with odd.subscribe(watched, {"n": namespace}) as stream:
        await stream.synced()
        for name in ("one", "two"):
            spec = {"mode": "fast", "number": number if name == "one" else 0}
            arguments = {"n": namespace, "o": {"metadata": {"name": name}, "spec": spec}}
            await odd.data(
                """mutation($n: String, $o: OddExampleComV1TreasureInput!) {
                createTreasure(object: $o, namespace: $n) { kind } }""",
                arguments,
            )
            event = await stream.event()
            assert repr(event["object"]["spec"]["number"]) == repr(spec["number"])
        patched = await odd.data(patch % digits.replace("+", ""), {"n": namespace})
    data = await odd.data(read, {"n": namespace})
    found = [
        patched["patchTreasure"]["spec"]["number"],
        data["treasure"]["spec"]["number"],
        data["treasure"]["json"]["spec"]["number"],
        *(item["spec"]["number"] for item in data["treasures"]["items"]),
        *(api.get(f"{path}/{name}")["spec"]["number"] for name in ("one", "two")),
    ]
    assert [repr(value) for value in found] == [repr(number)] * 7


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        (f"big: {BIG + 1}", "Int64"),
        ("small: 2147483648", "Int"),
        ('bytes: "no base64"', "Base64"),
        ('time: "yesterday"', "DateTime"),
        ("port: 1.5", "IntOrString"),
        ("texts: {a: 1}", "StringMap"),
        ("matrix: [[[1]]]", "Int64"),
        ("open: {unknown: 1}", "unknown"),
    ],
)
async def test_a_value_of_the_wrong_type_is_refused_with_its_location(
    odd: GatewayProcess, literal: str, expected: str
) -> None:
    error = await odd.error(
        f'mutation {{ patchTreasure(name: "one", patch: {{spec: {{ {literal} }} }}) {{ kind }} }}'
    )
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert expected in error["message"]
    assert error["locations"]


async def test_undeclared_properties_are_reachable_as_json(
    odd: GatewayProcess, api: API, namespace: str
) -> None:
    path = grouped(TREASURES, "treasures", namespace)
    unknown = {"z": [2**60, None], "a.b": {"$ref": "x"}}
    spec = {"mode": "fast", "open": {"known": "k", "unknown": unknown}}
    api.create(path, {"apiVersion": TREASURES, "kind": "Treasure", "metadata": {"name": "one"}, "spec": spec})
    await odd.data(
        """mutation($n: String, $v: JSON) { patchTreasure(name: "one", namespace: $n,
        operations: [{op: "add", path: "/spec/open/more", value: $v}]) { kind } }""",
        {"n": namespace, "v": unknown},
    )
    read = 'query($n: String) { treasure(name: "one", namespace: $n) { yaml json spec { open { known } } } }'
    data = (await odd.data(read, {"n": namespace}))["treasure"]
    assert data["spec"] == {"open": {"known": "k"}}
    assert data["json"]["spec"]["open"] == {"known": "k", "unknown": unknown, "more": unknown}
    assert yaml.safe_load(data["yaml"])["spec"]["open"]["more"] == unknown


async def test_recursive_types_are_typed_at_any_depth(odd: GatewayProcess) -> None:
    schema = """{type: "object", x__kubernetes__preserve__unknown__fields: true,
      allOf: [{not: {not: {required: ["spec"]}}}]}"""
    data = await odd.data(
        f"""mutation {{ createCustomResourceDefinition(dryRun: true, object: {{
        metadata: {{name: "deeps.odd.example.com"}}, spec: {{group: "odd.example.com", scope: "Namespaced",
        names: {{plural: "deeps", singular: "deep", kind: "Deep", listKind: "DeepList"}},
        versions: [{{name: "v1", served: true, storage: true, schema: {{
          openAPIV3Schema: {schema} }} }}] }} }}) {{
        spec {{ versions {{ schema {{ openAPIV3Schema {{ x__kubernetes__preserve__unknown__fields
          allOf {{ not {{ not {{ required }} }} }} }} }} }} }} }} }}"""
    )
    (version,) = data["createCustomResourceDefinition"]["spec"]["versions"]
    assert version["schema"]["openAPIV3Schema"] == {
        "x__kubernetes__preserve__unknown__fields": True,
        "allOf": [{"not": {"not": {"required": ["spec"]}}}],
    }
    read = """{ customResourceDefinition(name: "labyrinths.odd.example.com") {
      spec { versions { schema { openAPIV3Schema { properties } } } } } }"""
    (version,) = (await odd.data(read))["customResourceDefinition"]["spec"]["versions"]
    properties = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert properties["$ref"] == {"type": "string"}


@pytest.mark.parametrize("amount", ["100m", "1.5Gi", "2e3", "0.1", "12345678901234567890"])
async def test_quantities_keep_their_value(
    odd: GatewayProcess, api: API, namespace: str, amount: str
) -> None:
    data = await odd.data(
        """mutation($n: String, $q: Quantity) { createPod(namespace: $n, object: {metadata: {name: "one"},
        spec: {containers: [{name: "c", image: "i", resources: {limits: {memory: "1Gi"}},
          livenessProbe: {httpGet: {port: "http"}}, readinessProbe: {httpGet: {port: 80}} }],
        volumes: [{name: "v", emptyDir: {sizeLimit: $q}}]} }) {
        spec { volumes { emptyDir { sizeLimit } }
          containers { livenessProbe { httpGet { port } } readinessProbe { httpGet { port } } } } } }""",
        {"n": namespace, "q": amount},
    )
    spec, on_server = data["createPod"]["spec"], api.get(core("pods", namespace, "one"))["spec"]
    volume = next(found for found in on_server["volumes"] if found["name"] == "v")
    (size,) = [item["emptyDir"]["sizeLimit"] for item in spec["volumes"] if item["emptyDir"]]
    assert size == volume["emptyDir"]["sizeLimit"]
    assert parse_quantity(size) == parse_quantity(amount)
    (container,) = spec["containers"]
    assert container["livenessProbe"]["httpGet"] == {"port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"port": 80}


async def test_microseconds_and_bytes_of_built_in_kinds(
    odd: GatewayProcess, api: API, namespace: str
) -> None:
    time, secret = "2026-01-31T09:30:00.123456Z", {"key": "AAH/+w==", ".dot": ""}
    await odd.data(
        """mutation($n: String, $t: DateTime, $d: StringMap) {
        createLease(namespace: $n, object: {metadata: {name: "one"}, spec: {renewTime: $t}}) { kind }
        createSecret(namespace: $n, object: {metadata: {name: "one"}, data: $d}) { kind } }""",
        {"n": namespace, "t": time, "d": secret},
    )
    read = """query($n: String) { lease(name: "one", namespace: $n) { spec { renewTime } }
      secret(name: "one", namespace: $n) { data } }"""
    assert await odd.data(read, {"n": namespace}) == {
        "lease": {"spec": {"renewTime": time}},
        "secret": {"data": secret},
    }
    assert api.get(grouped("coordination.k8s.io/v1", "leases", namespace, "one"))["spec"]["renewTime"] == time
