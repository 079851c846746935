"""A reader of complete objects joins a metadata-only informer."""

import asyncio
from typing import Any

import pytest

from gateway.errors import Forbidden, Gone
from gateway.informers import InformerRegistry, Scope
from gateway.kube.client import KubeClient
from tests.fixtures.waiting import DEADLINE, eventually
from tests.gateway.informers.reading import ManualClock, Reader, reading, until_watched
from tests.gateway.informers.scripted_server import CONFIG_MAPS, Reply, Request, ScriptedServer, failure


def complete() -> Reader:
    return Reader(complete=True)


def modes(server: ScriptedServer) -> list[bool]:
    """Of each request for everything: whether for metadata only."""
    everything = [item for item in server.requests if "sendInitialEvents" in item.query or not item.is_watch]
    return [item.metadata_only for item in everything]


@pytest.mark.parametrize("watch_list", [True, False])
async def test_present_subscribers_notice_nothing_and_a_new_one_gets_complete_objects(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry, watch_list: bool
) -> None:
    server.watch_list = watch_list
    await server.create("a", v=1)
    async with reading(registry, client, metadata_only=True) as slim:
        await slim.until_synced()
        assert "data" not in slim.objects["default/a"]
        async with reading(registry, client, reader=complete()) as whole:
            await whole.until_synced()
            assert len(registry.informers) == 1
            await until_watched(server)
            await server.update("a", v=2)
            await whole.until_data(a=2)
            await slim.until(lambda item: len(item.events) == 3)
        assert slim.types == ["ADDED", "SYNCED", "MODIFIED"]
        assert whole.types == ["ADDED", "SYNCED", "MODIFIED"]
    assert registry.counters.relists == 0


