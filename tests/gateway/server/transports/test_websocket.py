"""graphql-transport-ws: malformed messages, invalid operations, concurrent operations."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from gateway.server.transports.websocket import well_formed
from tests.fixtures.graphql_ws import StreamEnded, open_socket
from tests.gateway.server.conftest import Served

in_module_loop = pytest.mark.asyncio(loop_scope="module")

SUBSCRIBE = {"id": "1", "type": "subscribe", "payload": {"query": "{ __typename }"}}


@in_module_loop
@pytest.mark.parametrize(
    "message",
    [
        [],
        1,
        "text",
        None,
        {},
        {"type": 1},
        {"type": "start"},
        {"type": "subscribe"},
        {**SUBSCRIBE, "id": 1},
        {**SUBSCRIBE, "payload": "query"},
        {**SUBSCRIBE, "payload": {"query": 1}},
        {**SUBSCRIBE, "payload": {"query": "{ a }", "variables": []}},
        {**SUBSCRIBE, "payload": {"query": "{ a }", "operationName": 1}},
        {"type": "complete"},
        {"type": "complete", "id": ["1"]},
    ],
    ids=json.dumps,
)
async def test_a_malformed_message_closes_the_connection(local: Served, message: Any) -> None:
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        await socket.send(message)
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4400


@in_module_loop
@pytest.mark.parametrize("frame", ["{", "[" * 100_000, b"{}"])
async def test_a_frame_that_is_not_json_text_closes_the_connection(local: Served, frame: str | bytes) -> None:
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        await socket.connection.send(frame)
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4400


@in_module_loop
@pytest.mark.parametrize("query", ["{", "", "{ nothing }", "fragment F on Query { __typename }"])
async def test_an_invalid_operation_does_not_disturb_the_others(local: Served, query: str) -> None:
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        living = await socket.subscribe("subscription { forever }")
        assert await living.result() == {"data": {"forever": "begun"}}
        with pytest.raises(StreamEnded) as ended:
            await (await socket.subscribe(query)).result()
        assert ended.value.errors
        other = await socket.subscribe("subscription { count(to: 1) }")
        assert await other.result() == {"data": {"count": 0}}


@in_module_loop
async def test_a_connection_can_run_hundreds_of_operations(local: Served) -> None:
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        streams = [await socket.subscribe("subscription { forever }") for _ in range(300)]
        for stream in streams:
            assert await stream.result() == {"data": {"forever": "begun"}}


@in_module_loop
async def test_a_duplicate_operation_id_closes_the_connection(local: Served) -> None:
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        for _ in range(2):
            await socket.send({**SUBSCRIBE, "payload": {"query": "subscription { forever }"}})
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.message("of no operation")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4409


@in_module_loop
async def test_a_ping_is_answered(local: Served) -> None:
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        await socket.send({"type": "ping", "payload": {"any": 1}})
        assert await socket.receive() == {"type": "pong"}


@in_module_loop
async def test_an_unknown_subprotocol_is_not_accepted(local: Served) -> None:
    response = await local.http.get(
        "/graphql",
        headers={
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Protocol": "graphql-something-else",
        },
    )
    assert "sec-websocket-protocol" not in response.headers


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=8), values, max_size=4),
    max_leaves=10,
)


@given(json_values)
def test_well_formed_never_raises(value: Any) -> None:
    assert well_formed(value) in (True, False)


@given(st.text(), st.text(), st.dictionaries(st.text(max_size=5), json_values, max_size=3))
def test_a_valid_subscribe_message_is_well_formed(id_: str, query: str, variables: dict[str, Any]) -> None:
    assert well_formed({"id": id_, "type": "subscribe", "payload": {"query": query, "variables": variables}})


@in_module_loop
@pytest.mark.parametrize("offered", ["graphql-ws, graphql-transport-ws", "graphql-transport-ws, graphql-ws"])
async def test_the_modern_subprotocol_is_preferred(local: Served, offered: str) -> None:
    subprotocols = [Subprotocol(name) for name in offered.split(", ")]
    async with connect(local.websocket_url, subprotocols=subprotocols) as socket:
        assert socket.subprotocol == "graphql-transport-ws"
