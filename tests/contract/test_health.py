"""``health`` on objects, lists and events, from statuses that are written through the status subresource."""

from typing import Any

from tests.fixtures.api import core, grouped, pod
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.gateways import GatewayProcess

READY = [{"type": "Ready", "status": "True"}]
CRASHED = {
    "phase": "Running",
    "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}],
    "containerStatuses": [
        {
            "name": "main",
            "image": "image:1",
            "imageID": "",
            "ready": False,
            "restartCount": 4,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
            "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}},
        }
    ],
}
CRASH = {
    "status": "FAILED",
    "reason": "CrashLoopBackOff",
    "message": "Container main crashes again and again: exit code 3 (Error), 4 restarts.",
}
FIELDS = "health { status reason message }"


def create_pod(backend: Backend, namespace: str, name: str, status: dict[str, Any]) -> None:
    backend.api().create(core("pods", namespace), pod(name, labels={"app": name}))
    backend.api().merge(core("pods", namespace, name, "status"), {"status": status})


async def test_health_of_a_list_and_of_one_object(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    create_pod(backend, namespace, "fine", {"phase": "Running", "conditions": READY})
    create_pod(backend, namespace, "crashing", CRASHED)
    query = f"""query($n: String) {{
      pods(namespace: $n) {{ items {{ metadata {{ name }} {FIELDS} status {{ phase }} }} }}
      pod(name: "crashing", namespace: $n) {{ h: health {{ reason state: status __typename }} }} }}"""
    data = await gateway.data(query, {"n": namespace})

    health = {item["metadata"]["name"]: item["health"] for item in data["pods"]["items"]}
    assert health["crashing"] == CRASH
    assert health["fine"]["status"] == "CURRENT"
    assert data["pod"]["h"] == {"reason": "CrashLoopBackOff", "state": "FAILED", "__typename": "Health"}


async def test_health_of_an_object_of_any_kind(gateway: GatewayProcess, namespace: str) -> None:
    query = f"""query($n: String!) {{
      space: object(apiVersion: "v1", kind: "Namespace", name: $n) {{ {FIELDS} }}
      web: object(apiVersion: "apps/v1", kind: "Deployment", name: "web", namespace: $n) {{
        {FIELDS} ... on Deployment {{ yaml }} }} }}"""
    data = await gateway.data(query, {"n": namespace})
    assert data["space"]["health"]["status"] == "CURRENT"
    assert data["web"]["health"] == {
        "status": "IN_PROGRESS",
        "reason": "LessReplicas",
        "message": "0 of 1 replicas exist.",
    }


async def test_a_subscription_delivers_changes_of_health(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    create_pod(backend, namespace, "fine", {"phase": "Pending"})
    query = """subscription($n: String) {
      pods(namespace: $n) { type object { health { status reason } } } }"""
    async with gateway.subscribe(query, {"n": namespace}) as events:
        (first,) = await events.synced()
        assert first["object"]["health"]["status"] == "IN_PROGRESS"
        backend.api().merge(core("pods", namespace, "fine"), {"metadata": {"labels": {"some": "label"}}})
        backend.api().merge(core("pods", namespace, "fine", "status"), {"status": CRASHED})
        assert await events.event() == {
            "type": "MODIFIED",
            "object": {"health": {"status": "FAILED", "reason": "CrashLoopBackOff"}},
        }


async def test_a_failed_rollout(gateway: GatewayProcess, backend: Backend, namespace: str) -> None:
    condition = {
        "type": "Progressing",
        "status": "False",
        "reason": "ProgressDeadlineExceeded",
        "message": "timed out",
    }
    path = grouped("apps/v1", "deployments", namespace, "web", "status")
    backend.api().merge(path, {"status": {"observedGeneration": 1, "conditions": [condition]}})
    query = f'query($n: String) {{ deployment(name: "web", namespace: $n) {{ {FIELDS} }} }}'
    assert (await gateway.data(query, {"n": namespace}))["deployment"]["health"] == {
        "status": "FAILED",
        "reason": "ProgressDeadlineExceeded",
        "message": "timed out",
    }


async def test_health_of_a_kind_without_status_needs_only_metadata(
    tapped_gateway: TappedGateway, namespace: str
) -> None:
    query = (
        "query($n: String) { configMaps(namespace: $n) { items { metadata { name } health { status } } } }"
    )
    await tapped_gateway.gateway.data(query, {"n": namespace})
    (request,) = [item for item in tapped_gateway.tap.requests if "/configmaps" in item.target]
    assert "PartialObjectMetadataList" in request.accept
