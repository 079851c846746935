"""The garbage collector and the namespace controller: deletions of owners and of namespaces."""

from tests.gateway.demo.cluster.workloads import WEB, running, web
from tests.gateway.demo.demo_client import APPS, CORE, DemoCluster, deployment


async def test_deleting_a_deployment_deletes_its_dependents(still: DemoCluster) -> None:
    await web(still)
    await still.delete(WEB)
    await still.eventually(f"{CORE}/pods", lambda found: not found["items"], labelSelector="app=web")
    assert (await still.get(f"{APPS}/replicasets", labelSelector="app=web"))["items"] == []


async def test_a_foreground_deletion_waits_for_the_dependents(still: DemoCluster) -> None:
    await web(still)
    answer = await still.delete(WEB, propagationPolicy="Foreground")
    assert answer.json()["metadata"]["finalizers"] == ["foregroundDeletion"]
    await still.gone(WEB)
    assert (await still.get(f"{CORE}/pods", labelSelector="app=web"))["items"] == []


async def test_an_orphaning_deletion_leaves_the_dependents(still: DemoCluster) -> None:
    await web(still)
    await still.delete(WEB, propagationPolicy="Orphan")
    await still.gone(WEB)
    sets = (await still.get(f"{APPS}/replicasets", labelSelector="app=web"))["items"]
    assert [item["metadata"].get("ownerReferences") for item in sets] == [None]


async def test_a_namespace_is_emptied_before_it_goes(still: DemoCluster) -> None:
    await still.create("/api/v1/namespaces", {"metadata": {"name": "brief"}})
    inside = "/apis/apps/v1/namespaces/brief/deployments"
    await still.create(inside, deployment("web"))
    path = "/api/v1/namespaces/brief"
    await still.eventually(f"{path}/pods", running(2))
    leaving = (await still.delete(path)).json()
    assert leaving["status"]["phase"] == "Terminating"
    refused = await still.client.post(inside, json=deployment("late"))
    assert refused.status_code in (403, 404)
    await still.gone(path)
    assert (await still.get(f"{path}/pods"))["items"] == []
