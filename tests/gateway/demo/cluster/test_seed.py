"""The planted cluster: complete from the start, and the same for the same seed."""

from gateway.demo import DemoSettings, run_demo
from tests.gateway.demo.cluster.workloads import available
from tests.gateway.demo.demo_client import DemoCluster


async def test_the_planted_cluster_is_up_from_the_start(still: DemoCluster) -> None:
    pods = (await still.get("/api/v1/pods"))["items"]
    assert len(pods) > 20
    assert {item["status"]["phase"] for item in pods} == {"Running"}
    assert {item["metadata"]["namespace"] for item in pods} == {"default", "kube-system", "shop", "media"}
    nodes = (await still.get("/api/v1/nodes"))["items"]
    assert {item["spec"]["nodeName"] for item in pods} == {item["metadata"]["name"] for item in nodes}
    for item in (await still.get("/apis/apps/v1/deployments"))["items"]:
        assert available(item["spec"]["replicas"])(item)


async def test_a_seed_plants_the_same_cluster_each_time() -> None:
    async def planted() -> list[str]:
        async with run_demo(settings=DemoSettings(seed=3), living=False) as demo:
            return sorted(
                f"{key} {item.object['metadata']['uid']}" for key, item in demo.storage.all("pods").items()
            )

    assert await planted() == await planted()
