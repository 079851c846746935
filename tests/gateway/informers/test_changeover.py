"""Events during the change-over to complete objects, also while it keeps failing."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from gateway.concurrency import Stopped
from gateway.errors import Forbidden, Status
from gateway.informers import Informer, InformerRegistry, Limits, Scope
from gateway.informers.changeover import ChangeOver, Feed, State
from gateway.informers.informer import Counters
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from tests.fixtures.waiting import eventually
from tests.gateway.informers.reading import Reader, reading, until_watched
from tests.gateway.informers.scripted_server import CONFIG_MAPS, Reply, Request, ScriptedServer, failure

UNANSWERED = Reply(200, headers={"Content-Length": "1000"})
FAILURES = {"ill": failure(503, "Unavailable", "not now"), "silent": UNANSWERED}


class LateServer(ScriptedServer):
    """Answers for complete objects only when a test permits it, as of the time of the request."""

    def __init__(self) -> None:
        super().__init__()
        self.told = asyncio.Event()
        self.told.set()
        self.held_back = 0

    async def _reply(self, reply: Reply, writer: asyncio.StreamWriter) -> None:
        await self._wait()
        await super()._reply(reply, writer)

    async def _events(self, request: Request, ending: asyncio.Event) -> AsyncGenerator[bytes, None]:
        async for line in super()._events(request, ending):
            # the end of the initial events says as of when they are
            if not request.metadata_only and b"BOOKMARK" in line:
                await self._wait()
            yield line

    async def _wait(self) -> None:
        self.held_back += not self.told.is_set()
        await self.told.wait()


@pytest.fixture
async def late() -> AsyncIterator[LateServer]:
    server = LateServer()
    await server.start()
    yield server
    server.told.set()
    await server.stop()


def refuse_complete(server: ScriptedServer, reply: Reply) -> None:
    server.on_request = lambda request: None if request.metadata_only else reply


def attempts(server: ScriptedServer) -> int:
    """The number of requests for complete objects."""
    return sum(not item.metadata_only for item in server.requests)


async def join(registry: InformerRegistry, client: KubeClient, **data: int) -> list[str]:
    """Come for complete objects, and stay until they are these."""
    async with reading(registry, client, reader=Reader(complete=True)) as whole:
        await whole.until_data(**data)
        return whole.types


async def until_attempted(server: ScriptedServer, times: int = 1) -> None:
    async def attempted() -> bool:
        return attempts(server) >= times

    await eventually(attempted, f"{times} requests for complete objects")


@pytest.mark.parametrize("watch_list", [True, False])
@pytest.mark.parametrize("reply", FAILURES.values(), ids=FAILURES)
async def test_present_subscribers_go_on_while_complete_objects_are_unavailable(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry, watch_list: bool, reply: Reply
) -> None:
    server.watch_list = watch_list
    await server.create("a", v=1)
    async with reading(registry, client, metadata_only=True) as slim, asyncio.TaskGroup() as tasks:
        await slim.until_synced()
        refuse_complete(server, reply)
        newcomer = tasks.create_task(join(registry, client, b=3))
        await until_attempted(server)
        await server.update("a", v=2)
        # unread events would collapse
        await slim.until(lambda item: len(item.told) == 3)
        await server.delete("a")
        await server.create("b", v=3)
        await slim.until(lambda item: "default/b" in item.known)
        server.on_request = lambda _: None
        await server.disconnect()
        assert await newcomer == ["ADDED", "SYNCED"]
        await until_watched(server)
        assert slim.told[2:] == [
            ("MODIFIED", "default/a"),
            ("DELETED", "default/a"),
            ("ADDED", "default/b"),
        ]


async def test_a_refusal_of_complete_objects_reaches_only_their_readers(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with reading(registry, client, metadata_only=True) as slim:
        await slim.until_synced()
        refuse_complete(server, failure(403, "Forbidden", "metadata only"))
        for _ in range(2):
            with pytest.raises(Forbidden, match="metadata only"):
                async with registry.subscribe(client, CONFIG_MAPS, Scope()):
                    pytest.fail("not allowed")
        await server.update("a", v=2)
        await slim.until(lambda item: len(item.events) == 3)
        server.on_request = lambda _: None
        assert await join(registry, client, a=2) == ["ADDED", "SYNCED"]
        assert slim.types == ["ADDED", "SYNCED", "MODIFIED"]
        assert len(registry.informers) == 1


@pytest.mark.parametrize("watch_list", [True, False])
async def test_complete_objects_that_come_late_take_nothing_back(
    late: LateServer, registry: InformerRegistry, watch_list: bool
) -> None:
    """The list is as of its request; later changes were delivered meanwhile."""
    late.watch_list = watch_list
    async with KubeClient.connect(ClusterConfig(server=late.url)) as client:
        for name in ("changed", "deleted", "same"):
            await late.create(name, v=1)
        async with reading(registry, client, metadata_only=True) as slim, asyncio.TaskGroup() as tasks:
            await slim.until_synced()
            late.told.clear()
            newcomer = tasks.create_task(join(registry, client, changed=2, same=1, new=1))
            await eventually(lambda: held_back(late), "an answer that waits")
            await late.update("changed", v=2)
            await late.delete("deleted")
            await late.create("new", v=1)
            await slim.until(lambda item: len(item.events) == 7)
            late.told.set()
            assert await newcomer == ["ADDED"] * 3 + ["SYNCED"]
            await late.update("same", v=2)
            await slim.until(lambda item: item.told[-1] == ("MODIFIED", "default/same"))
            assert len(slim.events) == 8
            await until_watched(late)


async def held_back(late: LateServer) -> bool:
    return late.held_back > 0


async def test_where_it_fails_with_a_whole_set_that_is_behind_the_watch_of_metadata_goes_on(
    late: LateServer, registry: InformerRegistry
) -> None:
    late.watch_list = False
    async with KubeClient.connect(ClusterConfig(server=late.url)) as client:
        await late.create("a", v=1)
        async with reading(registry, client, metadata_only=True) as slim, asyncio.TaskGroup() as tasks:
            await slim.until_synced()
            late.told.clear()
            newcomer = tasks.create_task(join(registry, client, a=3))
            await eventually(lambda: held_back(late), "an answer that waits")
            await late.update("a", v=2)
            await slim.until(lambda item: len(item.events) == 3)
            # the list that waits is answered, then there is no watch that would make up for the difference
            refuse_complete(late, failure(503, "Unavailable", "not now"))
            before = attempts(late)
            late.told.set()
            await until_attempted(late, before + 2)
            await late.update("a", v=3)
            await slim.until(lambda item: len(item.events) == 4)
            late.on_request = lambda _: None
            assert await newcomer == ["ADDED", "SYNCED"]
            assert slim.types == ["ADDED", "SYNCED", "MODIFIED", "MODIFIED"]
            await until_watched(late)


@pytest.fixture
def feeds() -> ChangeOver:
    return ChangeOver(Informer(Scope(), Limits(), Counters()), metadata_only=True)


def successor_of(feeds: ChangeOver) -> Feed:
    successor = feeds.require_complete()
    assert successor is not None
    assert feeds.state is State.CHANGING
    return successor


async def test_with_opaque_resource_versions_the_successor_locks_before_it_lists(feeds: ChangeOver) -> None:
    """Opaque resource versions do not show which of two states is newer."""
    successor = successor_of(feeds)
    await successor.begin_list()
    assert not feeds.lock.locked(), "the informer has no subscriber yet"
    await feeds.informer.replace([], "one", metadata_only=True)
    await successor.begin_list()
    assert feeds.lock.locked()
    assert successor.is_due("another")
    successor.release()
    assert not feeds.lock.locked()


async def test_a_list_older_than_the_informer_before_the_request_is_authoritative(feeds: ChangeOver) -> None:
    """An etcd was restored, and the watch of metadata has not noticed it yet."""
    successor = successor_of(feeds)
    await feeds.informer.replace([], "10", metadata_only=True)
    await successor.begin_list()
    assert not feeds.lock.locked()
    assert successor.is_due("10")
    assert successor.is_due("9")
    # now the active feed has noticed it and has listed again
    await feeds.informer.replace([], "7", metadata_only=True)
    assert successor.is_due("7")
    assert not successor.is_due("6")


async def test_a_list_may_be_older_than_a_bookmark(feeds: ChangeOver) -> None:
    successor = successor_of(feeds)
    await feeds.informer.replace([], "10", metadata_only=True)
    await successor.begin_list()
    feeds.informer.advance("20")
    assert successor.is_due("10")


async def test_a_list_behind_the_informer_keeps_the_lock_until_it_has_caught_up(feeds: ChangeOver) -> None:
    successor, active = successor_of(feeds), feeds.active
    await feeds.informer.replace([], "10", metadata_only=True)
    await successor.begin_list()
    await feeds.informer.replace([], "20", metadata_only=True)
    assert not await successor.replace([], "15")
    assert feeds.lock.locked()
    assert await successor.replace([], "20")
    assert not feeds.lock.locked()
    assert (feeds.active, feeds.successor) == (successor, None)
    with pytest.raises(Stopped):
        await active.replace([], "30")
    active.release()
    assert not feeds.informer.metadata_only


async def test_an_abandoned_successor_returns_the_informer_to_metadata(feeds: ChangeOver) -> None:
    successor = successor_of(feeds)
    assert feeds.require_complete() is None
    await feeds.informer.replace([], "10", metadata_only=True)
    feeds.abandon(successor, Forbidden(Status(403)))
    assert feeds.state is State.METADATA
    await feeds.informer.settled(metadata_only=True)
    with pytest.raises(Forbidden):
        await feeds.informer.settled()
    assert feeds.require_complete() is not None
