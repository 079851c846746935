"""Cheap subscribers: they count messages and search for one field, without parsing JSON."""

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
_BEGINNINGS = {TRANSPORT_WS: "subscribe", LEGACY_WS: "start"}
"""Type of the message that starts an operation, by websocket subprotocol."""

_VERSION = b'"resourceVersion":"'
_SYNCED = b'"SYNCED"'
_SYNCED_WITHIN_BYTES = 200
"""Length of a message's beginning that contains the event's type, the first selected field."""

_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A


class Arrivals:
    """Arrival times of each change at all subscribers (:func:`time.monotonic`), by resource version."""

    def __init__(self) -> None:
        self.moments: defaultdict[bytes, array[float]] = defaultdict(lambda: array("d"))
        self.total = 0
        self.initial = 0
        self.disordered = 0
        self.problems: list[str] = []


class Subscriber(ABC, asyncio.Protocol):
    """One connection with one subscription, whose last selected field is the event's ``resourceVersion``.

    ``synced`` completes after the initial events; with ``stalls``, after the request, because the subscriber
    then stops reading. ``arrivals`` records closed connections, errors, and events out of order.
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
        """The bytes to send once connected."""

    def accepted(self) -> None:
        """Called when the response has a success status."""

    @abstractmethod
    def take(self, data: bytes, now: float) -> int:
        """Consume the complete messages at the beginning of the data; return their length in bytes."""

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
        """Record the message in ``data[begin:end]``."""
        at = data.rfind(_VERSION, begin, end)
        if at < 0:
            self.note_other(data[begin:end])
            return
        at += len(_VERSION)
        version = data[at : data.find(b'"', at, end)]
        if not self.synced.done():
            self.note_initial(data[begin : begin + _SYNCED_WITHIN_BYTES])
            return
        number = int(version)
        if number <= self._last:
            self.arrivals.disordered += 1
        self._last = number
        self.arrivals.moments[version].append(now)
        self.arrivals.total += 1

    def note_initial(self, beginning: bytes) -> None:
        if _SYNCED in beginning:
            self.synced.set_result(None)
        else:
            self.arrivals.initial += 1

    def note_other(self, message: bytes) -> None:
        """Handle a message that is not an event."""
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


class _WebSocketSubscriber(Subscriber):
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
            self.transport.write(_frame(_TEXT, b'{"type":"connection_init"}'))

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
            if data[begin] == _TEXT:
                self.note(data, begin + head, end, now)
            else:
                self._control(data[begin], data[begin + head : end])
            begin = end
        return begin

    def note_other(self, message: bytes) -> None:
        if b'"connection_ack"' in message and self.transport is not None:
            begin = {"id": "1", "type": _BEGINNINGS[self.protocol], "payload": {"query": self.query}}
            self.transport.write(_frame(_TEXT, json.dumps(begin).encode()))
            if self.stalls:
                self.transport.pause_reading()
                self.synced.set_result(None)
        else:
            super().note_other(message)

    def _control(self, code: int, payload: bytes) -> None:
        if code == _PING and self.transport is not None:
            self.transport.write(_frame(_PONG, payload))
        elif code == _CLOSE:
            self.fail(f"the websocket was closed: {payload!r}")
        elif code != _PONG:
            self.fail(f"an unexpected frame of type {code:#x}")


class _EventStreamSubscriber(Subscriber):
    """graphql-sse, one connection per subscription."""

    def request(self) -> bytes:
        body = json.dumps({"query": self.query}).encode()
        head = (
            "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def take(self, data: bytes, now: float) -> int:
        # chunked encoding's headers lie between events and do not match
        begin = 0
        while (end := data.find(b"\n\n", begin)) >= 0:
            self.note(data, begin, end, now)
            begin = end + 2
        return begin


def subscriber_of(arrivals: Arrivals, protocol: str, query: str, *, stalls: bool = False) -> Subscriber:
    """A subscriber for the protocol; ValueError for ``stalls`` on an event stream, which is not supported."""
    if protocol != EVENT_STREAM:
        return _WebSocketSubscriber(arrivals, query, protocol, stalls=stalls)
    if stalls:
        raise ValueError("only websocket subscribers can stall")
    return _EventStreamSubscriber(arrivals, query)


def _frame(code: int, payload: bytes) -> bytes:
    """A client's frame; the required mask is zero, which leaves the payload unchanged."""
    size = len(payload)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    return bytes([code]) + length + bytes(4) + payload
