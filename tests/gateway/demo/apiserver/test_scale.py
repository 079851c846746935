"""The ``scale`` subresource as an object of its own."""

from tests.gateway.demo.demo_client import APPS, DemoCluster, deployment


async def test_the_scale_of_a_deployment_is_an_object_of_its_own(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    scale = await bare.get(f"{APPS}/deployments/web/scale")
    assert (scale["kind"], scale["spec"]) == ("Scale", {"replicas": 2})
    assert scale["status"] == {"replicas": 0, "selector": "app=web"}


async def test_scaling_writes_the_replicas(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    path = f"{APPS}/deployments/web/scale"
    scale = await bare.patched(path, "merge", {"spec": {"replicas": 5}})
    assert (scale["kind"], scale["spec"]["replicas"]) == ("Scale", 5)
    assert (await bare.get(f"{APPS}/deployments/web"))["spec"]["replicas"] == 5
    refused = await bare.patch(path, "merge", {"spec": {"replicas": -1}})
    assert (refused.status_code, refused.json()["reason"]) == (422, "Invalid")
    stale = {**scale, "metadata": {**scale["metadata"], "resourceVersion": "1"}}
    assert (await bare.client.put(path, json=stale)).status_code == 409
