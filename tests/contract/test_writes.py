"""Create and apply: typed or as JSON, with generated names, field validation and field owners."""

from typing import Any

import pytest

from tests.fixtures.api import API, core, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess

TREASURES = "odd.example.com/v1"
UNDECLARED = {"mode": "fast", "open": {"known": "k", "unknown": {"deep": [1, 2**60]}}}


@pytest.fixture
def api(backend: Backend) -> API:
    return backend.api()


async def write(gateway: GatewayProcess, field: str, variables: dict[str, Any]) -> dict[str, Any]:
    query = f"mutation($n: String, $o: JSON) {{ answer: {field} {{ json metadata {{ name }} }} }}"
    answer: dict[str, Any] = (await gateway.data(query, variables))["answer"]
    return answer


@pytest.mark.parametrize("verb", ["create", "apply"])
async def test_json_reaches_fields_that_the_schema_does_not_declare(
    odd: GatewayProcess, api: API, namespace: str, verb: str
) -> None:
    treasure = {"metadata": {"name": "one"}, "spec": UNDECLARED}
    answer = await write(
        odd, f"{verb}Treasure(objectJson: $o, namespace: $n)", {"n": namespace, "o": treasure}
    )
    stored = api.get(grouped(TREASURES, "treasures", namespace, "one"))
    assert stored == answer["json"]
    assert stored["spec"]["open"] == UNDECLARED["open"]
    (owner,) = stored["metadata"]["managedFields"]
    assert owner["manager"] == "kube-graphql"
    assert "f:unknown" in owner["fieldsV1"]["f:spec"]["f:open"]


@pytest.mark.parametrize("field", ["createConfigMap", "applyConfigMap"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("dryRun: true", "exactly one"),
        ('object: {metadata: {name: "a"}}, objectJson: {}', "exactly one"),
        ("objectJson: []", "has to be an object"),
        ('objectJson: "{}"', "has to be an object"),
        ("objectJson: {metadata: 1}", "metadata"),
        ("objectJson: {metadata: {namespace: 1}}", "metadata"),
    ],
)
async def test_a_malformed_object_is_refused_before_it_is_sent(
    gateway: GatewayProcess, field: str, arguments: str, words: str
) -> None:
    error = await gateway.error(f"mutation {{ {field}({arguments}) {{ kind }} }}")
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert words in error["message"]


async def test_a_generated_name_begins_with_its_prefix(gateway: GatewayProcess, namespace: str) -> None:
    names = set()
    for _ in range(2):
        created = {"metadata": {"generateName": "note-"}, "data": {"a": "b"}}
        answer = await write(
            gateway, "createConfigMap(objectJson: $o, namespace: $n)", {"n": namespace, "o": created}
        )
        names.add(answer["metadata"]["name"])
    assert len(names) == 2
    assert all(name.startswith("note-") and len(name) > len("note-") for name in names)


async def test_unknown_fields_are_refused_unless_validation_is_lenient(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    written = {"metadata": {"name": "one"}, "data": {"a": "b"}, "unheardOf": 1}
    variables = {"n": namespace, "o": written}
    query = "mutation($n: String, $o: JSON) { createConfigMap(objectJson: $o, namespace: $n) { kind } }"
    error = await gateway.error(query, variables)
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "unheardOf" in error["message"]

    await write(gateway, "createConfigMap(objectJson: $o, namespace: $n, fieldValidation: IGNORE)", variables)
    assert "unheardOf" not in api.get(core("configmaps", namespace, "one"))


async def test_a_variable_that_was_not_given_is_absent(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    query = """mutation($n: String, $data: StringMap, $immutable: Boolean, $type: PatchType) {
      createConfigMap(namespace: $n, object: {metadata: {name: "one"}, data: {a: "b"}}) { kind }
      patchConfigMap(name: "one", namespace: $n, type: $type,
        patch: {data: $data, immutable: $immutable}) { kind } }"""
    await gateway.data(query, {"n": namespace})
    assert api.get(core("configmaps", namespace, "one"))["data"] == {"a": "b"}
    emptied = """mutation($n: String, $data: StringMap) {
      patchConfigMap(name: "one", namespace: $n, patch: {data: $data}) { kind } }"""
    await gateway.data(emptied, {"n": namespace, "data": None})
    assert "data" not in api.get(core("configmaps", namespace, "one"))


async def test_a_rollout_is_paused_and_resumed(gateway: GatewayProcess, api: API, namespace: str) -> None:
    path = grouped("apps/v1", "deployments", namespace, "web")

    async def send(mutation: str, options: str = "") -> Any:
        field = f'answer: {mutation}(name: "web", namespace: $n{options}) {{ spec {{ paused }} }}'
        data = await gateway.data(f"mutation($n: String) {{ {field} }}", {"n": namespace})
        return data["answer"]["spec"]["paused"]

    assert await send("pauseDeployment", ", dryRun: true") is True
    assert "paused" not in api.get(path)["spec"]
    assert await send("pauseDeployment") is True
    assert api.get(path)["spec"]["paused"] is True
    assert await send("resumeDeployment") is None
    assert "paused" not in api.get(path)["spec"]


async def test_a_node_is_cordoned_and_uncordoned(gateway: GatewayProcess, api: API, namespace: str) -> None:
    node = api.create(core("nodes"), {"metadata": {"name": f"node-of-{namespace}"}})["metadata"]["name"]
    path = core("nodes", None, node)
    try:
        await gateway.data(f'mutation {{ cordonNode(name: "{node}") {{ kind }} }}')
        assert api.get(path)["spec"]["unschedulable"] is True
        await gateway.data(f'mutation {{ uncordonNode(name: "{node}") {{ kind }} }}')
        assert "unschedulable" not in api.get(path).get("spec", {})
    finally:
        api.delete(path)


async def test_warnings_of_the_api_server_have_the_path_of_their_field(
    gateway: GatewayProcess, namespace: str
) -> None:
    query = """mutation($n: String, $o: JSON) {
      silent: createConfigMap(objectJson: {metadata: {name: "a"}}, namespace: $n) { kind }
      warned: createConfigMap(objectJson: $o, namespace: $n, fieldValidation: WARN) { kind } }"""
    answer = await gateway.execute(query, {"n": namespace, "o": {"metadata": {"name": "b"}, "unheardOf": 1}})
    assert "errors" not in answer
    (warning,) = answer["extensions"]["warnings"]
    assert warning["path"] == ["warned"]
    assert "unheardOf" in warning["message"]
