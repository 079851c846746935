"""Time-outs for slow clients: idle connections, half a header, half a body."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable

import pytest

from gateway.identity import Local
from gateway.server import Timeouts
from gateway.server.uvicorn.http_protocol import _JoinedWrites
from tests.fixtures.graphql_ws import open_socket
from tests.fixtures.waiting import DEADLINE, eventually
from tests.gateway.server.conftest import Served, running

SHORT = 0.1
LONG = 600.0
BODY = b'{"query": "{ __typename }"}'
HEADER = (
    b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n" % len(BODY)
)


async def read_all(served: Served, *sent: bytes) -> bytes:
    """Send the pieces and read until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        for piece in sent:
            writer.write(piece)
            await asyncio.sleep(0.02)
        async with asyncio.timeout(DEADLINE):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("timeouts", "sent", "received"),
    [
        (Timeouts(LONG, LONG, SHORT), [], b""),
        (Timeouts(LONG, LONG, SHORT), [b"\r\n"], b""),
        (Timeouts(SHORT, LONG, LONG), [HEADER[:30]], b""),
        (Timeouts(SHORT, LONG, LONG), [HEADER[:1]], b""),
        (Timeouts(LONG, SHORT, LONG), [HEADER + BODY[:5]], b"HTTP/1.1 408 "),
        (Timeouts(LONG, SHORT, LONG), [HEADER], b"HTTP/1.1 408 "),
        (Timeouts(SHORT, LONG, LONG), [HEADER + BODY, HEADER[:30]], b"HTTP/1.1 200 "),
    ],
    ids=["idle", "blank line", "header", "first byte", "body", "no body", "second header"],
)
async def test_a_slow_client_is_disconnected(
    timeouts: Timeouts, sent: list[bytes], received: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(Local, timeouts=timeouts) as served:
        assert (await read_all(served, *sent)).startswith(received)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


CLOSING = {
    "HTTP/1.1": b"POST /graphql HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n",
    "HTTP/1.0": b"POST /graphql HTTP/1.0\r\nHost: localhost\r\n",
}
"""Heads whose response ends the connection; nginx sends the second to its upstreams by default."""


@pytest.mark.parametrize("head", CLOSING.values(), ids=CLOSING)
async def test_a_body_that_is_refused_is_read_to_its_end(head: bytes) -> None:
    async with running(Local, max_body=10_000) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        size, piece = 8 << 20, b" " * (1 << 16)
        writer.write(head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size)
        # raises ConnectionResetError if the gateway closes the connection with unread data
        for _ in range(size // len(piece)):
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(DEADLINE):
            response = await reader.read()
        assert response.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in response
        writer.close()


async def test_a_refused_body_that_does_not_end_is_read_for_a_limited_time() -> None:
    async with running(Local, max_body=10, timeouts=Timeouts(LONG, SHORT, LONG)) as served:
        head = CLOSING["HTTP/1.1"] + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(head + b" ")
        async with asyncio.timeout(DEADLINE):
            assert (await reader.read()).startswith(b"HTTP/1.1 413 ")

        async def is_closed() -> bool:
            return not served.listener.server_state.connections

        await eventually(is_closed, "the connection to be closed")
        writer.close()


@pytest.fixture
async def impatient() -> AsyncIterator[Served]:
    async with running(Local, timeouts=Timeouts(SHORT, SHORT, SHORT)) as served:
        yield served


async def test_a_request_in_pieces_within_the_time_is_answered() -> None:
    async with running(Local, timeouts=Timeouts(LONG, LONG, LONG)) as served:
        request = HEADER + BODY
        pieces = [request[:10], request[10:-5], request[-5:]]
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.02)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_a_slow_response_is_not_a_slow_client(impatient: Served) -> None:
    headers = {"Accept": "text/event-stream"}
    body = {"query": "subscription { forever }"}
    async with impatient.http.stream("POST", "/graphql", json=body, headers=headers) as response:
        lines = response.aiter_lines()
        assert await anext(lines) == "event: next"
        await asyncio.sleep(5 * SHORT)
        assert impatient.listener.server_state.connections


async def test_an_idle_websocket_stays_open(impatient: Served) -> None:
    async with open_socket(impatient.websocket_url) as socket:
        await socket.initialise()
        await asyncio.sleep(5 * SHORT)
        stream = await socket.subscribe("subscription { count(to: 1) }")
        assert (await stream.result())["data"] == {"count": 0}


class Recorder(asyncio.Transport):
    """A transport that notes its writes; each entry is one write to the socket."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.writes.append(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def joined() -> tuple[Recorder, _JoinedWrites]:
    transport = Recorder()
    writes = _JoinedWrites(transport, asyncio.get_running_loop())
    writes.expects_head = True
    return transport, writes


async def test_the_head_of_a_response_is_sent_with_its_body() -> None:
    transport, writes = joined()
    for data in (b"head", b"body", b"more"):
        writes.write(data)
    await asyncio.sleep(0)
    assert transport.writes == [b"headbody", b"more"]


async def test_the_head_of_a_stream_does_not_wait_for_its_first_message() -> None:
    transport, writes = joined()
    writes.write(b"head")
    assert transport.writes == []
    await asyncio.sleep(0)
    writes.write(b"message")
    assert transport.writes == [b"head", b"message"]


async def test_a_connection_that_is_closed_in_the_same_turn_sends_its_head_first() -> None:
    transport, writes = joined()
    writes.write(b"head")
    writes.close()
    await asyncio.sleep(0)
    assert transport.writes == [b"head"]
    assert transport.closed


async def test_a_connection_that_was_lost_gets_no_head() -> None:
    transport, writes = joined()
    writes.write(b"head")
    transport.close()
    await asyncio.sleep(0)
    assert transport.writes == []


async def test_a_client_receives_the_whole_response_at_once() -> None:
    async with running(Local) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        for _ in range(2):
            writer.write(HEADER + BODY)
            async with asyncio.timeout(DEADLINE):
                received = await reader.read(1 << 16)
            assert received.startswith(b"HTTP/1.1 200 ")
            assert received.endswith(b'{"data":{"__typename":"Query"}}')
        writer.close()