async def test_changes_during_the_change_over_are_delivered_once(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    for name in ("same", "changed", "deleted", "replaced"):
        await server.create(name, v=1)
    server.on_request = lambda request: None if request.metadata_only else failure(503, "Unavailable", "")
    async with reading(registry, client, metadata_only=True) as slim, asyncio.TaskGroup() as tasks:
        await slim.until_synced()
        newcomer = tasks.create_task(events_of(registry, client, {"same": 1, "changed": 2, "replaced": 3}))
        await until_refused(server)
        await server.update("changed", v=2)
        await server.delete("deleted")
        await server.delete("replaced")
        await server.create("replaced", v=3)
        await slim.until(lambda item: len(item.events) == 9)
        server.on_request = lambda _: None
        assert await newcomer == ["ADDED"] * 3 + ["SYNCED"]
        assert sorted(slim.told[5:]) == [
            ("ADDED", "default/replaced"),
            ("DELETED", "default/deleted"),
            ("DELETED", "default/replaced"),
            ("MODIFIED", "default/changed"),
        ]


async def events_of(registry: InformerRegistry, client: KubeClient, data: dict[str, int]) -> list[str]:
    async with reading(registry, client, reader=complete()) as whole:
        await whole.until_data(**data)
        return whole.types


async def until_refused(server: ScriptedServer) -> None:
    """Wait for several requests for complete objects."""

    async def refused() -> bool:
        return modes(server).count(False) > 2

    await eventually(refused, "several attempts")


async def test_a_failure_during_the_change_over_ends_no_subscription_and_is_retried(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    refusals = [failure(code, reason, "not now") for code, reason in ((503, ""), (429, ""), (410, "Expired"))]

    def refuse(request: Request) -> Reply | None:
        return refusals.pop() if refusals and not request.metadata_only else None

    server.on_request = refuse
    async with reading(registry, client, metadata_only=True) as slim:
        await slim.until_synced()
        async with reading(registry, client, reader=complete()) as whole:
            await whole.until_data(a=1)
        assert not refusals
        assert slim.types == ["ADDED", "SYNCED"]
        assert not slim.ended


async def test_a_right_that_is_lost_is_lost_for_all(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    async with reading(registry, client, metadata_only=True) as slim:
        await slim.until_synced()
        denied = Reply(201, b'{"status":{"allowed":false}}')
        refusal = failure(403, "Forbidden", "no more")
        server.on_request = lambda request: (
            denied if request.path.endswith("/selfsubjectaccessreviews") else refusal
        )
        with pytest.raises(Forbidden):
            async with registry.subscribe(client, CONFIG_MAPS, Scope()):
                pytest.fail("not allowed")
        await server.end_watches()
        await slim.until(lambda item: item.ended)
        assert isinstance(slim.error, Forbidden)


async def test_simultaneous_readers_cause_one_change_over(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with reading(registry, client, metadata_only=True) as slim:
        await slim.until_synced()
        async with asyncio.TaskGroup() as tasks:
            newcomers = [tasks.create_task(events_of(registry, client, {"a": 1})) for _ in range(5)]
        assert [item.result() for item in newcomers] == [["ADDED", "SYNCED"]] * 5
        assert modes(server) == [True, False]


async def test_a_reader_during_the_first_list_does_not_wait_for_it(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    never = Reply(200, headers={"Content-Length": "1000"})
    server.on_request = lambda request: never if request.metadata_only else None
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        slim = tasks.create_task(slim_events(registry, client))

        async def asked() -> bool:
            return bool(server.requests)

        await eventually(asked, "the list of metadata")
        assert await events_of(registry, client, {"a": 1}) == ["ADDED", "SYNCED"]
        assert await slim == ["ADDED", "SYNCED"]
    assert modes(server) == [True, False]


async def slim_events(registry: InformerRegistry, client: KubeClient) -> list[str]:
    async with reading(registry, client, metadata_only=True) as slim:
        await slim.until_synced()
        return slim.types


async def test_a_reader_in_the_grace_period_gets_the_same_informer(
    server: ScriptedServer, client: KubeClient
) -> None:
    clock = ManualClock()
    registry = InformerRegistry(clock=clock, grace_period=30.0)
    await server.create("a", v=1)
    await slim_events(registry, client)
    (informer,) = registry.informers
    assert await events_of(registry, client, {"a": 1}) == ["ADDED", "SYNCED"]
    assert registry.informers == (informer,)
    assert not informer.metadata_only
    # it does not change back
    await slim_events(registry, client)
    assert modes(server) == [True, False]
    await registry.aclose()


async def test_a_cancelled_reader_does_not_cancel_the_change_over(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    server.on_request = lambda request: None if request.metadata_only else failure(503, "Unavailable", "")
    async with reading(registry, client, metadata_only=True) as slim:
        await slim.until_synced()
        newcomer = asyncio.create_task(events_of(registry, client, {}))
        await until_refused(server)
        newcomer.cancel()
        await asyncio.wait([newcomer])
        server.on_request = lambda _: None
        await until_watched(server)
        await server.update("a", v=2)
        await slim.until(lambda item: len(item.events) == 3)
        assert slim.types == ["ADDED", "SYNCED", "MODIFIED"]


async def test_closing_during_the_change_over_completes_every_subscription(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    server.on_request = lambda request: None if request.metadata_only else failure(503, "Unavailable", "")
    async with reading(registry, client, metadata_only=True) as slim, asyncio.TaskGroup() as tasks:
        await slim.until_synced()
        newcomer = tasks.create_task(events_when_closed(registry, client))
        await until_refused(server)
        await registry.aclose()
        assert await newcomer == 0
        await slim.until(lambda item: item.ended)
        assert slim.error is None


async def events_when_closed(registry: InformerRegistry, client: KubeClient) -> int:
    async with registry.subscribe(client, CONFIG_MAPS, Scope()) as stream:
        return len([event async for event in stream])


async def test_no_position_before_the_change_over_can_be_resumed(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with reading(registry, client, metadata_only=True) as slim:
        await slim.until_synced()
        before = slim.resource_version
        await server.update("a", v=2)
        await slim.until(lambda item: len(item.events) == 3)
        for metadata_only in (False, True):
            back = Reader(asked=before, complete=not metadata_only)
            arguments: dict[str, Any] = {"metadata_only": metadata_only, "resource_version": before}
            async with reading(registry, client, reader=back, **arguments):
                await back.until_synced()
                assert back.types == ["ADDED", "SYNCED"]
            with pytest.raises(Gone):
                async with registry.subscribe(
                    client,
                    CONFIG_MAPS,
                    Scope(),
                    send_initial_events=False,
                    resource_version=before,
                    metadata_only=metadata_only,
                ):
                    pytest.fail("too old")
        # from then on it is as ever
        after = back.resource_version
        await server.update("a", v=3)
        await slim.until(lambda item: len(item.events) == 4)
        again = Reader(back.known, asked=after, complete=True)
        async with reading(registry, client, reader=again, resource_version=after):
            await again.until_data(a=3)
            assert again.types == ["SYNCED", "MODIFIED"]


async def test_regressed_resource_versions_are_no_change_of_equal_objects(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    same = await server.create("same", v=1)
    changed = await server.create("changed", v=1)
    await server.create("lost", v=1)
    slim = Reader(resets=True)
    async with reading(registry, client, metadata_only=True, reader=slim):
        await slim.until_synced()
        await server.stop()
        labelled = {"metadata": {**changed["metadata"], "labels": {"x": "y"}}, "data": {"v": 0}}
        server.restore({"default/same": same, "default/changed": labelled}, 102)
        async with asyncio.TaskGroup() as tasks:
            newcomer = tasks.create_task(events_of(registry, client, {"same": 1, "changed": 0}))
            await asyncio.sleep(0)
            await server.start()
            assert await newcomer == ["ADDED", "ADDED", "SYNCED"]
        await slim.until(lambda item: len(item.events) == 6)
        assert slim.told[4:] == [("DELETED", "default/lost"), ("MODIFIED", "default/changed")]


async def test_a_look_at_one_namespace_does_not_make_all_of_them_complete(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with reading(registry, client, metadata_only=True) as wide:
        await wide.until_synced()
        async with reading(registry, client, Scope("default"), reader=complete()) as narrow:
            await narrow.until_synced()
            assert [(item.scope, item.metadata_only) for item in registry.informers] == [
                (Scope(), True),
                (Scope("default"), False),
            ]
            async with reading(registry, client, Scope("default", "a"), metadata_only=True) as slim:
                await slim.until_synced()
            assert len(registry.informers) == 2


async def test_cached_reads_and_holders_get_complete_objects(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with reading(registry, client, metadata_only=True) as slim:
        await slim.until_synced()
        assert registry.find(client, CONFIG_MAPS, Scope()) is None
        assert registry.view(client, CONFIG_MAPS, Scope()) is None
        async with registry.hold(client, CONFIG_MAPS, Scope()) as informer:
            assert registry.find(client, CONFIG_MAPS, Scope()) is informer
            (stored,) = informer.items()
            assert b'"data"' in stored.object
        assert slim.types == ["ADDED", "SYNCED"]
