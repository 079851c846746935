"""Custom resources with unusual names and schemas (tests/contract/odd) are served without loss."""

from typing import Any

import pytest
from graphql import (
    GraphQLObjectType,
    build_client_schema,
    get_introspection_query,
    get_named_type,
    validate_schema,
)

from schema.names import property_names
from tests.fixtures.api import API, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.odd import odd_definitions
from tests.fixtures.processes import run_gateway
from tests.fixtures.sdl import definitions_of

GROUP = "odd.example.com"
KINDS = [
    ("odd.example.com", "Query", "queries"),
    ("odd.example.com", "Mutation", "mutations"),
    ("odd.example.com", "Subscription", "subscriptions"),
    ("odd.example.com", "String", "strings"),
    ("odd.example.com", "ID", "ids"),
    ("odd.example.com", "JSON", "jsons"),
    ("odd.example.com", "Pod", "pods"),
    ("odd.example.com", "PodList", "podLists"),
    ("odd.example.com", "PodEvent", "podEvents"),
    ("odd.example.com", "PodInput", "podInputs"),
    ("odd.example.com", "Backup", "backups"),
    ("odder.example.org", "Backup", "backups"),
]


@pytest.fixture
def api(backend: Backend) -> API:
    return backend.api()


async def test_introspection_shows_a_valid_schema(odd: GatewayProcess) -> None:
    schema = build_client_schema(await odd.data(get_introspection_query(descriptions=True)))  # type: ignore[arg-type]  # a plain dict is accepted

    assert validate_schema(schema) == []
    spec = schema.type_map["OddExampleComV1TreasureSpec"]
    assert isinstance(spec, GraphQLObjectType)
    assert spec.fields["mode"].description == (
        'How it is kept.\n\nOne of: `fast`, `2-slow`, `with space`, `""`.'
    )
    assert spec.fields["former"].deprecation_reason == "Deprecated: use mode."
    labyrinth = schema.type_map["OddExampleComV1Labyrinth"]
    assert isinstance(labyrinth, GraphQLObjectType)
    labyrinth_spec = get_named_type(labyrinth.fields["spec"].type)
    assert isinstance(labyrinth_spec, GraphQLObjectType)
    assert "`$ref`" in (labyrinth_spec.fields["_24_ref"].description or "")


@pytest.mark.parametrize(("group", "kind", "plural"), KINDS)
async def test_a_kind_may_have_any_name(
    odd: GatewayProcess, api: API, namespace: str, group: str, kind: str, plural: str
) -> None:
    prefix = f"{group.replace('.', '_')}_v1"
    path = grouped(f"{group}/v1", plural.lower(), namespace)
    watched = f"""subscription($n: String) {{ {prefix}_{plural}(namespace: $n) {{
      type object {{ kind metadata {{ name }} spec {{ note input {{ list }} }} }} }} }}"""
    async with odd.subscribe(watched, {"n": namespace}) as stream:
        assert await stream.synced() == []
        created = await odd.data(
            f"""mutation($n: String) {{ {prefix}_create{kind}(namespace: $n, object: {{
            metadata: {{name: "one"}}, spec: {{note: "first", input: {{list: "l"}}}} }})
            {{ kind json }} }}""",
            {"n": namespace},
        )
        stored = api.get(f"{path}/one")
        assert created[f"{prefix}_create{kind}"] == {"kind": kind, "json": stored}
        event = await stream.event()
        expected = {
            "kind": kind,
            "metadata": {"name": "one"},
            "spec": {"note": "first", "input": {"list": "l"}},
        }
        assert (event["type"], event["object"]) == ("ADDED", expected)

        await odd.data(
            f"""mutation($n: String) {{ {prefix}_patch{kind}(name: "one", namespace: $n,
            patch: {{spec: {{note: "second", input: null}}}}) {{ kind }} }}""",
            {"n": namespace},
        )
        assert api.get(f"{path}/one")["spec"] == {"note": "second"}
        event = await stream.event()
        assert (event["type"], event["object"]["spec"]) == ("MODIFIED", {"note": "second", "input": None})
    read = await odd.data(
        f"""query($n: String) {{ {prefix}_{plural}(namespace: $n) {{ items {{ spec {{ note }} }} }}
        object(apiVersion: "{group}/v1", kind: "{kind}", name: "one", namespace: $n) {{ kind }} }}""",
        {"n": namespace},
    )
    assert read == {f"{prefix}_{plural}": {"items": [{"spec": {"note": "second"}}]}, "object": {"kind": kind}}


