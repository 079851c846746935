"""Identical reads in the same moment are one request; a shared answer is never older than its question."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.errors import Forbidden
from gateway.kube import single_flight
from gateway.kube.client import KubeClient
from gateway.kube.single_flight import SingleFlight
from tests.gateway.kube.conftest import Connect
from tests.gateway.kube.loopback import (
    DEADLINE,
    LoopbackServer,
    Reply,
    Request,
    json_reply,
    serve,
    status_reply,
    until,
)

PODS = "api/v1/pods"


class Held:
    """Answers with the number of the request, once it is let go."""

    def __init__(self) -> None:
        self.arrived = 0
        self.go = asyncio.Event()

    async def answer(self, _request: Request) -> Reply:
        self.arrived += 1
        number = self.arrived
        await self.go.wait()
        return json_reply({"number": number})


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
async def server(held: Held) -> AsyncIterator[LoopbackServer]:
    async with serve(held.answer) as server:
        yield server


@pytest.fixture
def client(server: LoopbackServer, connect: Connect) -> KubeClient:
    return connect(server.url)


async def ask(flights: SingleFlight, client: KubeClient, path: str = PODS, **params: str) -> bytes:
    return (await flights.get(client, path, params)).body


async def test_the_same_read_in_the_same_moment_is_one_request(
    client: KubeClient, held: Held, server: LoopbackServer
) -> None:
    held.go.set()
    flights = SingleFlight()

    answers = await asyncio.gather(*(ask(flights, client, limit="5") for _ in range(50)))

    assert set(answers) == {b'{"number": 1}'}
    assert len(server.requests) == 1
    assert server.requests[0].params == {"limit": "5"}
    assert len(flights) == 0


async def test_nothing_is_shared_between_identities(
    client: KubeClient, held: Held, server: LoopbackServer
) -> None:
    held.go.set()
    flights = SingleFlight()
    callers = [client, client.as_bearer("alice"), client.as_bearer("bob"), client.as_bearer("alice")]

    await asyncio.gather(*(ask(flights, caller) for caller in callers))

    tokens = sorted(request.headers.get("authorization", "") for request in server.requests)
    assert tokens == ["", "Bearer alice", "Bearer bob"]


async def test_what_differs_is_asked_for_by_itself(
    client: KubeClient, held: Held, server: LoopbackServer
) -> None:
    held.go.set()
    flights = SingleFlight()

    await asyncio.gather(
        ask(flights, client),
        ask(flights, client, "api/v1/nodes"),
        ask(flights, client, limit="1"),
        flights.get(client, PODS, {}, accept="application/yaml"),
    )

    assert len(server.requests) == 4


async def test_who_asks_while_a_request_is_on_its_way_gets_a_later_one(
    client: KubeClient, held: Held, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_flight, "QUEUE_TIMEOUT_SECONDS", DEADLINE)
    flights = SingleFlight()
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        first = tasks.create_task(ask(flights, client))
        await until(lambda: held.arrived == 1)
        later = [tasks.create_task(ask(flights, client)) for _ in range(20)]
        await asyncio.sleep(0)
        assert held.arrived == 1
        held.go.set()

    assert first.result() == b'{"number": 1}'
    assert {waiter.result() for waiter in later} == {b'{"number": 2}'}
    assert len(server.requests) == 2


async def test_a_request_that_hangs_does_not_hold_up_the_next(
    client: KubeClient, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_flight, "QUEUE_TIMEOUT_SECONDS", 0.01)
    flights = SingleFlight()
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(flights, client))
        await until(lambda: held.arrived == 1)
        tasks.create_task(ask(flights, client))
        await until(lambda: held.arrived == 2)
        held.go.set()


async def test_one_who_leaves_leaves_the_others_alone(client: KubeClient, held: Held) -> None:
    flights = SingleFlight()
    async with asyncio.timeout(DEADLINE):
        stays, leaves = (asyncio.create_task(ask(flights, client)) for _ in range(2))
        await until(lambda: held.arrived == 1)
        leaves.cancel()
        await asyncio.wait([leaves])
        held.go.set()

        assert await stays == b'{"number": 1}'
    assert leaves.cancelled()


async def test_the_request_ends_when_the_last_one_has_left(
    client: KubeClient, held: Held, server: LoopbackServer
) -> None:
    flights = SingleFlight()
    asking = [asyncio.create_task(ask(flights, client)) for _ in range(2)]
    async with asyncio.timeout(DEADLINE):
        await until(lambda: held.arrived == 1)
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
        assert len(flights) == 0
        held.go.set()
        await server.connections[0].closed.wait()


async def test_one_who_leaves_before_it_is_sent_sends_nothing(
    client: KubeClient, server: LoopbackServer
) -> None:
    flights = SingleFlight()
    asking = asyncio.create_task(ask(flights, client))
    await asyncio.sleep(0)

    asking.cancel()
    await asyncio.wait([asking])

    assert len(flights) == 0
    assert not server.requests


async def test_an_error_goes_to_all_and_is_not_kept(connect: Connect) -> None:
    replies = [status_reply(403, "Forbidden", "no"), json_reply({})]

    async def answer(_request: Request) -> Reply:
        return replies.pop(0)

    async with serve(answer) as server:
        client, flights = connect(server.url), SingleFlight()

        errors = await asyncio.gather(*(ask(flights, client) for _ in range(3)), return_exceptions=True)

        assert [type(error) for error in errors] == [Forbidden] * 3
        assert await ask(flights, client) == b"{}"
