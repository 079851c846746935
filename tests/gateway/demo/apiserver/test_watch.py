"""WATCH: changes in order, from a version on, and a reason for every end."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.demo import DemoServer, DemoSettings, WatchSettings, run_demo
from tests.gateway.demo.demo_client import CORE, DemoCluster, config_map, connect, pod

PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
MAPS = f"{CORE}/configmaps"


def told(event: dict[str, Any]) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"].get("name", "")


async def take(events: AsyncIterator[dict[str, Any]], count: int) -> list[tuple[str, str]]:
    return [told(await anext(events)) for _ in range(count)]


async def test_a_watch_starts_after_its_resource_version(bare: DemoCluster) -> None:
    first = await bare.create(MAPS, config_map("before"))
    await bare.create(MAPS, config_map("missed"))
    async with bare.watch(MAPS, resourceVersion=first["metadata"]["resourceVersion"]) as events:
        assert await take(events, 1) == [("ADDED", "missed")]
        await bare.patched(f"{MAPS}/before", "merge", {"data": {"key": "new"}})
        await bare.delete(f"{MAPS}/missed")
        await bare.create("/api/v1/namespaces/kube-system/configmaps", config_map("elsewhere"))
        await bare.create(MAPS, config_map("last"))
        assert await take(events, 3) == [("MODIFIED", "before"), ("DELETED", "missed"), ("ADDED", "last")]


async def test_a_deleted_object_carries_the_version_of_its_deletion(bare: DemoCluster) -> None:
    created = await bare.create(MAPS, config_map("one"))
    async with bare.watch(MAPS, resourceVersion=created["metadata"]["resourceVersion"]) as events:
        await bare.delete(f"{MAPS}/one")
        gone = (await anext(events))["object"]
    assert gone["data"] == {"key": "value"}
    assert gone["metadata"]["resourceVersion"] == str(bare.demo.storage.revision)
    assert (gone["kind"], gone["apiVersion"]) == ("ConfigMap", "v1")


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}])
async def test_without_a_version_a_watch_starts_with_the_current_objects(
    bare: DemoCluster, query: dict[str, str]
) -> None:
    await bare.create(MAPS, config_map("there"))
    async with bare.watch(MAPS, **query) as events:
        assert await take(events, 1) == [("ADDED", "there")]
        await bare.create(MAPS, config_map("then"))
        assert await take(events, 1) == [("ADDED", "then")]


async def test_leaving_a_selection_is_a_deletion_and_entering_it_an_addition(bare: DemoCluster) -> None:
    await bare.create(f"{CORE}/pods", pod("one", labels={"app": "web"}))
    version = str(bare.demo.storage.revision)
    async with bare.watch(f"{CORE}/pods", labelSelector="app=web", resourceVersion=version) as events:
        await bare.patched(f"{CORE}/pods/one", "merge", {"metadata": {"labels": {"app": "other"}}})
        left = await anext(events)
        assert told(left) == ("DELETED", "one")
        # the object as it was when it was last selected, at the version that it left with
        assert left["object"]["metadata"]["labels"] == {"app": "web"}
        assert left["object"]["metadata"]["resourceVersion"] == str(bare.demo.storage.revision)
        await bare.patched(f"{CORE}/pods/one", "merge", {"metadata": {"labels": {"tier": "x"}}})
        await bare.patched(f"{CORE}/pods/one", "merge", {"metadata": {"labels": {"app": "web"}}})
        await bare.patched(f"{CORE}/pods/one", "merge", {"metadata": {"labels": {"tier": "y"}}})
        assert await take(events, 2) == [("ADDED", "one"), ("MODIFIED", "one")]


async def test_one_object_is_watched_by_its_name(bare: DemoCluster) -> None:
    version = str(bare.demo.storage.revision)
    query = {"fieldSelector": "metadata.name=two", "resourceVersion": version}
    async with bare.watch(MAPS, **query) as events:
        await bare.create(MAPS, config_map("one"))
        await bare.create(MAPS, config_map("two"))
        assert await take(events, 1) == [("ADDED", "two")]


async def test_initial_events_end_with_a_bookmark(bare: DemoCluster) -> None:
    await bare.create(MAPS, config_map("there"))
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    async with bare.watch(MAPS, **query) as events:
        assert await take(events, 1) == [("ADDED", "there")]
        end = await anext(events)
        assert end["type"] == "BOOKMARK"
        assert end["object"]["kind"] == "ConfigMap"
        assert end["object"]["metadata"] == {
            "resourceVersion": str(bare.demo.storage.revision),
            "annotations": {"k8s.io/initial-events-end": "true"},
        }
        await bare.create(MAPS, config_map("then"))
        later = [told(event) async for event in first(events, "then")]
        assert later[-1] == ("ADDED", "then")


async def first(events: AsyncIterator[dict[str, Any]], name: str) -> AsyncIterator[dict[str, Any]]:
    """The events up to the first one about that object."""
    async for event in events:
        yield event
        if event["object"]["metadata"].get("name") == name:
            return


async def test_bookmarks_tell_how_far_the_watch_has_come(bare: DemoCluster) -> None:
    version = str(bare.demo.storage.revision)
    async with bare.watch(MAPS, resourceVersion=version, allowWatchBookmarks="true") as events:
        await bare.create("/api/v1/namespaces/kube-system/configmaps", config_map("elsewhere"))
        async for event in events:
            assert event["type"] == "BOOKMARK"
            if event["object"]["metadata"]["resourceVersion"] == str(bare.demo.storage.revision):
                break


async def test_a_bookmark_comes_shortly_before_the_end(demo: DemoServer) -> None:
    version = str(demo.storage.revision)
    async with connect(demo) as cluster:
        await cluster.create("/api/v1/namespaces/kube-system/configmaps", config_map("elsewhere"))
        query = {"resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": "3"}
        async with cluster.watch(MAPS, **query) as events:
            told = [(item["type"], item["object"]["metadata"]["resourceVersion"]) async for item in events]
    assert told == [("BOOKMARK", str(demo.storage.revision))]


async def test_no_bookmark_carries_the_initial_version_of_the_watch(demo: DemoServer) -> None:
    version = str(demo.storage.revision)
    async with connect(demo) as cluster:
        query = {"resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": "3"}
        async with cluster.watch(MAPS, **query) as events:
            assert [item async for item in events] == []


@pytest.fixture
async def demo() -> AsyncIterator[DemoServer]:
    """With bookmarks each minute, as of the real one."""
    async with run_demo(living=False, controllers=False, planted=False) as demo:
        yield demo


async def test_no_bookmarks_without_the_parameter(bare: DemoCluster) -> None:
    async with bare.watch(MAPS, resourceVersion="1", timeoutSeconds=1) as events:
        assert [event async for event in events] == []


async def test_a_version_that_is_gone_is_an_error_event(bare: DemoCluster) -> None:
    await bare.create(MAPS, config_map("one"))
    bare.demo.compact()
    async with bare.watch(MAPS, resourceVersion="1") as events:
        refused = [event async for event in events]
    assert [event["type"] for event in refused] == ["ERROR"]
    status = refused[0]["object"]
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")
    assert status["message"].startswith("too old resource version: 1 (")


async def test_the_history_is_bounded() -> None:
    settings = DemoSettings(history=5)
    bare = run_demo(living=False, controllers=False, planted=False, settings=settings)
    async with bare as demo, connect(demo) as cluster:
        start = demo.storage.revision
        for index in range(6):
            await cluster.create(MAPS, config_map(f"map-{index}"))
        async with cluster.watch(MAPS, resourceVersion=start) as events:
            assert (await anext(events))["object"]["code"] == 410
        async with cluster.watch(MAPS, resourceVersion=start + 1) as events:
            assert await take(events, 5) == [("ADDED", f"map-{index}") for index in range(1, 6)]


async def test_watch_list_can_be_switched_off() -> None:
    settings = DemoSettings(watch=WatchSettings(watch_list=False))
    bare = run_demo(living=False, controllers=False, planted=False, settings=settings)
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    async with bare as demo, connect(demo) as cluster, cluster.watch(MAPS, **query) as events:
        refused = await anext(events)
    assert (refused["type"], refused["object"]["reason"]) == ("ERROR", "InternalError")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"sendInitialEvents": "true"}, 422),
        ({"resourceVersionMatch": "NotOlderThan"}, 422),
        ({"resourceVersion": "x"}, 500),
        ({"labelSelector": "a,,b"}, 400),
        ({"fieldSelector": "spec.x=y"}, 400),
    ],
)
async def test_a_malformed_watch_is_refused(bare: DemoCluster, query: dict[str, str], code: int) -> None:
    response = await bare.client.get(MAPS, params={"watch": "true", **query})
    assert (response.status_code, response.json()["kind"]) == (code, "Status")


async def test_metadata_alone_can_be_watched(bare: DemoCluster) -> None:
    await bare.create(MAPS, config_map("one"))
    headers = {"Accept": PARTIAL}
    async with bare.client.stream("GET", MAPS, params={"watch": "true"}, headers=headers) as response:
        event = json.loads(await anext(response.aiter_lines()))
    assert set(event["object"]) == {"kind", "apiVersion", "metadata"}
    assert event["object"]["kind"] == "PartialObjectMetadata"


async def test_a_watch_ends_when_the_server_drops_it(bare: DemoCluster) -> None:
    async with bare.watch(MAPS, resourceVersion="1") as events:
        await bare.until(lambda: bare.demo.watches == 1)
        bare.demo.drop_watches()
        assert [event async for event in events] == []
    assert bare.demo.watches == 0


async def test_a_client_that_goes_is_forgotten(bare: DemoCluster) -> None:
    async with bare.watch(MAPS) as events:
        await bare.create(MAPS, config_map("one"))
        await anext(events)
        assert bare.demo.watches == 1
    await bare.until(lambda: bare.demo.watches == 0)


async def test_a_watcher_that_does_not_read_is_closed_and_can_resume() -> None:
    settings = DemoSettings(watch=WatchSettings(backlog=20))
    bare = run_demo(living=False, controllers=False, planted=False, settings=settings)
    async with bare as demo, connect(demo) as cluster, cluster.watch(MAPS, resourceVersion="1") as events:
        await cluster.create(MAPS, config_map("first"))
        last = await anext(events)
        # in one go, so that the watcher has no chance to send in between
        for index in range(50):
            value = {"metadata": {"name": f"map-{index}", "namespace": "default"}}
            demo.storage.put("configmaps", f"default/map-{index}", value)
        async for event in events:
            last = event
        seen = int(last["object"]["metadata"]["resourceVersion"])
        assert seen < demo.storage.revision
        async with cluster.watch(MAPS, resourceVersion=seen) as rest:
            names = [name for _, name in await take(rest, demo.storage.revision - seen)]
        assert names[-1] == "map-49"
