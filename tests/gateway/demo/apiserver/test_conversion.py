"""Autoscalers and events in each of their two versions."""

from tests.gateway.demo.demo_client import DemoCluster


async def test_autoscalers_and_events_are_served_in_both_of_their_shapes(still: DemoCluster) -> None:
    path = "namespaces/shop/horizontalpodautoscalers/checkout"
    first, second = (
        await still.get(f"/apis/autoscaling/v1/{path}"),
        await still.get(f"/apis/autoscaling/v2/{path}"),
    )
    assert first["spec"]["targetCPUUtilizationPercentage"] == 70
    assert second["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 70
    old = (await still.get("/api/v1/events", limit=1))["items"][0]
    new = (await still.get("/apis/events.k8s.io/v1/events", limit=1))["items"][0]
    assert (old["message"], old["involvedObject"]) == (new["note"], new["regarding"])