def groups_by_age(api: API, plural: str, *groups: str) -> list[str]:
    """The groups of the CRDs of one plural, the oldest first."""
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    metadata = [api.get(f"{crds}/{plural}.{group}")["metadata"] for group in groups]
    metadata.sort(key=lambda item: (item["creationTimestamp"], item["name"]))
    return [item["name"].removeprefix(f"{plural}.") for item in metadata]


async def test_custom_kinds_do_not_take_short_names_from_other_kinds(odd: GatewayProcess, api: API) -> None:
    data = await odd.data("{ resources { group version kind fields } pods(limit: 1) { __typename } }")
    fields = {
        (resource["group"], resource["version"], resource["kind"]): resource["fields"]
        for resource in data["resources"]
    }

    assert data["pods"]["__typename"] == "PodList"
    assert "pods" in fields["", "v1", "Pod"]
    older, newer = groups_by_age(api, "backups", GROUP, "odder.example.org")
    assert {"backup", "backups"} < set(fields[older, "v1", "Backup"])
    assert not {"backup", "backups"} & set(fields[newer, "v1", "Backup"])
    assert {"podList", "podLists"} < set(fields[GROUP, "v1", "PodList"])
    assert not {"pod", "pods"} & set(fields[GROUP, "v1", "Pod"])
    assert {"queries", "query"} < set(fields[GROUP, "v1", "Query"])
    assert {"fleets", "scaleFleet"} < set(fields[GROUP, "v2", "Fleet"])
    assert "fleets" not in fields[GROUP, "v1", "Fleet"]
    assert (GROUP, "v3alpha1", "Fleet") not in fields


def declared_properties(kind: str) -> list[str]:
    (definition,) = [item for item in odd_definitions() if item["spec"]["names"]["kind"] == kind]
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return list(schema["properties"]["spec"]["properties"])


async def test_properties_may_have_any_name(odd: GatewayProcess, api: API, namespace: str) -> None:
    names = property_names(declared_properties("Labyrinth"))
    spec = {key: f"value of {key}" for key in names}
    renamed = {names[key]: value for key, value in spec.items()}
    selection = " ".join(renamed)
    arguments = {"n": namespace, "o": {
        "metadata": {"name": "one"}, "spec": renamed, "json": "own", "x__deep": {"in__side": [renamed, {}]}
    }}  # fmt: skip
    watched = f"""subscription($n: String) {{ labyrinths(namespace: $n) {{
      type object {{ spec {{ {selection} }} x__deep {{ in__side {{ _24_ref }} }} }} }} }}"""
    async with odd.subscribe(watched, {"n": namespace}) as stream:
        assert await stream.synced() == []
        created = await odd.data(
            f"""mutation($n: String, $o: OddExampleComV1LabyrinthInput!) {{
            createLabyrinth(object: $o, namespace: $n) {{
              json yaml spec {{ {selection} }} x__deep {{ in__side {{ {selection} }} }} }} }}""",
            arguments,
        )
        stored = api.get(grouped(f"{GROUP}/v1", "labyrinths", namespace, "one"))
        assert stored["spec"] == spec
        assert (stored["json"], stored["x-deep"]) == ("own", {"in-side": [spec, {}]})
        assert created["createLabyrinth"] == {
            "json": "own", "yaml": None, "spec": renamed,
            "x__deep": {"in__side": [renamed, dict.fromkeys(renamed)]},
        }  # fmt: skip
        deep = {"in__side": [{"_24_ref": "value of $ref"}, {"_24_ref": None}]}
        assert await stream.event() == {"type": "ADDED", "object": {"spec": renamed, "x__deep": deep}}
        await odd.data(
            """mutation($n: String) { patchLabyrinth(name: "one", namespace: $n,
            patch: {spec: {_24_ref: null, a__b: "patched"}}) { kind } }""",
            {"n": namespace},
        )
        event = await stream.event()
        assert (event["object"]["spec"]["_24_ref"], event["object"]["spec"]["a__b"]) == (None, "patched")
    stored = api.get(grouped(f"{GROUP}/v1", "labyrinths", namespace, "one"))
    assert "$ref" not in stored["spec"]
    assert stored["spec"] == {
        **{k: v for k, v in spec.items() if k != "$ref"},
        reverse(names)["a__b"]: "patched",
    }


