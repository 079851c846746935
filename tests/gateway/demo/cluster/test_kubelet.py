"""The kubelet of the demo brings pods up."""

from tests.gateway.demo.demo_client import CORE, DemoCluster, pod


async def test_a_pod_comes_up_step_by_step(still: DemoCluster) -> None:
    async with still.watch(f"{CORE}/pods", resourceVersion=still.demo.storage.revision) as events:
        await still.create(f"{CORE}/pods", pod("one"))
        seen = []
        async for event in events:
            status = event["object"]["status"]
            containers = status.get("containerStatuses", [{}])
            seen.append(
                (
                    status["phase"],
                    bool(event["object"]["spec"].get("nodeName")),
                    *containers[0].get("state", {}),
                )
            )
            if containers[0].get("ready"):
                break
    assert seen[0] == ("Pending", False)
    assert ("Pending", True, "waiting") in seen
    assert seen[-1] == ("Running", True, "running")
