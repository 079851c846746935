"""The legacy subprotocol graphql-ws, frame by frame; npm's own client is in test_clients."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from tests.fixtures.waiting import DEADLINE
from tests.gateway.server.conftest import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")

START = {"id": "1", "type": "start", "payload": {"query": "subscription { count(to: 2) }"}}
FOREVER = {"id": "1", "type": "start", "payload": {"query": "subscription { forever }"}}
BEGUN = {"id": "1", "type": "data", "payload": {"data": {"forever": "begun"}}}


async def say(socket: ClientConnection, message: Any) -> None:
    await socket.send(json.dumps(message))


async def hear(socket: ClientConnection) -> Any:
    async with asyncio.timeout(DEADLINE):
        frame = await socket.recv()
    assert isinstance(frame, str), "a binary frame, which no client reads"
    return json.loads(frame)


@asynccontextmanager
async def dialled(served: Served) -> AsyncIterator[ClientConnection]:
    async with connect(served.websocket_url, subprotocols=[Subprotocol("graphql-ws")]) as socket:
        assert socket.subprotocol == "graphql-ws"
        yield socket


@asynccontextmanager
async def signed_in(served: Served, **payload: Any) -> AsyncIterator[ClientConnection]:
    async with dialled(served) as socket:
        await say(socket, {"type": "connection_init", "payload": payload})
        assert await hear(socket) == {"type": "connection_ack"}
        # the first sign of life comes at once
        assert await hear(socket) == {"type": "ka"}
        yield socket


async def closed_with(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosedError) as closed:
        await hear(socket)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def test_results_come_as_data_and_then_complete(local: Served) -> None:
    async with signed_in(local) as socket:
        await say(socket, START)
        assert [await hear(socket) for _ in range(3)] == [
            {"id": "1", "type": "data", "payload": {"data": {"count": 0}}},
            {"id": "1", "type": "data", "payload": {"data": {"count": 1}}},
            {"id": "1", "type": "complete"},
        ]


async def test_a_query_is_one_result(local: Served) -> None:
    async with signed_in(local) as socket:
        await say(socket, {"id": "q", "type": "start", "payload": {"query": "{ square(of: 3) }"}})
        assert await hear(socket) == {"id": "q", "type": "data", "payload": {"data": {"square": 9}}}
        assert await hear(socket) == {"id": "q", "type": "complete"}


async def test_a_mistake_is_the_operations_error_and_leaves_others_alone(local: Served) -> None:
    async with signed_in(local) as socket:
        await say(socket, FOREVER)
        assert await hear(socket) == BEGUN
        await say(socket, {"id": "2", "type": "start", "payload": {"query": "{ nothing }"}})
        error = await hear(socket)
        assert (error["id"], error["type"]) == ("2", "error")
        assert "nothing" in error["payload"]["message"]
        await say(socket, {**START, "id": "3"})
        assert (await hear(socket))["payload"] == {"data": {"count": 0}}


async def test_a_stopped_operation_says_nothing_more_and_its_id_is_free(local: Served) -> None:
    async with signed_in(local) as socket:
        await say(socket, FOREVER)
        assert await hear(socket) == BEGUN
        await say(socket, {"id": "1", "type": "stop"})
        await say(socket, {"id": "unknown", "type": "stop"})
        await say(socket, START)
        assert (await hear(socket))["payload"] == {"data": {"count": 0}}


async def test_starting_an_id_again_replaces_its_operation(local: Served) -> None:
    async with signed_in(local) as socket:
        for _ in range(2):
            await say(socket, FOREVER)
            assert await hear(socket) == BEGUN


async def test_terminate_closes_the_connection(local: Served) -> None:
    async with signed_in(local) as socket:
        await say(socket, {"type": "connection_terminate"})
        async with asyncio.timeout(DEADLINE):
            await socket.wait_closed()
        assert socket.close_code == 1000


@pytest.mark.parametrize(
    "message",
    [[], 1, {}, {"type": "start"}, {**START, "id": 1}, {**START, "payload": {"query": 1}}, {"type": "stop"}],
    ids=json.dumps,
)
async def test_a_message_that_is_none_ends_the_connection(local: Served, message: Any) -> None:
    async with signed_in(local) as socket:
        await say(socket, message)
        assert await closed_with(socket) == 4400


async def test_nothing_runs_before_connection_init(passthrough: Served) -> None:
    async with dialled(passthrough) as socket:
        await say(socket, START)
        assert await closed_with(socket) == 4401


async def test_a_connection_without_a_token_is_told_so_and_closed(passthrough: Served) -> None:
    async with dialled(passthrough) as socket:
        await say(socket, {"type": "connection_init", "payload": {}})
        refusal = await hear(socket)
        assert refusal["type"] == "connection_error"
        assert "bearer token" in refusal["payload"]["message"]
        assert await closed_with(socket) == 4403


async def test_operations_run_as_the_bearer_of_the_token(passthrough: Served) -> None:
    async with signed_in(passthrough, Authorization="Bearer alice") as socket:
        await say(socket, {"id": "1", "type": "start", "payload": {"query": "{ caller }"}})
        caller = passthrough.client.as_bearer("alice").identity
        assert (await hear(socket))["payload"] == {"data": {"caller": caller}}


async def test_a_connection_cannot_change_hands(passthrough: Served) -> None:
    async with signed_in(passthrough, Authorization="Bearer alice") as socket:
        await say(socket, {"type": "connection_init", "payload": {"Authorization": "Bearer bob"}})
        assert await closed_with(socket) == 4429
