"""uvicorn's HTTP protocol with time-outs for slow clients, and without trailers among the headers.

A connection is closed when one of these takes too long: the first byte of its first request (``idle``), the
header of a request, the body of a request. The time in which the gateway itself does not read (back-pressure,
pipelined requests) does not count. Between requests uvicorn's own keep-alive time-out applies.

A response that ends its connection may be complete before the body of its request is (status 401 or 413). The
rest of the body is then read and dropped before the connection is closed, within the time-out of the body: a
close with unread data makes the kernel send RST, and the client may lose the response (RFC 9112, 9.6).
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.server.uvicorn.peer import Peer, set_certificate

__all__ = ["HTTPProtocol", "Timeouts"]

_REQUEST_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for the header and the body of a request, and for a new connection without a request."""

    header: float = 10.0
    body: float = 30.0
    idle: float = 60.0


class _LingeringTransport:
    """The transport of a response that ends its connection: closes it after the body of the request.

    The response and its transport refer to each other until :meth:`release`.
    """

    def __init__(self, protocol: "HTTPProtocol", cycle: RequestResponseCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self._transport = protocol.transport
        self.write = self._transport.write
        self.is_closing = self._transport.is_closing

    def close(self) -> None:
        self.release()
        if self._cycle.more_body and not self.is_closing():
            self._protocol.close_after_body()
        else:
            self._transport.close()

    def release(self) -> None:
        """Give the response the transport of its connection again."""
        self._cycle.transport = self._transport


class _JoinedWrites:
    """The transport of responses: sends the head with the part of the body that follows in the same turn.

    uvloop writes at once. A client that the head wakes up competes with the gateway for the processor, and
    finds no body: on two busy cores that delayed the body by a millisecond. A head without a body in the same
    turn of the event loop (a stream) is sent at the end of the turn.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self.expects_head = False
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        elif self.expects_head:
            self.expects_head = False
            self._head = data
            self._loop.call_soon(self.flush)
        else:
            self._transport.write(data)

    def flush(self) -> None:
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)

    def close(self) -> None:
        self.flush()
        self._transport.close()


class HTTPProtocol(HttpToolsProtocol):
    """One HTTP connection; ``timeouts`` is set by :meth:`with_timeouts`."""

    timeouts = Timeouts()

    @classmethod
    def with_timeouts(cls, timeouts: Timeouts) -> type["HTTPProtocol"]:
        """A protocol class, as uvicorn creates its protocols itself."""
        return type(cls.__name__, (cls,), {"timeouts": timeouts})

    def __init__(self, config: Config, *args: Any, **kwargs: Any) -> None:
        super().__init__(config, *args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._lingers = False
        self._peer = Peer()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        super().connection_made(transport)
        self._peer = Peer.of(transport)
        self._writes = _JoinedWrites(transport, self.loop)
        self._start_timer(self.timeouts.idle)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)
        # cycle is None before the first request, though its type excludes None
        if isinstance(unfinished := getattr(self.cycle, "transport", None), _LingeringTransport):
            unfinished.release()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # blank lines before a request stop uvicorn's keep-alive time-out and begin no message
        if self._timer is None and self._is_idle() and self.timeout_keep_alive_task is None:
            self._start_timer(self.timeouts.idle)

    def on_message_begin(self) -> None:
        self._in_head = True
        self._peer = self._peer.afresh()
        super().on_message_begin()
        self._start_timer(self.timeouts.header)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; drop a trailer (RFC 9110, 6.5.1).

        uvicorn appends trailers to the headers, where a client could name a user past a front proxy that
        removes such headers and forwards trailers.
        """
        if self._in_head and not self._peer.takes(name, value):
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        set_certificate(self.scope, self._peer)
        self._start_timer(self.timeouts.body)
        super().on_headers_complete()
        # cycle is None after an upgrade, though its type excludes None
        keep_alive = getattr(self.cycle, "keep_alive", None)
        if keep_alive:
            self._writes.expects_head = True
            self.cycle.transport = self._writes  # type: ignore[assignment]  # all it uses
        elif keep_alive is False:
            self.cycle.transport = _LingeringTransport(self, self.cycle)  # type: ignore[assignment]  # all it uses

    def on_message_complete(self) -> None:
        self._stop_timer()
        super().on_message_complete()
        if self._lingers:
            self.transport.close()

    def close_after_writes(self) -> None:
        """Close the connection after the data written so far."""
        self._writes.close()

    def close_after_body(self) -> None:
        """End the gateway's side of the connection now, and the connection when the request is complete."""
        self._lingers = True
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over and drop the parser, which refers back to this protocol."""
        self._stop_timer()
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # as uvicorn does when a connection ends

    def _is_idle(self) -> bool:
        # cycle is None before the first request, though its type excludes None
        complete = getattr(self.cycle, "response_complete", True)
        # after an upgrade another protocol owns the connection
        return complete and not self.transport.is_closing() and self.transport.get_protocol() is self

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self._expire, seconds)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self, seconds: float) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self._start_timer(seconds)
            return
        # cycle is None before the first request, though its type excludes None
        if getattr(self.cycle, "response_started", True) is False:
            self.transport.write(_REQUEST_TIMEOUT)
        self.transport.close()
