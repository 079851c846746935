"""The controllers that own pods keep as many of them as the workload asks for."""

from tests.gateway.demo.cluster.workloads import WEB, available, running, web
from tests.gateway.demo.demo_client import CORE, DemoCluster, deployment


async def test_pods_follow_the_replicas(still: DemoCluster) -> None:
    await web(still)
    await still.patched(f"{WEB}/scale", "merge", {"spec": {"replicas": 4}})
    await still.eventually(WEB, available(4))
    await still.patched(WEB, "merge", {"spec": {"replicas": 1}})
    await still.eventually(f"{CORE}/pods", running(1), labelSelector="app=web")
    await still.eventually(WEB, available(1))


async def test_a_deleted_pod_is_replaced(still: DemoCluster) -> None:
    await web(still)
    path = f"{CORE}/pods"
    gone = (await still.get(path, labelSelector="app=web"))["items"][0]["metadata"]["name"]
    await still.delete(f"{path}/{gone}")
    listed = await still.eventually(
        path,
        lambda found: running(2)(found) and gone not in [item["metadata"]["name"] for item in found["items"]],
        labelSelector="app=web",
    )
    assert len(listed["items"]) == 2


async def test_jobs_complete(still: DemoCluster) -> None:
    template = deployment("x")["spec"]["template"]["spec"]
    job = {
        "metadata": {"name": "once"},
        "spec": {"template": {"spec": {**template, "restartPolicy": "Never"}}},
    }
    await still.create("/apis/batch/v1/namespaces/default/jobs", job)
    done = await still.eventually(
        "/apis/batch/v1/namespaces/default/jobs/once", lambda found: "completionTime" in found["status"]
    )
    assert done["status"]["succeeded"] == 1
