"""A deployment of two pods, and conditions on workloads that tests wait for."""

from typing import Any

from gateway.demo.apiserver import Stamps, Storage
from gateway.demo.cluster.cluster_state import ClusterState
from gateway.demo.cluster.timeline import Timeline
from tests.gateway.demo.demo_client import APPS, DemoCluster, deployment

WEB = f"{APPS}/deployments/web"


def available(count: int) -> Any:
    def holds(value: dict[str, Any]) -> bool:
        status = value["status"]
        counts = [status.get(f"{item}Replicas", 0) for item in ("updated", "ready", "available")]
        generation = value["metadata"]["generation"]
        return counts == [count] * 3 and status["observedGeneration"] == generation

    return holds


def running(count: int) -> Any:
    def holds(listed: dict[str, Any]) -> bool:
        phases = [item["status"]["phase"] for item in listed["items"]]
        return phases == ["Running"] * count

    return holds


async def web(cluster: DemoCluster) -> dict[str, Any]:
    await cluster.create(f"{APPS}/deployments", deployment("web"))
    return await cluster.eventually(WEB, available(2))


def unserved_cluster() -> ClusterState:
    """An empty cluster without a server and without controllers; its time passes by ``timeline.skip``."""
    return ClusterState(Storage(), Stamps(1), Timeline())
