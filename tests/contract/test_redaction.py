"""``--redact``: no answer has the values of a Secret."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fixtures.api import core, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway

CANARY = "canary-5d20"
ENCODED = base64.b64encode(CANARY.encode()).decode()
MASK = base64.b64encode(b"REDACTED").decode()
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
APPLIED = f"/metadata/annotations/{LAST_APPLIED.replace('/', '~1')}"
"""The JSON Pointer of the annotation."""
WHERE = 'name: "canary", namespace: "{}"'
FIELDS = """
  data json yaml type
  metadata { name annotations annotation(key: "kubectl.kubernetes.io/last-applied-configuration") }
"""


@pytest.fixture(scope="module")
def redacting(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    options = ("--kubeconfig", str(backend.kubeconfig), "--redact", "--cache", "secrets")
    with start_gateway(tmp_path_factory.mktemp("redacting"), *options) as gateway:
        yield gateway
        assert CANARY not in gateway.process.output()
        assert ENCODED not in gateway.process.output()


def expect_masked(answer: object) -> None:
    text = json.dumps(answer)
    assert MASK in text or "REDACTED" in text, text
    assert CANARY not in text
    assert ENCODED not in text


async def test_no_answer_has_the_values_of_a_secret(
    backend: Backend, redacting: GatewayProcess, namespace: str
) -> None:
    annotations = {LAST_APPLIED: json.dumps({"data": {"a": ENCODED}})}
    metadata = {"name": "canary", "annotations": annotations}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"key": ENCODED}}
    created = backend.api().create(core("secrets", namespace), secret)
    version = created["metadata"]["resourceVersion"]
    reader = pod("reader", labels={})
    reader["spec"]["volumes"] = [{"name": "v", "secret": {"secretName": "canary"}}]
    backend.api().create(core("pods", namespace), reader)
    reads = f'pod(name: "reader", namespace: "{namespace}")'
    where = WHERE.format(namespace)
    for query in (
        f"{{ secret({where}) {{ {FIELDS} }} }}",
        f'{{ secrets(namespace: "{namespace}") {{ items {{ {FIELDS} }} }} }}',
        f'{{ secrets(namespace: "{namespace}", resourceVersion: "{version}") {{ items {{ {FIELDS} }} }} }}',
        f'{{ secrets(namespace: "{namespace}", allPages: true) {{ items {{ {FIELDS} }} }} }}',
        f'{{ secrets(namespace: "{namespace}") {{ items {{ metadata {{ annotations }} }} }} }}',
        f'mutation {{ patchSecret({where}, patch: {{stringData: {{more: "{CANARY}"}}}}) {{ {FIELDS} }} }}',
        f'{{ object(apiVersion: "v1", kind: "Secret", {where}) {{ json yaml }} }}',
        f'{{ tree(kind: "Secret", {where}) {{ object {{ json yaml }} }} }}',
        f"{{ {reads} {{ secrets {{ items {{ {FIELDS} }} }} }} }}",
        f"{{ {reads} {{ spec {{ volumes {{ secret {{ secret {{ data json }} }} }} }} }} }}",
    ):
        expect_masked(await redacting.data(query))
    assert (
        CANARY
        in base64.b64decode(backend.api().get(core("secrets", namespace, "canary"))["data"]["more"]).decode()
    )


async def test_a_diff_does_not_show_the_copy_that_kubectl_apply_keeps(
    backend: Backend, redacting: GatewayProcess, namespace: str
) -> None:
    metadata = {"name": "canary", "annotations": {LAST_APPLIED: CANARY}}
    backend.api().create(core("configmaps", namespace), {"metadata": metadata, "data": {"key": "before"}})
    changed = 'object: {metadata: {name: "canary"}, data: {key: "after"}}, force: true'
    query = (
        f'{{ diffConfigMap(namespace: "{namespace}", {changed}) {{ unified changes {{ before after }} }} }}'
    )
    data = await redacting.data(query)
    assert CANARY not in json.dumps(data)
    assert data["diffConfigMap"]["changes"] == [{"before": "before", "after": "after"}]


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("Secret", '{op: "copy", from: "/data/key", path: "/metadata/annotations/copy"}'),
        ("Secret", '{op: "copy", from: "/data/key", path: "/metadata/generateName"}'),
        ("Secret", '{op: "move", from: "/data", path: "/metadata/annotations"}'),
        ("Secret", '{op: "copy", from: "/data/key", path: "/type"}'),
        ("Secret", '{op: "copy", from: "", path: "/metadata/annotations/copy"}'),
        ("ConfigMap", f'{{op: "copy", from: "{APPLIED}", path: "/data/copy"}}'),
    ],
)
async def test_a_json_patch_copies_no_masked_value_to_another_place(
    backend: Backend, redacting: GatewayProcess, namespace: str, kind: str, operation: str
) -> None:
    metadata = {"name": "canary", "annotations": {LAST_APPLIED: CANARY}}
    stored = {"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": {"key": ENCODED}}
    resource = core(f"{kind.lower()}s", namespace)
    backend.api().create(resource, stored)
    where = WHERE.format(namespace)
    query = f"mutation {{ patch{kind}({where}, operations: [{operation}]) {{ json }} }}"
    error = await redacting.error(query)
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "--redact" in error["message"]


GUESSES: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "test": ("patchSecret(@, operations: $v)", lambda _, guess: [operation("test", "/data/key", guess)]),
    "test of all data": (
        "patchSecret(@, operations: $v)",
        lambda _, guess: [operation("test", "/data", {"key": guess, "planted": guess})],
    ),
    "copy onto a guess": (
        "patchSecret(@, operations: $v)",
        lambda *_: [{"op": "copy", "from": "/data/key", "path": "/data/planted"}],
    ),
    "dry run of a patch": (
        "patchSecret(@, patchJson: $v, dryRun: true)",
        lambda _, guess: {"data": {"key": guess}},
    ),
    "dry run of a JSON Patch": (
        "patchSecret(@, operations: $v, dryRun: true)",
        lambda _, guess: [operation("replace", "/data", {"key": guess})],
    ),
    "dry run of a forced apply": (
        "applySecret(namespace: $n, objectJson: $v, force: true, dryRun: true)",
        lambda name, guess: {"metadata": {"name": name}, "data": {"key": guess}},
    ),
    "apply": (
        "applySecret(namespace: $n, objectJson: $v)",
        lambda name, guess: {"metadata": {"name": name}, "data": {"key": guess}},
    ),
    "patch of an immutable Secret": (
        "patchSecret(name: $fixed, namespace: $n, patchJson: $v)",
        lambda _, guess: {"data": {"key": guess}},
    ),
    "JSON Patch of an immutable Secret": (
        "patchSecret(name: $fixed, namespace: $n, operations: $v)",
        lambda _, guess: [operation("replace", "/data/key", guess)],
    ),
    "test of the copy": (
        "patchConfigMap(@, operations: $v)",
        lambda _, guess: [operation("test", APPLIED, guess)],
    ),
    "test of all annotations": (
        "patchConfigMap(@, operations: $v)",
        lambda _, guess: [operation("test", "/metadata/annotations", {LAST_APPLIED: guess})],
    ),
    "dry run with the copy": (
        "patchConfigMap(@, patchJson: $v, dryRun: true)",
        lambda _, guess: {"metadata": {"annotations": {LAST_APPLIED: guess}}},
    ),
    "apply with the copy": (
        "applyConfigMap(namespace: $n, objectJson: $v)",
        lambda name, guess: {"metadata": {"name": name, "annotations": {LAST_APPLIED: guess}}},
    ),
    "diff with the copy": (
        "diffConfigMap(namespace: $n, objectJson: $v)",
        lambda name, guess: {"metadata": {"name": name, "annotations": {LAST_APPLIED: guess}}},
    ),
}
"""A field, with ``@`` for the arguments of the object, and the value of ``$v`` for a name and a guess."""


def operation(op: str, path: str, value: object) -> dict[str, object]:
    return {"op": op, "path": path, "value": value}


@pytest.mark.parametrize("guessing", GUESSES)
async def test_no_answer_tells_whether_a_guess_is_right(
    backend: Backend, redacting: GatewayProcess, namespace: str, guessing: str
) -> None:
    field, value = GUESSES[guessing]
    field = field.replace("@", "name: $name, namespace: $n")
    api = backend.api()
    answers = []
    for name, guess in (("guessed-1", ENCODED), ("guessed-2", base64.b64encode(b"canary-0000").decode())):
        annotations = {LAST_APPLIED: ENCODED}
        data = {"key": ENCODED, "planted": guess}
        for created, own in ((name, {}), (f"{name}-fixed", {"immutable": True})):
            metadata = {"name": created}
            api.create(core("secrets", namespace), {"metadata": metadata, "data": data, **own})
        config_map = {"metadata": {"name": name, "annotations": annotations}}
        api.create(core("configmaps", namespace), config_map)
        type_ = "[JSONPatchOperation!]" if "operations:" in field else "JSON"
        declared = f"($n: String!, $name: String!, $fixed: String!, $v: {type_})"
        wanted = "unified" if "diff" in field else "fieldOwners { manager operation paths }"
        operation_type = "query" if "diff" in field else "mutation"
        query = f"{operation_type}{declared} {{ answer: {field} {{ {wanted} }} }}"
        query = query if "$name" in field else query.replace("$name: String!, ", "")
        query = query if "$fixed" in field else query.replace("$fixed: String!, ", "")
        variables = {"n": namespace, "name": name, "fixed": f"{name}-fixed", "v": value(name, guess)}
        answer = json.dumps(await redacting.execute(query, variables))
        answers.append(answer.replace(name, "NAME").replace(guess, "GUESS"))
    assert answers[0] == answers[1]


async def test_writes_that_tell_nothing_about_a_masked_value_are_sent(
    backend: Backend, redacting: GatewayProcess, namespace: str
) -> None:
    async def write(field: str, value: object) -> None:
        query = f"mutation($n: String!, $v: JSON) {{ answer: {field} {{ data }} }}"
        expect_masked(await redacting.data(query, {"n": namespace, "v": value}))

    secret = {"metadata": {"name": "own"}, "data": {"key": ENCODED}}
    again = {**secret, "data": {"key": ENCODED, "more": ENCODED}}
    await write("applySecret(namespace: $n, objectJson: $v)", secret)
    await write("applySecret(namespace: $n, objectJson: $v)", again)
    await write('applySecret(namespace: $n, objectJson: $v, fieldManager: "other", force: true)', secret)
    await write('patchSecret(name: "own", namespace: $n, patchJson: $v)', {"stringData": {"new": CANARY}})
    labelled = {"metadata": {"labels": {"a": "b"}}}
    await write('patchSecret(name: "own", namespace: $n, patchJson: $v, dryRun: true)', labelled)
    await write('patchSecret(name: "own", namespace: $n, patchJson: $v)', {"immutable": True})
    await write('patchSecret(name: "own", namespace: $n, patchJson: $v)', labelled)
    stored = backend.api().get(core("secrets", namespace, "own"))
    assert stored["data"].keys() == {"key", "more", "new"}
    assert stored["metadata"]["labels"] == {"a": "b"}


async def test_the_trace_does_not_tell_the_length_of_a_value(
    backend: Backend, redacting: GatewayProcess, namespace: str
) -> None:
    sizes = []
    for name, value in (("short", CANARY), ("large", CANARY * 100)):
        secret = {"metadata": {"name": name}, "stringData": {"key": value}}
        backend.api().create(core("secrets", namespace), secret)
        query = f'{{ secret(name: "{name}", namespace: "{namespace}") {{ data }} }}'
        body = {"query": query, "extensions": {"trace": True}}
        answer = (await redacting.request("POST", "/graphql", json=body)).json()
        (request,) = answer["extensions"]["upstream"]
        sizes.append(request["bytes"])
    assert abs(sizes[0] - sizes[1]) < len(CANARY)


async def test_a_subscription_has_masked_values(
    backend: Backend, redacting: GatewayProcess, namespace: str
) -> None:
    query = f'subscription {{ secrets(namespace: "{namespace}") {{ type object {{ {FIELDS} }} }} }}'
    async with redacting.subscribe(query) as stream:
        await stream.synced()
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "canary"}}
        backend.api().create(core("secrets", namespace), {**secret, "stringData": {"key": CANARY}})
        expect_masked(await stream.event())


async def test_no_answer_has_the_copy_that_kubectl_apply_keeps_of_an_object(
    backend: Backend, redacting: GatewayProcess, namespace: str
) -> None:
    annotations = {LAST_APPLIED: json.dumps({"data": {"a": CANARY}})}
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "plain"}}
    metadata = {"name": "canary", "annotations": annotations}
    where = WHERE.format(namespace)
    watch = f'subscription {{ configMaps(namespace: "{namespace}") {{ type object {{ json yaml }} }} }}'
    async with redacting.subscribe(watch) as stream:
        await stream.synced()
        created = backend.api().create(core("configmaps", namespace), {**config_map, "metadata": metadata})
        expect_masked(await stream.event())
        cached = f'resourceVersion: "{created["metadata"]["resourceVersion"]}"'
        for query in (
            f"{{ configMap({where}) {{ json yaml metadata {{ annotations }} }} }}",
            f'{{ configMaps(namespace: "{namespace}") {{ items {{ json yaml }} }} }}',
            f'{{ configMaps(namespace: "{namespace}", {cached}) {{ items {{ json }} }} }}',
            f'{{ configMaps(namespace: "{namespace}") {{ items {{ metadata {{ annotations }} }} }} }}',
            f"mutation {{ patchConfigMap({where}, patch: {{immutable: false}}) {{ json yaml }} }}",
        ):
            expect_masked(await redacting.data(query))
