"""Health and problems from the statuses that real controllers write; no kubelet runs any pod."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures.api import API, core, deployment, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.cluster

SPACE = "ailing"
HEALTH = "health { status reason message }"


@pytest.fixture(scope="module")
def ailing(
    controlled_cluster: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[API, GatewayProcess]]:
    """A namespace without pods to spare, and a gateway."""
    api = controlled_cluster.api()
    api.create(core("namespaces"), {"metadata": {"name": SPACE}})
    options = ("--kubeconfig", str(controlled_cluster.kubeconfig))
    with start_gateway(tmp_path_factory.mktemp("ailing"), *options) as gateway:
        yield api, gateway
    api.request("DELETE", core("namespaces", None, SPACE))


async def health_with(gateway: GatewayProcess, field: str, name: str, status: str) -> dict[str, Any]:
    """The health of an object, once it has the status."""
    query = f'{{ {field}(name: "{name}", namespace: "{SPACE}") {{ {HEALTH} }} }}'

    async def found() -> dict[str, Any] | None:
        health: dict[str, Any] = (await gateway.data(query))[field]["health"]
        return health if health["status"] == status else None

    return await eventually(found, f"{field} {name} to be {status}")


async def reasons(gateway: GatewayProcess) -> set[tuple[str, str]]:
    query = f'{{ problems(namespace: "{SPACE}") {{ reason object {{ metadata {{ name }} }} }} }}'
    problems = (await gateway.data(query))["problems"]
    return {(item["object"]["metadata"]["name"], item["reason"]) for item in problems}


async def test_a_rollout_past_its_deadline(ailing: tuple[API, GatewayProcess]) -> None:
    api, gateway = ailing
    body = deployment("late")
    body["spec"]["progressDeadlineSeconds"] = 1
    api.create(grouped("apps/v1", "deployments", SPACE), body)
    health = await health_with(gateway, "deployment", "late", "FAILED")
    assert health["reason"] == "ProgressDeadlineExceeded"
    assert "timed out progressing" in health["message"]
    assert ("late", "ProgressDeadlineExceeded") in await reasons(gateway)


async def test_a_job_past_its_deadline(ailing: tuple[API, GatewayProcess]) -> None:
    api, gateway = ailing
    container = {"name": "main", "image": "image:1"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    spec = {"activeDeadlineSeconds": 1, "template": template}
    api.create(grouped("batch/v1", "jobs", SPACE), {"metadata": {"name": "slow"}, "spec": spec})
    health = await health_with(gateway, "job", "slow", "FAILED")
    assert health["reason"] == "DeadlineExceeded"
    assert ("slow", "DeadlineExceeded") in await reasons(gateway)


async def test_pods_that_cannot_be_created(ailing: tuple[API, GatewayProcess]) -> None:
    api, gateway = ailing
    body = deployment("refused")
    body["spec"]["template"]["spec"]["serviceAccountName"] = "gone"
    # the validation of the API server refuses the pods that the controller makes of this template
    body["spec"]["template"]["spec"]["priorityClassName"] = "gone"
    api.create(grouped("apps/v1", "deployments", SPACE), body)
    health = await health_with(gateway, "deployment", "refused", "FAILED")
    assert health["reason"] == "FailedCreate"
    found = await reasons(gateway)
    assert {("refused", "MissingPriorityClass"), ("refused", "MissingServiceAccount")} <= found
    query = f"""{{ deployment(name: "refused", namespace: "{SPACE}") {{
      dependents {{ items {{ ... on ReplicaSet {{ {HEALTH} }} }} }} }} }}"""
    (replica_set,) = (await gateway.data(query))["deployment"]["dependents"]["items"]
    assert replica_set["health"]["status"] == "FAILED"
    assert "forbidden" in replica_set["health"]["message"]


async def test_a_claim_that_waits_for_its_volume_and_a_budget_without_pods(
    ailing: tuple[API, GatewayProcess],
) -> None:
    api, gateway = ailing
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "gone",
    }
    claims = core("persistentvolumeclaims", SPACE)
    api.create(claims, {"metadata": {"name": "waits"}, "spec": claim})
    assert (await health_with(gateway, "persistentVolumeClaim", "waits", "IN_PROGRESS"))[
        "reason"
    ] == "NotBound"

    async def is_warned() -> bool:
        return ("waits", "ProvisioningFailed") in await reasons(gateway)

    await eventually(is_warned, "the warning about the missing storage class")
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "none"}}}
    api.create(
        grouped("policy/v1", "poddisruptionbudgets", SPACE), {"metadata": {"name": "idle"}, "spec": spec}
    )
    health = await health_with(gateway, "podDisruptionBudget", "idle", "CURRENT")
    assert health["message"] == "Allowed disruptions: 0."


async def test_an_object_that_waits_for_a_finalizer_terminates(ailing: tuple[API, GatewayProcess]) -> None:
    api, gateway = ailing
    path = core("configmaps", SPACE)
    api.create(path, {"metadata": {"name": "held", "finalizers": ["example.test/hold"]}})
    api.delete(f"{path}/held")
    assert (await health_with(gateway, "configMap", "held", "TERMINATING"))["reason"] == "Terminating"
    api.merge(f"{path}/held", {"metadata": {"finalizers": None}})
