"""Slow readers: their cost to themselves and to others."""

import asyncio
import tracemalloc
from itertools import count

import pytest

from gateway.errors import SubscriberTooSlow
from gateway.informers import EventType, InformerRegistry, Limits, ObjectEvent, Scope
from gateway.informers.changes import Filter
from gateway.informers.informer import Counters, Informer
from gateway.informers.store import StoredObject
from gateway.informers.subscription import Resume, Subscription
from gateway.kube.client import KubeClient
from gateway.kube.received import ObjectHeader, ObjectMetadata, ReceivedObject
from gateway.kube.watch import WatchEvent
from tests.fixtures.waiting import eventually
from tests.gateway.informers.reading import reading
from tests.gateway.informers.scripted_server import ScriptedServer


async def test_a_slow_reader_delays_no_other_and_ends_with_an_error(
    server: ScriptedServer, client: KubeClient
) -> None:
    registry = InformerRegistry(limits=Limits(objects=5))
    for number in range(20):
        await server.create(f"n{number}", v=0)
    async with reading(registry, client) as slow, reading(registry, client) as quick:
        slow.pause()
        await quick.until_synced()
        for number in range(5):
            await server.update(f"n{number}", v=1)
        await quick.until(lambda reader: reader.values["n4"] == 1)
        assert registry.counters.too_slow == 0
        await server.update("n5", v=1)
        await quick.until(lambda reader: reader.values["n5"] == 1)
        assert registry.counters.too_slow == 1
        slow.go_on()
        await slow.until(lambda reader: reader.ended)
        assert isinstance(slow.error, SubscriberTooSlow)
        async with reading(registry, client) as again:
            await again.until_synced()
            assert again.values == quick.values
    await registry.aclose()


async def test_a_reader_that_pauses_gets_the_newest_state_of_each_object(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=0)
    await server.create("b", v=0)
    async with reading(registry, client) as slow, reading(registry, client) as quick:
        await slow.until_synced()
        slow.pause()
        await server.update("a", v=1)
        await slow.until_data(a=1, b=0)
        for value in range(2, 50):
            await server.update("a", v=value)
        await server.create("gone", v=1)
        await server.delete("gone")
        await server.create("c", v=1)
        await server.update("c", v=2)
        await server.delete("b")
        await quick.until_data(a=49, c=2)
        slow.go_on()
        await slow.until_data(a=49, c=2)
        assert slow.told[4:] == [("MODIFIED", "default/a"), ("ADDED", "default/c"), ("DELETED", "default/b")]


def pod(number: int, version: int, size: int = 10_000) -> WatchEvent:
    """A change of one of the pods, of that many bytes."""
    metadata = ObjectMetadata(name=f"p{number}", uid=f"uid-{number}", resource_version=str(version))
    body = b'{"v":%d,"x":"%s"}' % (version, b"x" * (size - 20))
    return WatchEvent("MODIFIED", ReceivedObject(body, ObjectHeader(metadata)))


async def informer_of(pods: int, limits: Limits) -> Informer:
    informer = Informer(Scope(), limits, Counters())
    objects = [StoredObject.of(pod(number, number + 1).received) for number in range(pods)]
    await informer.replace(objects, str(pods))
    return informer


async def follow(subscription: Subscription, known: dict[str, bytes]) -> None:
    async for event in subscription:
        if event.object is not None:
            known[event.key] = event.object


async def test_a_stalled_reader_costs_the_others_nothing_and_holds_bounded_memory() -> None:
    pods, changes = 100, 10_000
    limits = Limits(objects=pods, bytes=pods * 2 * 10_000)
    informer = await informer_of(pods, limits)
    everything = Filter()
    paused, cut_off = (informer.subscribe(everything, Resume()) for _ in range(2))
    # one waits in its initial events, the other after them
    await anext(paused)
    for _ in range(pods + 1):
        await anext(cut_off)
    known: list[dict[str, bytes]] = [{} for _ in range(30)]
    async with asyncio.TaskGroup() as tasks:
        for item in known:
            tasks.create_task(follow(informer.subscribe(everything, Resume()), item))
        for version in range(pods + 1, pods + changes + 1):
            informer.apply(pod(version % pods, version))
            for subscription in (paused, cut_off):
                assert subscription.waiting <= limits.objects
                assert subscription.waiting_bytes <= limits.bytes
            if version % pods == 0:
                await asyncio.sleep(0)
        expected = {item.key: item.object for item in informer.items()}

        async def all_there() -> bool:
            return all(item == expected for item in known)

        await eventually(all_there, "the newest state of every pod, for all who read")
        assert paused.waiting == cut_off.waiting == pods
        informer.end()
    # every reader, despite the stalled one
    assert known == [expected] * 30


async def test_the_queue_of_a_stalled_reader_does_not_grow_with_each_change() -> None:
    subscription = Subscription()
    versions = count(1)
    before = dict.fromkeys(range(100), b"")

    def change(times: int) -> int:
        for _ in range(times):
            version = next(versions)
            number = version % 100
            after = b"%d" % version + b"x" * 10_000
            previous, before[number] = before[number], after
            event = ObjectEvent(EventType.MODIFIED, after, str(version), str(number), str(number), previous)
            subscription.offer(event)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        held = change(1000)
        assert change(20_000) < held + 200_000
    finally:
        tracemalloc.stop()
    # the accounted bytes: per object the newest state and the last delivered one
    assert subscription.waiting_bytes == pytest.approx(100 * 10_000, rel=0.1)


async def test_a_reader_paused_in_its_initial_events_gets_the_snapshot_and_later_changes() -> None:
    informer = await informer_of(10, Limits())
    subscription = informer.subscribe(Filter(), Resume())
    told = [await anext(subscription)]
    for version in range(11, 1011):
        informer.apply(pod(version % 10, version))
    told += [await anext(subscription) for _ in range(10)]
    assert [item.resource_version for item in told] == [*map(str, range(1, 11)), "10"]
    told = [await anext(subscription) for _ in range(10)]
    assert [item.resource_version for item in told] == [*map(str, range(1001, 1011))]
    assert subscription.waiting_bytes == 0