def reverse(names: dict[str, str]) -> dict[str, str]:
    return {name: key for key, name in names.items()}


async def test_a_kind_may_have_several_versions_a_status_and_a_scale(odd: GatewayProcess, api: API) -> None:
    await odd.data(
        """mutation { createFleet(object: {metadata: {name: "one"}, spec: {ships: 3, flag__ship: "f"}})
          { kind }
        patchFleetStatus(name: "one", patch: {status: {at__sea: true, ships: 2}}) { kind }
        scaleFleet(name: "one", replicas: 5) { spec { replicas } status { replicas } } }"""
    )
    data = await odd.data(
        """{ fleet(name: "one") { apiVersion spec { ships flag__ship } status { ships at__sea } }
        odd_example_com_v1_fleet(name: "one") { apiVersion spec { ships } }
        odd_example_com_v1beta1_fleets { items { apiVersion spec { ships } } } }"""
    )
    assert data == {
        "fleet": {
            "apiVersion": f"{GROUP}/v2",
            "spec": {"ships": 5, "flag__ship": "f"},
            "status": {"ships": 2, "at__sea": True},
        },
        "odd_example_com_v1_fleet": {"apiVersion": f"{GROUP}/v1", "spec": {"ships": 5}},
        "odd_example_com_v1beta1_fleets": {
            "items": [{"apiVersion": f"{GROUP}/v1beta1", "spec": {"ships": 5}}]
        },
    }
    assert api.get(grouped(f"{GROUP}/v2", "fleets", None, "one"))["spec"]["flag-ship"] == "f"


@pytest.mark.parametrize("kind", ["Wild", "Barren"])
async def test_a_kind_may_have_no_schema(odd: GatewayProcess, api: API, namespace: str, kind: str) -> None:
    plural, inside = f"{kind.lower()}s", {"spec": {"z": [1, None], "a": {"big": 2**60}}, "more": "text"}
    api.create(
        grouped(f"{GROUP}/v1", plural, namespace),
        {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": "one"}, **inside},
    )
    await odd.data(
        f"""mutation($n: String, $value: JSON) {{ patch{kind}(name: "one", namespace: $n,
        fieldValidation: WARN, operations: [{{op: "add", path: "/added", value: $value}}]) {{ kind }} }}""",
        {"n": namespace, "value": {"deep": [2**60]}},
    )
    data: dict[str, Any] = await odd.data(
        f"query($n: String) {{ {plural}(namespace: $n) {{ items {{ metadata {{ name }} json yaml }} }} }}",
        {"n": namespace},
    )
    (item,) = data[plural]["items"]
    stored = api.get(grouped(f"{GROUP}/v1", plural, namespace, "one"))
    assert item["json"] == stored
    assert item["metadata"]["name"] == "one"
    assert ("added" in stored) is (kind == "Wild")
    assert ("big: 1152921504606846976" in item["yaml"]) is (kind == "Wild")


def test_the_printed_schema_is_limited_to_groups_and_kinds(odd: GatewayProcess, backend: Backend) -> None:
    arguments = ["--kubeconfig", str(backend.kubeconfig), "--groups", f"{GROUP},core", "--kinds", "pod"]
    done = run_gateway("schema", *arguments)
    printed = definitions_of(done.stdout)

    assert done.returncode == 0, done.stderr
    assert {
        "Pod",
        "PodSpec",
        "PodInput",
        "OddExampleComV1Pod",
        "OddExampleComV1PodInput_c7989214af01_",
    } <= set(printed)
    assert not {"Deployment", "Node", "OddExampleComV1Query", "OddExampleComV1Backup"} & set(printed)
