"""Refusals name the place in the arguments: ``extensions.causes`` beside the API server's own details."""

from typing import Any

import pytest

from tests.fixtures.api import core, deployment
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess

CREATE = "mutation($n: String, $o: DeploymentInput) { createDeployment(namespace: $n, object: $o) { kind } }"
CREATE_JSON = "mutation($n: String, $o: JSON) { createDeployment(namespace: $n, objectJson: $o) { kind } }"
APPLY_JSON = (
    'mutation($n: String, $o: JSON) { applyDeployment(namespace: $n, fieldManager: "second", objectJson: $o)'
    " { kind } }"
)
PATCH_JSON = (
    "mutation($n: String, $p: JSON, $t: PatchType)"
    ' { patchDeployment(name: "web", namespace: $n, patchJson: $p, type: $t) { kind } }'
)
TEMPLATE = ["spec", "template", "spec", "containers"]


async def places(gateway: GatewayProcess, query: str, **variables: Any) -> dict[str, list[str | int] | None]:
    """The places of the causes, by the API server's fields."""
    error = await gateway.error(query, variables)
    causes = error["extensions"]["causes"]
    assert all(cause.keys() == {"message", "field", "reason", "inputPath"} for cause in causes)
    return {cause["field"]: cause["inputPath"] for cause in causes}


def with_unknown_fields(name: str) -> dict[str, Any]:
    written = deployment(name)
    written["spec"]["replica"] = 3
    written["spec"]["template"]["spec"]["containers"][1]["imag"] = "x"
    return written


async def test_an_unknown_field_of_a_created_object_has_its_place(
    gateway: GatewayProcess, namespace: str
) -> None:
    assert await places(gateway, CREATE_JSON, n=namespace, o=with_unknown_fields("new")) == {
        "spec.replica": ["objectJson", "spec", "replica"],
        "spec.template.spec.containers[1].imag": ["objectJson", *TEMPLATE, 1, "imag"],
    }


async def test_an_unknown_field_of_an_applied_object_has_its_place(
    gateway: GatewayProcess, namespace: str
) -> None:
    found = await places(gateway, APPLY_JSON, n=namespace, o=with_unknown_fields("new"))
    assert found[".spec.replica"] == ["objectJson", "spec", "replica"]


@pytest.mark.parametrize(
    ("type_", "place"),
    [("MERGE", [*TEMPLATE, 0, "imag"]), ("STRATEGIC", TEMPLATE)],
)
async def test_an_unknown_field_of_a_patch_has_its_place(
    gateway: GatewayProcess, namespace: str, type_: str, place: list[str | int]
) -> None:
    containers = [{"name": "main", "image": "i", "imag": "x"}]
    patch = {"spec": {"replica": 3, "template": {"spec": {"containers": containers}}}}
    assert await places(gateway, PATCH_JSON, n=namespace, p=patch, t=type_) == {
        "spec.replica": ["patchJson", "spec", "replica"],
        "spec.template.spec.containers[0].imag": ["patchJson", *place],
    }


async def test_an_unknown_field_of_a_json_patch_is_an_operation(
    gateway: GatewayProcess, namespace: str
) -> None:
    query = (
        "mutation($n: String, $o: [JSONPatchOperation!])"
        ' { patchDeployment(name: "web", namespace: $n, operations: $o) { kind } }'
    )
    operations = [
        {"op": "test", "path": "/spec/replicas", "value": 1},
        {"op": "add", "path": "/spec/replica", "value": 3},
    ]
    found = await places(gateway, query, n=namespace, o=operations)
    assert found == {"spec.replica": ["operations", 1, "value"]}


async def test_a_value_of_another_type_has_its_place(gateway: GatewayProcess, namespace: str) -> None:
    written = deployment("new")
    written["spec"]["replicas"] = "three"
    found = await places(gateway, CREATE_JSON, n=namespace, o=written)
    assert found == {"spec.replicas": ["objectJson", "spec", "replicas"]}


async def test_each_conflict_has_its_place(gateway: GatewayProcess, namespace: str) -> None:
    apply = APPLY_JSON.replace('"second"', '"first"')
    await gateway.data(apply, {"n": namespace, "o": deployment("own")})
    written = deployment("own", replicas=2)
    written["spec"]["template"]["spec"]["containers"][1]["image"] = "other"
    written["metadata"]["annotations"]["note"] = "second"

    error = await gateway.error(APPLY_JSON, {"n": namespace, "o": written})

    assert error["extensions"]["code"] == "CONFLICT"
    own = error["extensions"]["kubernetes"]["details"]["causes"]
    causes = error["extensions"]["causes"]
    assert [{**cause, "inputPath": None} for cause in own] == [
        {**cause, "inputPath": None} for cause in causes
    ]
    assert sorted((cause["inputPath"] for cause in causes), key=str) == [
        ["objectJson", "metadata", "annotations", "note"],
        ["objectJson", "spec", "replicas"],
        ["objectJson", *TEMPLATE, 1, "image"],
    ]
    # the same for an object in GraphQL's types
    typed = APPLY_JSON.replace("JSON)", "DeploymentInput)").replace("objectJson", "object")
    found = await places(gateway, typed, n=namespace, o=written)
    assert found[".spec.replicas"] == ["object", "spec", "replicas"]


