"""The demo cluster: controllers reconcile pods, and incidents happen unsolicited."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.demo import DemoSettings, run_demo
from gateway.demo.cluster.timeline import Timeline
from tests.gateway.demo.demo_client import APPS, CORE, DemoCluster, connect, deployment, pod

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


async def test_the_planted_cluster_is_up_from_the_start(still: DemoCluster) -> None:
    pods = (await still.get("/api/v1/pods"))["items"]
    assert len(pods) > 20
    assert {item["status"]["phase"] for item in pods} == {"Running"}
    assert {item["metadata"]["namespace"] for item in pods} == {"default", "kube-system", "shop", "media"}
    nodes = (await still.get("/api/v1/nodes"))["items"]
    assert {item["spec"]["nodeName"] for item in pods} == {item["metadata"]["name"] for item in nodes}
    for item in (await still.get("/apis/apps/v1/deployments"))["items"]:
        assert available(item["spec"]["replicas"])(item)


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


async def test_pods_follow_the_replicas(still: DemoCluster) -> None:
    await web(still)
    await still.patched(f"{WEB}/scale", "merge", {"spec": {"replicas": 4}})
    await still.eventually(WEB, available(4))
    await still.patched(WEB, "merge", {"spec": {"replicas": 1}})
    await still.eventually(f"{CORE}/pods", running(1), labelSelector="app=web")
    await still.eventually(WEB, available(1))


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


async def test_without_controllers_objects_stay_as_they_are(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    revision = bare.demo.storage.revision
    await asyncio.sleep(0.2)
    assert bare.demo.storage.revision == revision
    assert (await bare.get(f"{CORE}/pods"))["items"] == []


async def test_unsolicited_incidents_happen() -> None:
    async with run_demo(settings=DemoSettings(speed=50, seed=1)) as demo, connect(demo) as cluster:
        async with cluster.watch("/api/v1/pods", resourceVersion=demo.storage.revision) as events:
            restarts = 0
            while not restarts:
                statuses = (await anext(events))["object"]["status"].get("containerStatuses", [])
                restarts = sum(item["restartCount"] for item in statuses)
        warnings = await cluster.eventually(
            "/api/v1/events", lambda found: bool(found["items"]), fieldSelector="type=Warning"
        )
        assert warnings["items"][0]["involvedObject"]["kind"] == "Pod"


async def test_a_seed_plants_the_same_cluster_each_time() -> None:
    async def planted() -> list[str]:
        async with run_demo(settings=DemoSettings(seed=3), living=False) as demo:
            return sorted(
                f"{key} {item.object['metadata']['uid']}" for key, item in demo.storage.all("pods").items()
            )

    assert await planted() == await planted()


@pytest.mark.parametrize("is_fast", [False, True], ids=["the same clock", "a clock that is far ahead"])
async def test_a_seed_makes_the_same_things_happen_each_time(
    is_fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lived(count: int) -> list[str]:
        async with run_demo(settings=DemoSettings(seed=3, speed=200)) as demo, connect(demo) as cluster:
            start = demo.storage.revision
            await cluster.until(lambda: len(demo.storage.since("pods", start)) >= count)
            changes = demo.storage.since("pods", start)[:count]
            return [f"{item.type} {item.new.key}" for item in changes]

    first = await lived(100)
    if is_fast:
        readings = itertools.count()
        began = datetime.now(UTC)
        monkeypatch.setattr(Timeline, "now", lambda _: began + timedelta(seconds=next(readings)))
    assert await lived(100) == first


async def test_a_timeline_keeps_the_order_of_its_actions_when_time_is_skipped() -> None:
    timeline, done = Timeline(), []
    timeline.after(2, lambda: done.append("second"))
    timeline.after(1, lambda: timeline.after(2, lambda: done.append("third")))
    timeline.after(1, lambda: done.append("first"))
    timeline.skip(2.5)
    assert done == ["first", "second"]
    timeline.skip(1)
    assert done == ["first", "second", "third"]
