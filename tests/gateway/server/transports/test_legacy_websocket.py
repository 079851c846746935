"""The legacy subprotocol graphql-ws, frame by frame; test_clients runs its npm client."""

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


async def send(socket: ClientConnection, message: Any) -> None:
    await socket.send(json.dumps(message))


async def receive(socket: ClientConnection) -> Any:
    async with asyncio.timeout(DEADLINE):
        frame = await socket.recv()
    assert isinstance(frame, str), "a binary frame: clients fail on it"
    return json.loads(frame)


@asynccontextmanager
async def connected(served: Served) -> AsyncIterator[ClientConnection]:
    async with connect(served.websocket_url, subprotocols=[Subprotocol("graphql-ws")]) as socket:
        assert socket.subprotocol == "graphql-ws"
        yield socket


@asynccontextmanager
async def initialised(served: Served, **payload: Any) -> AsyncIterator[ClientConnection]:
    async with connected(served) as socket:
        await send(socket, {"type": "connection_init", "payload": payload})
        assert await receive(socket) == {"type": "connection_ack"}
        # the first keep-alive follows at once
        assert await receive(socket) == {"type": "ka"}
        yield socket


async def closed_with(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosedError) as closed:
        await receive(socket)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def test_results_are_data_messages_followed_by_complete(local: Served) -> None:
    async with initialised(local) as socket:
        await send(socket, START)
        assert [await receive(socket) for _ in range(3)] == [
            {"id": "1", "type": "data", "payload": {"data": {"count": 0}}},
            {"id": "1", "type": "data", "payload": {"data": {"count": 1}}},
            {"id": "1", "type": "complete"},
        ]


async def test_a_query_has_one_result(local: Served) -> None:
    async with initialised(local) as socket:
        await send(socket, {"id": "q", "type": "start", "payload": {"query": "{ square(of: 3) }"}})
        assert await receive(socket) == {"id": "q", "type": "data", "payload": {"data": {"square": 9}}}
        assert await receive(socket) == {"id": "q", "type": "complete"}


async def test_an_invalid_operation_does_not_disturb_the_others(local: Served) -> None:
    async with initialised(local) as socket:
        await send(socket, FOREVER)
        assert await receive(socket) == BEGUN
        await send(socket, {"id": "2", "type": "start", "payload": {"query": "{ nothing }"}})
        error = await receive(socket)
        assert (error["id"], error["type"]) == ("2", "error")
        assert "nothing" in error["payload"]["message"]
        await send(socket, {**START, "id": "3"})
        assert (await receive(socket))["payload"] == {"data": {"count": 0}}


async def test_a_stopped_operation_sends_no_message_and_frees_its_id(local: Served) -> None:
    async with initialised(local) as socket:
        await send(socket, FOREVER)
        assert await receive(socket) == BEGUN
        await send(socket, {"id": "1", "type": "stop"})
        await send(socket, {"id": "unknown", "type": "stop"})
        await send(socket, START)
        assert (await receive(socket))["payload"] == {"data": {"count": 0}}


async def test_starting_an_id_again_replaces_its_operation(local: Served) -> None:
    async with initialised(local) as socket:
        for _ in range(2):
            await send(socket, FOREVER)
            assert await receive(socket) == BEGUN


async def test_terminate_closes_the_connection(local: Served) -> None:
    async with initialised(local) as socket:
        await send(socket, {"type": "connection_terminate"})
        async with asyncio.timeout(DEADLINE):
            await socket.wait_closed()
        assert socket.close_code == 1000


@pytest.mark.parametrize(
    "message",
    [[], 1, {}, {"type": "start"}, {**START, "id": 1}, {**START, "payload": {"query": 1}}, {"type": "stop"}],
    ids=json.dumps,
)
async def test_a_malformed_message_closes_the_connection(local: Served, message: Any) -> None:
    async with initialised(local) as socket:
        await send(socket, message)
        assert await closed_with(socket) == 4400


@pytest.mark.parametrize("type_", ["subscribe", "ping", ""])
@pytest.mark.parametrize(("given", "answered"), [({"id": "1"}, "1"), ({"id": 1}, ""), ({}, "")])
async def test_a_message_of_an_unknown_type_gets_an_error(
    local: Served, type_: str, given: dict[str, Any], answered: str
) -> None:
    async with initialised(local) as socket:
        await send(socket, {"type": type_, **given})
        refusal = await receive(socket)
        assert (refusal["type"], refusal["id"]) == ("error", answered)
        await send(socket, START)
        assert (await receive(socket))["payload"] == {"data": {"count": 0}}


async def test_an_operation_before_connection_init_closes_the_connection(passthrough: Served) -> None:
    async with connected(passthrough) as socket:
        await send(socket, START)
        assert await closed_with(socket) == 4401


async def test_a_connection_without_a_token_gets_an_error_and_is_closed(passthrough: Served) -> None:
    async with connected(passthrough) as socket:
        await send(socket, {"type": "connection_init", "payload": {}})
        refusal = await receive(socket)
        assert refusal["type"] == "connection_error"
        assert "bearer token" in refusal["payload"]["message"]
        assert await closed_with(socket) == 4403


async def test_operations_run_as_the_token_s_identity(passthrough: Served) -> None:
    async with initialised(passthrough, Authorization="Bearer alice") as socket:
        await send(socket, {"id": "1", "type": "start", "payload": {"query": "{ caller }"}})
        caller = passthrough.client.as_bearer("alice").identity
        assert (await receive(socket))["payload"] == {"data": {"caller": caller}}


async def test_a_second_connection_init_closes_the_connection(passthrough: Served) -> None:
    async with initialised(passthrough, Authorization="Bearer alice") as socket:
        await send(socket, {"type": "connection_init", "payload": {"Authorization": "Bearer bob"}})
        assert await closed_with(socket) == 4429
