"""Patches: strategic, merge and JSON Patch, dry run, field manager, and refusals.

Covers ``gateway/resolvers/patch.py``.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import core, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway

IMAGES = "spec { template { spec { containers { name image } } } }"


def stored(backend: Backend, namespace: str, name: str = "web") -> dict[str, Any]:
    return backend.api().get(grouped("apps/v1", "deployments", namespace, name))


async def patch(gateway: GatewayProcess, namespace: str, arguments: str, selection: str) -> dict[str, Any]:
    field = f'patchDeployment(name: "web", namespace: $n, {arguments})'
    query = f"mutation($n: String) {{ {field} {{ {selection} }} }}"
    answer = (await gateway.data(query, {"n": namespace}))["patchDeployment"]
    assert isinstance(answer, dict)
    return answer


async def refused(gateway: GatewayProcess, namespace: str, arguments: str) -> dict[str, Any]:
    query = f'mutation($n: String) {{ patchDeployment(name: "web", namespace: $n, {arguments}) {{ kind }} }}'
    return await gateway.error(query, {"n": namespace})


async def test_a_strategic_patch_merges_lists_by_their_key(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    containers = '[{name: "main", image: "registry.example/main:2.0"}]'
    arguments = f"patch: {{spec: {{template: {{spec: {{containers: {containers}}}}}}}}}"
    answer = await patch(gateway, namespace, arguments, IMAGES)
    assert answer["spec"]["template"]["spec"]["containers"] == [
        {"name": "main", "image": "registry.example/main:2.0"},
        {"name": "sidecar", "image": "registry.example/sidecar:2.1"},
    ]
    names = [
        container["name"]
        for container in stored(backend, namespace)["spec"]["template"]["spec"]["containers"]
    ]
    assert names == ["main", "sidecar"]


async def test_an_explicit_strategic_patch_merges_lists(gateway: GatewayProcess, namespace: str) -> None:
    containers = '[{name: "sidecar", image: "registry.example/sidecar:3"}]'
    arguments = f"type: STRATEGIC, patch: {{spec: {{template: {{spec: {{containers: {containers}}}}}}}}}"
    answer = await patch(gateway, namespace, arguments, IMAGES)
    assert len(answer["spec"]["template"]["spec"]["containers"]) == 2


async def test_a_merge_patch_replaces_lists(gateway: GatewayProcess, namespace: str) -> None:
    containers = '[{name: "only", image: "registry.example/only:1"}]'
    arguments = f"type: MERGE, patch: {{spec: {{template: {{spec: {{containers: {containers}}}}}}}}}"
    answer = await patch(gateway, namespace, arguments, IMAGES)
    assert answer["spec"]["template"]["spec"]["containers"] == [
        {"name": "only", "image": "registry.example/only:1"}
    ]


async def test_json_patch_operations_are_applied_in_order(gateway: GatewayProcess, namespace: str) -> None:
    operations = """operations: [
      {op: "test", path: "/spec/replicas", value: 1}, {op: "replace", path: "/spec/replicas", value: 4},
      {op: "add", path: "/metadata/annotations/a~1b", value: "x"},
      {op: "copy", from: "/metadata/annotations/a~1b", path: "/metadata/annotations/copied"},
      {op: "remove", path: "/metadata/annotations/note"}]"""
    answer = await patch(gateway, namespace, operations, "spec { replicas } metadata { annotations }")
    assert answer["spec"]["replicas"] == 4
    annotations = answer["metadata"]["annotations"]
    assert (annotations["a/b"], annotations["copied"]) == ("x", "x")
    assert "note" not in annotations


async def test_a_json_patch_whose_test_fails_changes_nothing(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    operations = """operations: [{op: "replace", path: "/spec/replicas", value: 9},
                                 {op: "test", path: "/spec/replicas", value: 1}]"""
    error = await refused(gateway, namespace, operations)
    assert error["extensions"]["code"] == "INVALID"
    assert stored(backend, namespace)["spec"]["replicas"] == 1


async def test_an_operation_may_set_null(gateway: GatewayProcess, backend: Backend, namespace: str) -> None:
    operations = 'operations: [{op: "replace", path: "/metadata/annotations", value: null}]'
    await patch(gateway, namespace, operations, "metadata { name }")
    assert "note" not in stored(backend, namespace)["metadata"].get("annotations", {})


async def test_null_deletes_a_key_and_omitted_keys_stay(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    arguments = 'patch: {metadata: {annotations: null, labels: {extra: "yes"}}}'
    await patch(gateway, namespace, arguments, "kind")
    metadata = stored(backend, namespace)["metadata"]
    assert "note" not in metadata.get("annotations", {})
    assert metadata["labels"] == {"app": "web", "extra": "yes"}


async def test_null_in_variables_deletes_a_key(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    query = """mutation($n: String, $patch: DeploymentInput) {
      patchDeployment(name: "web", namespace: $n, patch: $patch) { metadata { annotations } } }"""
    change = {"metadata": {"annotations": {"note": None, "other": "kept"}}}
    await gateway.data(query, {"n": namespace, "patch": change})
    annotations = stored(backend, namespace)["metadata"]["annotations"]
    assert "note" not in annotations
    assert annotations["other"] == "kept"


async def test_a_dry_run_returns_the_result_and_stores_nothing(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    before = stored(backend, namespace)
    answer = await patch(
        gateway, namespace, "dryRun: true, patch: {spec: {replicas: 7}}", "spec { replicas }"
    )
    assert answer == {"spec": {"replicas": 7}}
    assert stored(backend, namespace)["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("arguments", "manager"),
    [("", "kube-graphql"), (', fieldManager: "the-dashboard"', "the-dashboard")],
)
async def test_the_field_manager_owns_the_patched_fields(
    gateway: GatewayProcess, backend: Backend, namespace: str, arguments: str, manager: str
) -> None:
    selection = "metadata { managedFields { manager operation } }"
    answer = await patch(gateway, namespace, "patch: {spec: {replicas: 5}}" + arguments, selection)
    assert {"manager": manager, "operation": "Update"} in answer["metadata"]["managedFields"]
    assert stored(backend, namespace)["spec"]["replicas"] == 5


@pytest.mark.parametrize(
    "arguments",
    [
        "dryRun: false",
        'patch: {spec: {replicas: 2}}, operations: [{op: "remove", path: "/metadata/labels"}]',
    ],
)
async def test_exactly_one_of_patch_and_operations_is_required(
    gateway: GatewayProcess, backend: Backend, namespace: str, arguments: str
) -> None:
    error = await refused(gateway, namespace, arguments)
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert stored(backend, namespace)["spec"]["replicas"] == 1


async def test_a_forbidden_value_is_invalid_with_its_causes(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    error = await refused(gateway, namespace, "patch: {spec: {replicas: -1}}")
    assert error["extensions"]["code"] == "INVALID"
    kubernetes = error["extensions"]["kubernetes"]
    assert (kubernetes["status"], kubernetes["reason"]) == ("Failure", "Invalid")
    assert "spec.replicas" in {cause["field"] for cause in kubernetes["details"]["causes"]}
    assert stored(backend, namespace)["spec"]["replicas"] == 1


async def test_a_patch_of_an_outdated_version_is_a_conflict(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    version = stored(backend, namespace)["metadata"]["resourceVersion"]
    backend.api().merge(
        grouped("apps/v1", "deployments", namespace, "web"), {"metadata": {"labels": {"moved": "on"}}}
    )
    change = f'patch: {{metadata: {{resourceVersion: "{version}"}}, spec: {{replicas: 2}}}}'
    error = await refused(gateway, namespace, change)
    assert error["extensions"]["code"] == "CONFLICT"
    assert error["extensions"]["kubernetes"]["reason"] == "Conflict"


@pytest.mark.parametrize(
    "change",
    ["patch: {spec: {replicas: 2}}", 'operations: [{op: "replace", path: "/spec/replicas", value: 2}]'],
)
@pytest.mark.parametrize("precondition", ["resourceVersion", "uid"])
async def test_a_precondition_that_does_not_hold_is_a_conflict(
    gateway: GatewayProcess, backend: Backend, namespace: str, change: str, precondition: str
) -> None:
    metadata = stored(backend, namespace)["metadata"]
    other = {"resourceVersion": "1", "uid": "00000000-0000-0000-0000-000000000000"}[precondition]
    error = await refused(gateway, namespace, f'{change}, {precondition}: "{other}"')
    assert error["extensions"]["code"] == "CONFLICT"
    assert stored(backend, namespace)["metadata"]["resourceVersion"] == metadata["resourceVersion"]

    answer = await patch(
        gateway, namespace, f'{change}, {precondition}: "{metadata[precondition]}"', "spec { replicas }"
    )
    assert answer == {"spec": {"replicas": 2}}


async def test_operations_may_be_retried_on_a_conflict(gateway: GatewayProcess, namespace: str) -> None:
    guard, change = (
        f'{{op: "{op}", path: "/spec/replicas", value: {value}}}'
        for op, value in (("test", 1), ("replace", 4))
    )
    operations = f"operations: [{guard}, {change}]"
    answer = await patch(gateway, namespace, f"{operations}, retryOnConflict: 3", "spec { replicas }")
    assert answer == {"spec": {"replicas": 4}}
    for misused in (
        "patch: {spec: {replicas: 2}}, retryOnConflict: 3",
        f'{operations}, retryOnConflict: 1, uid: "1"',
    ):
        error = await refused(gateway, namespace, misused)
        assert error["extensions"]["code"] == "BAD_REQUEST"
        assert "retryOnConflict" in error["message"]


async def test_a_patch_may_be_json(gateway: GatewayProcess, backend: Backend, namespace: str) -> None:
    answer = await patch(gateway, namespace, "patchJson: {spec: {replicas: 6}}", "spec { replicas }")
    assert answer == {"spec": {"replicas": 6}}
    for patch_json in ('"{}"', "[]", "1"):
        error = await refused(gateway, namespace, f"patchJson: {patch_json}")
        assert error["extensions"]["code"] == "BAD_REQUEST"
    assert stored(backend, namespace)["spec"]["replicas"] == 6


async def test_an_unknown_field_is_refused_unless_validation_is_lenient(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    change = "patchJson: {spec: {replicas: 3, unheardOf: 1}}"
    error = await refused(gateway, namespace, change)
    assert error["extensions"]["code"] in ("BAD_REQUEST", "INVALID")
    assert "unheardOf" in error["message"]
    assert stored(backend, namespace)["spec"]["replicas"] == 1
    for validation in ("WARN", "IGNORE"):
        answer = await patch(gateway, namespace, f"{change}, fieldValidation: {validation}", "json")
        assert "unheardOf" not in answer["json"]["spec"]


async def test_a_json_patch_is_one_request(backend: Backend, namespace: str, tmp_path: Path) -> None:
    arguments = ("--kubeconfig", str(backend.kubeconfig), "--max-upstream-requests", "1")
    with start_gateway(tmp_path, *arguments) as frugal:
        await patch(frugal, namespace, 'operations: [{op: "add", path: "/spec/replicas", value: 2}]', "kind")


async def test_a_patch_of_an_absent_object_is_not_found(gateway: GatewayProcess) -> None:
    query = 'mutation { patchPod(name: "absent", namespace: "team-0", patch: {metadata: {}}) { kind } }'
    answer = await gateway.execute(query)
    assert answer["data"] == {"patchPod": None}
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_the_status_has_its_own_patch_field(gateway: GatewayProcess, backend: Backend) -> None:
    query = """mutation($reason: String) { patchPodStatus(name: "app-3-00003", namespace: "team-1",
      patch: {status: {reason: $reason}}) { status { phase reason } } }"""
    data = await gateway.data(query, {"reason": "Observed"})
    assert data["patchPodStatus"] == {"status": {"phase": "Running", "reason": "Observed"}}
    assert backend.api().get(core("pods", "team-1", "app-3-00003"))["status"]["reason"] == "Observed"


async def test_a_value_of_the_wrong_type_is_not_sent_upstream(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    error = await refused(gateway, namespace, 'patch: {spec: {replicas: "many"}}')
    assert "replicas" in error["message"] or "Int" in error["message"]
    assert stored(backend, namespace)["spec"]["replicas"] == 1
