"""Signs of life while nothing happens, in every protocol; and clients that show none."""

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

from gateway.identity import Local
from gateway.server import endpoint
from gateway.server.transports.reservations import HEADER
from gateway.server.transports.streams import EventStream
from gateway.server.uvicorn import listener
from tests.fixtures.waiting import DEADLINE, eventually
from tests.gateway.server.conftest import Served, running

FOREVER = {"query": "subscription { forever }"}
FLOOD = {"query": f"subscription {{ {'long' * 500}: count(to: 1000000000) }}"}
START = {"graphql-transport-ws": "subscribe", "graphql-ws": "start"}
EVENTS = {"Accept": "text/event-stream"}
PARTS = {"Accept": "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"}
OFTEN = 0.05
both_subprotocols = pytest.mark.parametrize("subprotocol", START)


@pytest.fixture
async def impatient(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A server that shows and wants signs of life all the time."""
    monkeypatch.setattr(endpoint, "KEEP_ALIVE", OFTEN)
    monkeypatch.setattr(EventStream, "__init__", lambda self: SSETransport.__init__(self, OFTEN))
    monkeypatch.setattr(MultipartSubscriptionTransport, "heartbeat_interval", OFTEN)
    async with running(Local) as served:
        served.listener.config.ws_ping_interval = OFTEN
        served.listener.config.ws_ping_timeout = 0.5
        yield served


@pytest.fixture
async def local() -> AsyncIterator[Served]:
    async with running(Local) as served:
        yield served


class Peer:
    """A websocket whose every frame is the test's to see, and to answer or not."""

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
        """Send what the protocol wants to be sent, such as pongs."""
        self._writer.write(b"".join(self._protocol.data_to_send()))

    async def frame(self, opcode: Opcode) -> Frame:
        """The next frame of that kind; whatever came before it is read and not answered."""
        while True:
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.opcode is opcode:
                    return event
            await self._receive()

    async def end(self) -> None:
        """Read to the end of the connection; ConnectionResetError where it is no orderly one."""
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
    """How many are open, as /metrics has it."""
    text = (await served.http.get("/metrics")).text
    (value,) = [each.split()[1] for each in text.splitlines() if each.startswith("kube_graphql_websockets ")]
    return value


async def none_is_left(served: Served) -> bool:
    return await websockets(served) == "0.0"


async def test_every_websocket_is_pinged() -> None:
    async with running(Local) as served:
        assert served.listener.config.ws_ping_interval == 20
        assert served.listener.config.ws_ping_timeout == 20


@both_subprotocols
async def test_a_silent_websocket_is_pinged_and_lives_while_it_answers(
    impatient: Served, subprotocol: str
) -> None:
    impatient.listener.config.ws_ping_timeout = DEADLINE
    async with peer(impatient, subprotocol, FOREVER) as answering:
        for _ in range(5):
            await answering.frame(Opcode.PING)
            answering.answer()
        assert await websockets(impatient) == "1.0"


@both_subprotocols
async def test_a_websocket_that_answers_no_ping_is_closed_and_forgotten(
    impatient: Served, subprotocol: str
) -> None:
    async with peer(impatient, subprotocol, FOREVER) as vanished:
        closing = await vanished.frame(Opcode.CLOSE)
        assert Close.parse(bytes(closing.data)) == Close(1011, "keepalive ping timeout")
        await eventually(lambda: none_is_left(impatient), "the websocket to be forgotten")


@both_subprotocols
async def test_a_websocket_that_does_not_even_read_is_forgotten(impatient: Served, subprotocol: str) -> None:
    """What was written to it will never be sent: nothing is to wait for that."""
    async with peer(impatient, subprotocol, FLOOD):
        assert await websockets(impatient) == "1.0"
        await eventually(lambda: none_is_left(impatient), "the websocket to be forgotten")


async def test_the_legacy_protocol_has_signs_of_life_of_its_own(impatient: Served) -> None:
    async with peer(impatient, "graphql-ws", FOREVER) as client:
        signs = 0
        while signs < 5:
            signs += b'"ka"' in bytes((await client.frame(Opcode.TEXT)).data)
            client.answer()


@both_subprotocols
async def test_at_the_end_of_the_process_a_client_is_told_and_may_answer(
    local: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, subprotocol: str
) -> None:
    monkeypatch.setattr(listener, "PATIENCE", DEADLINE)
    async with peer(local, subprotocol, FOREVER) as client:
        await client.frame(Opcode.TEXT)
        local.stop.set()
        closing = await client.frame(Opcode.CLOSE)
        assert Close.parse(bytes(closing.data)) == Close(1012, "the gateway is shutting down")
        # the connection stands until the answer has come, so that this is no error
        assert not local.ended.is_set()
        client.answer()
        await client.end()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def count_lines(lines: AsyncIterator[str], sign: str) -> None:
    """Read until that sign of life has come five times."""
    signs = 0
    async with asyncio.timeout(DEADLINE):
        while signs < 5:
            signs += await anext(lines) == sign


@pytest.mark.parametrize(("headers", "sign"), [(EVENTS, ": ping"), (PARTS, "{}")], ids=["events", "parts"])
async def test_silent_streams_show_signs_of_life(
    impatient: Served, headers: dict[str, str], sign: str
) -> None:
    async with impatient.http.stream("POST", "/graphql", json=FOREVER, headers=headers) as response:
        await count_lines(response.aiter_lines(), sign)


async def test_a_silent_stream_of_many_operations_shows_signs_of_life(impatient: Served) -> None:
    token = {HEADER: (await impatient.http.put("/graphql")).text}
    async with impatient.http.stream("GET", "/graphql", headers=token) as response:
        await count_lines(response.aiter_lines(), ": ping")
