"""Keep-alives of idle connections in every protocol, and clients that do not answer them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from strawberry.http.streaming import MultipartSubscriptionTransport, SSETransport
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from gateway import uvicorn_server
from gateway.identity import Local
from gateway.server import endpoint
from gateway.server.transports.reservations import STREAM_HEADER
from gateway.server.transports.streams import EventStream
from tests.fixtures.waiting import DEADLINE, eventually
from tests.gateway.server.conftest import Served, running

FOREVER = {"query": "subscription { forever }"}
FLOOD = {"query": f"subscription {{ {'long' * 500}: count(to: 1000000000) }}"}
START = {"graphql-transport-ws": "subscribe", "graphql-ws": "start"}
EVENTS = {"Accept": "text/event-stream"}
PARTS = {"Accept": "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"}
INTERVAL_SECONDS = 0.05
both_subprotocols = pytest.mark.parametrize("subprotocol", START)


@pytest.fixture
async def frequent(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A server with very short keep-alive intervals."""
    monkeypatch.setattr(endpoint, "_KEEP_ALIVE_SECONDS", INTERVAL_SECONDS)
    monkeypatch.setattr(EventStream, "__init__", lambda self: SSETransport.__init__(self, INTERVAL_SECONDS))
    monkeypatch.setattr(MultipartSubscriptionTransport, "heartbeat_interval", INTERVAL_SECONDS)
    async with running(Local) as served:
        served.listener.config.ws_ping_interval = INTERVAL_SECONDS
        served.listener.config.ws_ping_timeout = 0.5
        yield served


@pytest.fixture
async def local() -> AsyncIterator[Served]:
    async with running(Local) as served:
        yield served


class Peer:
    """A websocket client that exposes each frame and answers only on demand."""

    def __init__(self, served: Served, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._uri = parse_uri(served.websocket_url)
        self._protocol: ClientProtocol

    async def begin(self, subprotocol: str, request: dict[str, str]) -> None:
        self._protocol = ClientProtocol(self._uri, subprotocols=[Subprotocol(subprotocol)])
        self._protocol.send_request(self._protocol.connect())
        self.answer()
        while self._protocol.state is State.CONNECTING:
            await self._receive()
        self._protocol.events_received()
        for message in (
            {"type": "connection_init"},
            {"id": "1", "type": START[subprotocol], "payload": request},
        ):
            self._protocol.send_text(json.dumps(message).encode())
        self.answer()

    def answer(self) -> None:
        """Send the protocol's pending frames, such as pongs."""
        self._writer.write(b"".join(self._protocol.data_to_send()))

    async def frame(self, opcode: Opcode) -> Frame:
        """The next frame with the opcode; earlier frames are read and not answered."""
        while True:
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.opcode is opcode:
                    return event
            await self._receive()

    async def end(self) -> None:
        """Read to the end of the connection; raises ConnectionResetError for a reset."""
        async with asyncio.timeout(DEADLINE):
            while await self._reader.read(65536):
                pass

    async def _receive(self) -> None:
        async with asyncio.timeout(DEADLINE):
            received = await self._reader.read(65536)
        assert received, "the connection has ended"
        self._protocol.receive_data(received)


@asynccontextmanager
async def peer(served: Served, subprotocol: str, request: dict[str, str]) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=65536)
    try:
        peer = Peer(served, reader, writer)
        await peer.begin(subprotocol, request)
        yield peer
    finally:
        writer.transport.abort()


async def websockets(served: Served) -> str:
    """The number of open websockets, from /metrics."""
    text = (await served.http.get("/metrics")).text
    (value,) = [line.split()[1] for line in text.splitlines() if line.startswith("kube_graphql_websockets ")]
    return value


async def none_is_left(served: Served) -> bool:
    return await websockets(served) == "0.0"


async def test_every_websocket_is_pinged() -> None:
    async with running(Local) as served:
        assert served.listener.config.ws_ping_interval == 20
        assert served.listener.config.ws_ping_timeout == 20


@both_subprotocols
async def test_an_idle_websocket_stays_open_while_it_answers_pings(
    frequent: Served, subprotocol: str
) -> None:
    frequent.listener.config.ws_ping_timeout = DEADLINE
    async with peer(frequent, subprotocol, FOREVER) as answering:
        for _ in range(5):
            await answering.frame(Opcode.PING)
            answering.answer()
        assert await websockets(frequent) == "1.0"


@both_subprotocols
async def test_a_websocket_that_answers_no_ping_is_closed(frequent: Served, subprotocol: str) -> None:
    async with peer(frequent, subprotocol, FOREVER) as vanished:
        closing = await vanished.frame(Opcode.CLOSE)
        assert Close.parse(bytes(closing.data)) == Close(1011, "keepalive ping timeout")
        await eventually(lambda: none_is_left(frequent), "the websocket to be dropped")


@both_subprotocols
async def test_a_websocket_that_does_not_read_is_dropped(frequent: Served, subprotocol: str) -> None:
    """Unsent data must not delay the end of the connection."""
    async with peer(frequent, subprotocol, FLOOD):
        assert await websockets(frequent) == "1.0"
        await eventually(lambda: none_is_left(frequent), "the websocket to be dropped")


async def test_the_legacy_protocol_has_keep_alives_of_its_own(frequent: Served) -> None:
    async with peer(frequent, "graphql-ws", FOREVER) as client:
        count = 0
        while count < 5:
            count += b'"ka"' in bytes((await client.frame(Opcode.TEXT)).data)
            client.answer()


@both_subprotocols
async def test_shutdown_completes_the_closing_handshake(
    local: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, subprotocol: str
) -> None:
    monkeypatch.setattr(uvicorn_server, "DRAIN_TIMEOUT_SECONDS", DEADLINE)
    async with peer(local, subprotocol, FOREVER) as client:
        await client.frame(Opcode.TEXT)
        local.stop.set()
        closing = await client.frame(Opcode.CLOSE)
        assert Close.parse(bytes(closing.data)) == Close(1012, "the gateway is shutting down")
        # the connection stays open until the client's close frame arrives
        assert not local.ended.is_set()
        client.answer()
        await client.end()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def await_keep_alives(lines: AsyncIterator[str], keep_alive: str) -> None:
    """Read until five keep-alives have arrived."""
    count = 0
    async with asyncio.timeout(DEADLINE):
        while count < 5:
            count += await anext(lines) == keep_alive


@pytest.mark.parametrize(
    ("headers", "keep_alive"), [(EVENTS, ": ping"), (PARTS, "{}")], ids=["events", "parts"]
)
async def test_an_idle_stream_sends_keep_alives(
    frequent: Served, headers: dict[str, str], keep_alive: str
) -> None:
    async with frequent.http.stream("POST", "/graphql", json=FOREVER, headers=headers) as response:
        await await_keep_alives(response.aiter_lines(), keep_alive)


async def test_an_idle_stream_of_single_connection_mode_sends_keep_alives(frequent: Served) -> None:
    token = {STREAM_HEADER: (await frequent.http.put("/graphql")).text}
    async with frequent.http.stream("GET", "/graphql", headers=token) as response:
        await await_keep_alives(response.aiter_lines(), ": ping")
