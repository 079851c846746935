"""Subscribers that cost next to nothing: they count messages and look for one field, and parse no JSON."""

import asyncio
import base64
import json
import os
import struct
import time
from abc import ABC, abstractmethod
from array import array
from collections import defaultdict
from typing import cast

__all__ = ["EVENT_STREAM", "LEGACY_WS", "TRANSPORT_WS", "Arrivals", "Subscriber", "subscriber_of"]

TRANSPORT_WS, LEGACY_WS, EVENT_STREAM = "graphql-transport-ws", "graphql-ws", "event stream"
BEGINNINGS = {TRANSPORT_WS: "subscribe", LEGACY_WS: "start"}
"""The type of the message that begins an operation, by websocket subprotocol."""

VERSION = b'"resourceVersion":"'
SYNCED = b'"SYNCED"'
SYNCED_WITHIN = 200
"""Bytes from the beginning of a message; the event's type is the first field that is selected."""

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A


class Arrivals:
    """When each change reached each subscriber, by :func:`time.monotonic`, under its resource version."""

    def __init__(self) -> None:
        self.moments: defaultdict[bytes, array[float]] = defaultdict(lambda: array("d"))
        self.total = 0
        self.initial = 0
        self.disordered = 0
        self.problems: list[str] = []


class Subscriber(ABC, asyncio.Protocol):
    """One connection with one subscription, whose last selected field is the event's ``resourceVersion``.

    ``synced`` is done when all initial events have come; for one that ``stalls`` when it has asked for them,
    as it reads no more from then on. A connection that ends by itself, an error and an event that is not
    newer than the one before it are noted in ``arrivals``.
    """

    def __init__(self, arrivals: Arrivals, query: str, *, stalls: bool = False) -> None:
        self.arrivals = arrivals
        self.query = query
        self.stalls = stalls
        self.synced: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None
        self.greeted = False
        self._rest = b""
        self._last = 0

    @abstractmethod
    def request(self) -> bytes:
        """What is sent when the connection stands."""

    def accepted(self) -> None:
        """The response has begun well."""

    @abstractmethod
    def take(self, data: bytes, now: float) -> int:
        """Take the whole messages from the beginning of the data; how many bytes that were."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self.request())

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if self._rest:
            data = self._rest + data
        if not self.greeted:
            data = self._skip_response(data)
        taken = self.take(data, now) if self.greeted else 0
        self._rest = data[taken:] if taken < len(data) else b""

    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(f"the connection ended: {exc or 'it was closed'}")

    def fail(self, problem: str) -> None:
        self.arrivals.problems.append(problem)
        if not self.synced.done():
            self.synced.set_exception(ConnectionError(problem))

    def note(self, data: bytes, begin: int, end: int, now: float) -> None:
        """Take one message, which is in that part of the data."""
        at = data.rfind(VERSION, begin, end)
        if at < 0:
            self.note_other(data[begin:end])
            return
        at += len(VERSION)
        version = data[at : data.find(b'"', at, end)]
        if not self.synced.done():
            self.note_initial(data[begin : begin + SYNCED_WITHIN])
            return
        number = int(version)
        if number <= self._last:
            self.arrivals.disordered += 1
        self._last = number
        self.arrivals.moments[version].append(now)
        self.arrivals.total += 1

    def note_initial(self, beginning: bytes) -> None:
        if SYNCED in beginning:
            self.synced.set_result(None)
        else:
            self.arrivals.initial += 1

    def note_other(self, message: bytes) -> None:
        """Take a message that is no event."""
        if b'"error' in message or b'"complete"' in message:
            self.fail(message.decode())

    def _skip_response(self, data: bytes) -> bytes:
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            return data
        self.greeted = True
        if head.startswith((b"HTTP/1.1 101", b"HTTP/1.1 200")):
            self.accepted()
        else:
            self.fail(data.decode())
        return rest


class WebSocketSubscriber(Subscriber):
    """graphql-transport-ws, and the legacy graphql-ws."""

    def __init__(self, arrivals: Arrivals, query: str, protocol: str, *, stalls: bool = False) -> None:
        super().__init__(arrivals, query, stalls=stalls)
        self.protocol = protocol

    def request(self) -> bytes:
        key = base64.b64encode(os.urandom(16)).decode()
        return (
            "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {self.protocol}\r\n\r\n"
        ).encode()

    def accepted(self) -> None:
        if self.transport is not None:
            self.transport.write(frame(TEXT, b'{"type":"connection_init"}'))

    def take(self, data: bytes, now: float) -> int:
        begin, size = 0, len(data)
        while size - begin >= 2:
            length, head = data[begin + 1], 2
            if length == 126:
                length, head = int.from_bytes(data[begin + 2 : begin + 4]), 4
            elif length == 127:
                length, head = int.from_bytes(data[begin + 2 : begin + 10]), 10
            end = begin + head + length
            if end > size:
                break
            if data[begin] == TEXT:
                self.note(data, begin + head, end, now)
            else:
                self._control(data[begin], data[begin + head : end])
            begin = end
        return begin

    def note_other(self, message: bytes) -> None:
        if b'"connection_ack"' in message and self.transport is not None:
            begin = {"id": "1", "type": BEGINNINGS[self.protocol], "payload": {"query": self.query}}
            self.transport.write(frame(TEXT, json.dumps(begin).encode()))
            if self.stalls:
                self.transport.pause_reading()
                self.synced.set_result(None)
        else:
            super().note_other(message)

    def _control(self, code: int, payload: bytes) -> None:
        if code == PING and self.transport is not None:
            self.transport.write(frame(PONG, payload))
        elif code == CLOSE:
            self.fail(f"the websocket was closed: {payload!r}")
        elif code != PONG:
            self.fail(f"a frame of type {code:#x}, which a subscription has no use for")


class EventStreamSubscriber(Subscriber):
    """graphql-sse with a connection for each subscription."""

    def request(self) -> bytes:
        body = json.dumps({"query": self.query}).encode()
        head = (
            "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def take(self, data: bytes, now: float) -> int:
        # the frames of the chunks stand between the events and disturb nobody
        begin = 0
        while (end := data.find(b"\n\n", begin)) >= 0:
            self.note(data, begin, end, now)
            begin = end + 2
        return begin


def subscriber_of(arrivals: Arrivals, protocol: str, query: str, *, stalls: bool = False) -> Subscriber:
    """One that speaks the protocol; ValueError for one that stalls on an event stream."""
    if protocol != EVENT_STREAM:
        return WebSocketSubscriber(arrivals, query, protocol, stalls=stalls)
    if stalls:
        raise ValueError("only subscribers on websockets stall here")
    return EventStreamSubscriber(arrivals, query)


def frame(code: int, payload: bytes) -> bytes:
    """A client's frame; the mask that it has to have is one that changes nothing."""
    size = len(payload)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    return bytes([code]) + length + bytes(4) + payload
