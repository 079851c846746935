"""The deployment controller: replica sets of a deployment, and the rollout of a new template."""

from tests.gateway.demo.cluster.workloads import WEB, available, running, web
from tests.gateway.demo.demo_client import APPS, CORE, DemoCluster


async def test_pods_follow_a_new_deployment(still: DemoCluster) -> None:
    created = await web(still)
    sets = (await still.get(f"{APPS}/replicasets", labelSelector="app=web"))["items"]
    assert [item["metadata"]["ownerReferences"][0]["uid"] for item in sets] == [created["metadata"]["uid"]]
    pods = (await still.get(f"{CORE}/pods", labelSelector="app=web"))["items"]
    owners = {item["metadata"]["ownerReferences"][0]["name"] for item in pods}
    assert owners == {sets[0]["metadata"]["name"]}
    for item in pods:
        assert item["spec"]["nodeName"]
        assert item["status"]["podIP"]
        assert item["status"]["containerStatuses"][0]["ready"]


async def test_a_new_template_is_rolled_out(still: DemoCluster) -> None:
    await web(still)
    await still.patched(f"{WEB}/scale", "merge", {"spec": {"replicas": 4}})
    await still.eventually(WEB, available(4))
    annotations = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
    await still.patched(WEB, "strategic", {"spec": {"template": {"metadata": {"annotations": annotations}}}})
    rolled = await still.eventually(WEB, available(4))
    assert rolled["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    pods = await still.eventually(f"{CORE}/pods", running(4), labelSelector="app=web")
    assert all(item["metadata"]["annotations"] == annotations for item in pods["items"])
    sets = (await still.get(f"{APPS}/replicasets", labelSelector="app=web"))["items"]
    assert sorted(item["spec"]["replicas"] for item in sets) == [0, 4]
