"""Field selectors that only some resources have."""

from tests.gateway.demo.demo_client import CORE, DemoCluster, names, pod


async def test_pods_can_be_selected_by_node_and_phase(bare: DemoCluster) -> None:
    await bare.create(f"{CORE}/pods", pod("near", node="node-1"))
    await bare.create(f"{CORE}/pods", pod("far", node="node-2"))
    selected = await bare.get("/api/v1/pods", fieldSelector="spec.nodeName=node-1,status.phase=Pending")
    assert names(selected) == ["near"]