async def test_a_failure_without_causes_has_none(gateway: GatewayProcess, namespace: str) -> None:
    error = await gateway.error(PATCH_JSON.replace('"web"', '"absent"'), {"n": namespace, "p": {}})
    assert error["extensions"]["code"] == "NOT_FOUND"
    assert "causes" not in error["extensions"]


@pytest.fixture
def validating(backend: Backend) -> Backend:
    if not backend.is_real:
        pytest.skip("the demo validates names, replicas and selectors only")
    return backend


async def test_each_invalid_value_has_its_place(
    gateway: GatewayProcess, validating: Backend, namespace: str
) -> None:
    written = deployment("new", replicas=-1)
    spec = written["spec"]["template"]["spec"]
    spec["nodeSelector"] = {"a b": "x"}
    spec["containers"][1]["env"] = [{"name": ""}]
    del spec["containers"][0]["image"]
    written["metadata"]["annotations"]["not ok"] = "x"

    found = await places(gateway, CREATE, n=namespace, o=written)

    at = ["object", *TEMPLATE]
    assert found == {
        "spec.replicas": ["object", "spec", "replicas"],
        "spec.template.spec.containers[0].image": [*at, 0, "image"],
        "spec.template.spec.containers[1].env[0].name": [*at, 1, "env", 0, "name"],
        "spec.template.spec.nodeSelector": ["object", "spec", "template", "spec", "nodeSelector"],
        "metadata.annotations": ["object", "metadata", "annotations"],
    } | {field: path for field, path in found.items() if "nodeSelector" in field}
    assert any("nodeSelector" in field for field in found)


async def test_a_key_of_a_map_has_its_place(
    gateway: GatewayProcess, validating: Backend, namespace: str
) -> None:
    query = "mutation($n: String, $o: ConfigMapInput) { createConfigMap(namespace: $n, object: $o) { kind } }"
    found = await places(gateway, query, n=namespace, o={"metadata": {"name": "one"}, "data": {"a b.c": "1"}})
    assert found == {"data[a b.c]": ["object", "data", "a b.c"]}


@pytest.mark.parametrize(
    "arguments", ["scaleDeployment(replicas: -1", "patchDeployment(patch: {spec: {replicas: -1}}"]
)
async def test_an_invalid_number_of_replicas_has_its_place(
    gateway: GatewayProcess, validating: Backend, namespace: str, arguments: str
) -> None:
    found = await places(
        gateway,
        f'mutation($n: String) {{ {arguments}, name: "web", namespace: $n) {{ kind }} }}',
        n=namespace,
    )
    is_scale = arguments.startswith("scale")
    assert found == {"spec.replicas": ["replicas"] if is_scale else ["patch", "spec", "replicas"]}


async def test_an_immutable_field_has_its_place(
    gateway: GatewayProcess, validating: Backend, namespace: str
) -> None:
    labels = {"app": "other"}
    patch = {"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}}
    found = await places(gateway, PATCH_JSON, n=namespace, p=patch, t="MERGE")
    assert found == {"spec.selector": ["patchJson", "spec", "selector"]}


async def test_another_uid_is_a_cause_in_its_argument(
    gateway: GatewayProcess, validating: Backend, namespace: str
) -> None:
    patch = (
        'patchDeployment(name: "web", namespace: $n, patch: {}, uid: "00000000-0000-0000-0000-000000000000")'
    )
    found = await places(gateway, f"mutation($n: String) {{ {patch} {{ kind }} }}", n=namespace)
    assert found == {"metadata.uid": ["uid"]}


async def test_an_object_for_a_subresource_has_places(
    gateway: GatewayProcess, validating: Backend, namespace: str
) -> None:
    validating.api().create(core("serviceaccounts", namespace), {"metadata": {"name": "one"}})
    query = (
        'mutation($n: String) { createServiceAccountToken(name: "one", namespace: $n,'
        " object: {spec: {expirationSeconds: 5}}) { kind } }"
    )
    found = await places(gateway, query, n=namespace)
    assert found == {"spec.expirationSeconds": ["object", "spec", "expirationSeconds"]}


async def test_a_renamed_property_has_its_name_in_graphql(
    odd: GatewayProcess, validating: Backend, namespace: str
) -> None:
    deep = {"in__side": [{}, {"with_20_space": "x" * 61}]}
    query = (
        "mutation($n: String, $o: OddExampleComV1LabyrinthInput)"
        " { createLabyrinth(namespace: $n, object: $o) { kind } }"
    )
    found = await places(odd, query, n=namespace, o={"metadata": {"name": "one"}, "x__deep": deep})
    assert found["x-deep.in-side[1].with space"] == ["object", "x__deep", "in__side", 1, "with_20_space"]
