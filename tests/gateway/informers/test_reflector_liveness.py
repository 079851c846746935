"""How watches are renewed, taken for dead and tried again."""

import pytest

from gateway.informers import InformerRegistry, Scope, Timing
from gateway.kube.client import KubeClient
from tests.fixtures.waiting import eventually
from tests.gateway.informers.reading import InstantClock, ManualClock, Reader, reading, until_watched
from tests.gateway.informers.scripted_server import (
    CONFIG_MAPS,
    Reply,
    ScriptedServer,
    failure,
)


async def test_renewals_are_not_noticed(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with reading(registry, client) as reader:
        await reader.until_synced()
        for value in range(2, 6):
            await until_watched(server)
            await server.end_watches()
            await server.update("a", v=value)
            await reader.until_data(a=value)
        assert reader.types == ["ADDED", "SYNCED", *["MODIFIED"] * 4]
    first, *others = [int(item.query["timeoutSeconds"]) for item in server.watches]
    # the initial watch may last long; the others end in time, to be distinguishable from dead connections
    assert 300 <= first <= 600
    assert all(40 <= item <= 50 for item in others)
    assert len(others) >= 4


def test_a_watch_ends_before_the_silence_time_out_and_within_a_minute() -> None:
    timing = Timing()
    assert timing.renewal[1] + 2 <= timing.silence[0]
    assert timing.silence[1] + 2 <= 60


async def test_silence_after_the_initial_events_is_no_failure_but_the_time_for_another_watch(
    server: ScriptedServer, client: KubeClient, clock: InstantClock
) -> None:
    registry = InformerRegistry(clock=clock, timing=Timing(silence=(0.2, 0.2), steady=0.0))
    async with reading(registry, client) as reader:
        await reader.until_synced()

        async def watched_again() -> bool:
            return len(server.watches) > 1

        await eventually(watched_again, "a second watch")
        # no request and no delay in between
        assert server.requests[1].is_watch
        assert server.requests[1].query["resourceVersion"] == "100"
        await server.create("a", v=1)
        await reader.until_data(a=1)
        assert reader.types == ["SYNCED", "ADDED"]
    await registry.aclose()


async def test_a_silent_watch_is_ended_and_resumed(server: ScriptedServer, client: KubeClient) -> None:
    registry = InformerRegistry(timing=Timing(silence=(0.2, 0.2)))
    async with reading(registry, client) as reader:
        await reader.until_synced()

        async def renewed() -> bool:
            return len(server.watches) > 2

        await eventually(renewed, "a second watch")
        await server.create("a", v=1)
        await reader.until_data(a=1)
        assert reader.types == ["SYNCED", "ADDED"]
    await registry.aclose()
    assert server.watches[-1].query["resourceVersion"] == "100"


async def test_a_bookmark_is_where_the_next_watch_begins(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    async with reading(registry, client) as reader:
        await reader.until_synced()
        server.resource_version = 500
        await server.bookmark()
        informer = registry.find(client, CONFIG_MAPS, Scope())
        assert informer is not None

        async def advanced() -> bool:
            return informer.resource_version == "500"

        await eventually(advanced, "the bookmark")
        await server.disconnect()
        await until_watched(server)
        assert server.watches[-1].query["resourceVersion"] == "500"
        assert reader.types == ["SYNCED"]


async def test_resource_versions_that_go_back_lead_to_a_new_list_which_is_believed(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    kept = await server.create("kept", v=1)
    await server.create("lost", v=1)
    reader = Reader(resets=True)
    async with reading(registry, client, reader=reader):
        await reader.until_synced()
        await server.stop()
        server.restore({"default/kept": {**kept, "data": {"v": 0}}}, 60)
        await server.start()
        await until_watched(server)
        await server.bookmark()
        await reader.until_data(kept=0)
        await server.update("kept", v=5)
        await reader.until_data(kept=5)
        assert reader.told[3:] == [
            ("DELETED", "default/lost"),
            ("MODIFIED", "default/kept"),
            ("MODIFIED", "default/kept"),
        ]


async def test_silence_from_an_api_server_that_went_back_is_seen_through(
    server: ScriptedServer, client: KubeClient
) -> None:
    registry = InformerRegistry(clock=InstantClock(), timing=Timing(silence=(0.3, 0.3)))
    await server.create("kept", v=1)
    await server.create("lost", v=1)
    async with reading(registry, client, reader=Reader(resets=True)) as reader:
        await reader.until_synced()
        server.restore({"default/kept": server.objects["default/kept"]}, 60)
        await server.disconnect()
        await reader.until_data(kept=1)
        await server.create("new", v=1)
        await reader.until_data(kept=1, new=1)
    await registry.aclose()


async def test_an_api_server_that_went_back_is_seen_through_though_it_ends_its_watches_in_time(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("kept", v=1)
    await server.create("lost", v=1)
    async with reading(registry, client, reader=Reader(resets=True)) as reader:
        await reader.until_synced()
        await server.stop()
        server.restore({"default/kept": server.objects["default/kept"]}, 60)
        await server.start()
        await until_watched(server)
        await server.end_watches()
        await reader.until_data(kept=1)


async def test_a_watch_only_caller_survives_the_check_of_the_upstream_version(
    server: ScriptedServer, client: KubeClient
) -> None:
    registry = InformerRegistry(clock=InstantClock(), timing=Timing(silence=(0.2, 0.2)))
    server.on_request = lambda request: None if request.is_watch else failure(403, "Forbidden", "no list")
    async with reading(registry, client) as reader:
        await reader.until_synced()

        async def asked() -> bool:
            return len(server.lists) > 1

        await eventually(asked, "the question")
        await server.create("a", v=1)
        await reader.until_data(a=1)
    await registry.aclose()


async def test_retries_back_off_with_jitter_and_begin_again_after_success(
    server: ScriptedServer, client: KubeClient
) -> None:
    clock = ManualClock()
    registry = InformerRegistry(clock=clock)
    async with reading(registry, client) as reader:
        await reader.until_synced()
        await server.stop()
        waited = [await next_sleep(clock)]
        for _ in range(8):
            clock.advance(waited[-1])
            waited.append(await next_sleep(clock))
        assert waited == pytest.approx([0.2, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0])
        await server.start()
        clock.advance(waited[-1])
        await server.create("a", v=1)
        await reader.until_data(a=1)
        await server.disconnect()
        assert await next_sleep(clock) == pytest.approx(0.2)
    await registry.aclose()


async def next_sleep(clock: ManualClock) -> float:
    async def asleep() -> bool:
        return bool(clock.sleeping)

    await eventually(asleep, "a pause before the next try")
    return clock.sleeping[0]


async def test_a_watch_that_ends_at_once_again_and_again_is_slowed_down(
    server: ScriptedServer, client: KubeClient
) -> None:
    clock = ManualClock()
    registry = InformerRegistry(clock=clock)
    async with reading(registry, client) as reader:
        await reader.until_synced()
        server.on_request = lambda _: Reply(200, b"")
        await server.disconnect()
        waited = []
        for _ in range(4):
            waited.append(await next_sleep(clock))
            clock.advance(waited[-1])
        assert waited == pytest.approx([0.2, 1.0, 2.0, 4.0])
    await registry.aclose()
