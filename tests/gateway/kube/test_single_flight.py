"""Identical concurrent reads share one request; a shared response is never older than a caller's request."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.errors import Forbidden
from gateway.kube import single_flight
from gateway.kube.client import KubeClient, Response
from gateway.kube.single_flight import SingleFlight
from tests.gateway.kube.conftest import Connect
from tests.gateway.kube.loopback import (
    DEADLINE_SECONDS,
    LoopbackServer,
    Reply,
    Request,
    json_reply,
    serve,
    status_reply,
    until,
)

PODS = "api/v1/pods"


class DelayedServer:
    """Answers with the number of the request after its release."""

    def __init__(self) -> None:
        self.arrived = 0
        self.released = asyncio.Event()

    async def answer(self, _request: Request) -> Reply:
        self.arrived += 1
        number = self.arrived
        await self.released.wait()
        return json_reply({"number": number})


@pytest.fixture
def delayed() -> DelayedServer:
    return DelayedServer()


@pytest.fixture
async def server(delayed: DelayedServer) -> AsyncIterator[LoopbackServer]:
    async with serve(delayed.answer) as server:
        yield server


@pytest.fixture
def client(server: LoopbackServer, connect: Connect) -> KubeClient:
    return connect(server.url)


async def read(reads: SingleFlight, client: KubeClient, path: str = PODS, **params: str) -> bytes:
    return (await reads.get(client, path, params)).body


async def test_identical_concurrent_reads_are_one_request(
    client: KubeClient, delayed: DelayedServer, server: LoopbackServer
) -> None:
    delayed.released.set()
    reads = SingleFlight()

    answers = await asyncio.gather(*(read(reads, client, limit="5") for _ in range(50)))

    assert set(answers) == {b'{"number": 1}'}
    assert len(server.requests) == 1
    assert server.requests[0].params == {"limit": "5"}
    assert len(reads) == 0


async def test_identities_share_no_request(
    client: KubeClient, delayed: DelayedServer, server: LoopbackServer
) -> None:
    delayed.released.set()
    reads = SingleFlight()
    callers = [client, client.as_bearer("alice"), client.as_bearer("bob"), client.as_bearer("alice")]

    await asyncio.gather(*(read(reads, caller) for caller in callers))

    tokens = sorted(request.headers.get("authorization", "") for request in server.requests)
    assert tokens == ["", "Bearer alice", "Bearer bob"]


async def test_different_reads_share_no_request(
    client: KubeClient, delayed: DelayedServer, server: LoopbackServer
) -> None:
    delayed.released.set()
    reads = SingleFlight()

    await asyncio.gather(
        read(reads, client),
        read(reads, client, "api/v1/nodes"),
        read(reads, client, limit="1"),
        reads.get(client, PODS, {}, accept="application/yaml"),
    )

    assert len(server.requests) == 4


async def test_a_caller_never_joins_a_request_in_flight(
    client: KubeClient, delayed: DelayedServer, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_flight, "QUEUE_TIMEOUT_SECONDS", DEADLINE_SECONDS)
    reads = SingleFlight()
    async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as tasks:
        first = tasks.create_task(read(reads, client))
        await until(lambda: delayed.arrived == 1)
        later = [tasks.create_task(read(reads, client)) for _ in range(20)]
        await asyncio.sleep(0)
        assert delayed.arrived == 1
        delayed.released.set()

    assert first.result() == b'{"number": 1}'
    assert {waiter.result() for waiter in later} == {b'{"number": 2}'}
    assert len(server.requests) == 2


async def test_a_hanging_request_delays_the_next_one_for_a_bounded_time(
    client: KubeClient, delayed: DelayedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_flight, "QUEUE_TIMEOUT_SECONDS", 0.01)
    reads = SingleFlight()
    async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as tasks:
        tasks.create_task(read(reads, client))
        await until(lambda: delayed.arrived == 1)
        tasks.create_task(read(reads, client))
        await until(lambda: delayed.arrived == 2)
        delayed.released.set()


async def test_cancelling_one_waiter_does_not_cancel_the_shared_request(
    client: KubeClient, delayed: DelayedServer
) -> None:
    reads = SingleFlight()
    async with asyncio.timeout(DEADLINE_SECONDS):
        stays, leaves = (asyncio.create_task(read(reads, client)) for _ in range(2))
        await until(lambda: delayed.arrived == 1)
        leaves.cancel()
        await asyncio.wait([leaves])
        delayed.released.set()

        assert await stays == b'{"number": 1}'
    assert leaves.cancelled()


async def test_cancelling_the_last_waiter_cancels_the_request(
    client: KubeClient, delayed: DelayedServer, server: LoopbackServer
) -> None:
    reads = SingleFlight()
    waiting = [asyncio.create_task(read(reads, client)) for _ in range(2)]
    async with asyncio.timeout(DEADLINE_SECONDS):
        await until(lambda: delayed.arrived == 1)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        assert len(reads) == 0
        delayed.released.set()
        await server.connections[0].closed.wait()


async def test_cancelling_the_last_waiter_of_a_queued_request_sends_nothing(
    client: KubeClient, server: LoopbackServer
) -> None:
    reads = SingleFlight()
    waiting = asyncio.create_task(read(reads, client))
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.wait([waiting])

    assert len(reads) == 0
    assert not server.requests


async def test_an_error_is_raised_in_every_waiter_and_not_cached(connect: Connect) -> None:
    replies = [status_reply(403, "Forbidden", "no"), json_reply({})]

    async def answer(_request: Request) -> Reply:
        return replies.pop(0)

    async with serve(answer) as server:
        client, reads = connect(server.url), SingleFlight()

        errors = await asyncio.gather(*(read(reads, client) for _ in range(3)), return_exceptions=True)

        assert [type(error) for error in errors] == [Forbidden] * 3
        assert await read(reads, client) == b"{}"


class CountedOperation:
    """Counts the requests that are sent for it."""

    def __init__(self) -> None:
        self.requests = 0

    def expect_request(self) -> None:
        self.requests += 1


async def test_a_field_joins_the_request_in_flight_of_its_own_operation_only(
    client: KubeClient, delayed: DelayedServer, server: LoopbackServer
) -> None:
    reads, one, other = SingleFlight(), CountedOperation(), CountedOperation()
    async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as tasks:

        def start(operation: CountedOperation) -> asyncio.Task[Response]:
            return tasks.create_task(reads.get(client, PODS, {}, operation=operation))

        fields = [start(one)]
        await until(lambda: delayed.arrived == 1)
        fields += [start(one), start(one)]
        later = start(other)
        await asyncio.sleep(0)
        delayed.released.set()

    assert {field.result().body for field in fields} == {b'{"number": 1}'}
    assert later.result().body == b'{"number": 2}'
    assert (one.requests, other.requests, len(server.requests)) == (1, 1, 2)
