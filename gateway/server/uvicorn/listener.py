"""The gateway's uvicorn server: its protocols, its socket options, and how it ends open responses."""

import asyncio
import socket
import sys
from collections.abc import Callable

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.binding import cannot_listen
from gateway.server.uvicorn.http_protocol import HTTPProtocol, Timeouts
from gateway.server.uvicorn.shutdown import Abortable, InFlight
from gateway.server.uvicorn.tls import ServerTLS
from gateway.server.uvicorn.websocket_protocol import BatchingWriteProtocol
from gateway.uvicorn_server import UvicornServer

__all__ = ["Listener"]

_UNACKNOWLEDGED_TIMEOUT_SECONDS = 60
"""How long sent data may wait for an acknowledgement, or for a client's receive window.

The same as nginx's ``send_timeout``, and much longer than a route takes to recover.
"""
_KEEP_ALIVE_IDLE_SECONDS = 30
"""Silence before the first TCP keep-alive probe."""
_KEEP_ALIVE_INTERVAL_SECONDS = 10
"""Time between two probes."""


class Listener(UvicornServer):
    """Accepts connections on ``listening``, and on ``private`` if given.

    ``max_message`` bounds a websocket message, in bytes; a longer one closes its connection with 1009.
    ``tls`` is for ``listening`` alone: ``private`` is a Unix socket of this gateway's own processes.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        *,
        ready: Callable[[], None],
        private: socket.socket | None = None,
        timeouts: Timeouts | None = None,
        max_message: int = 4 << 20,
        tls: ServerTLS | None = None,
    ) -> None:
        self._tls = tls
        self._private = private
        self.in_flight = InFlight(Abortable(app, lambda: self.server_state.connections))
        self.listening = listening
        self.http_protocol = HTTPProtocol.with_timeouts(timeouts or Timeouts())
        super().__init__(
            self.in_flight,
            [listening],
            ready=ready,
            http=self.http_protocol,
            ws=BatchingWriteProtocol,
            # messages have some hundred bytes; deflate would cost more CPU than all other steps together
            ws_per_message_deflate=False,
            ws_max_size=max_message,
            ssl_context_factory=None if tls is None else lambda *_: tls.context,
        )

    async def listen(self, sockets: list[socket.socket] | None) -> None:
        _drop_vanished_clients(self.listening)
        try:
            await super().listen(sockets)
            if self._private is not None:
                await self._listen_privately(self._private)
        except OSError as error:
            # another process listens there since the socket was bound
            host, port = self.listening.getsockname()[:2]
            raise cannot_listen(host, port, error) from error

    async def _listen_privately(self, private: socket.socket) -> None:
        """uvicorn uses TLS for all of its sockets, so this one gets a server of its own."""
        loop = asyncio.get_running_loop()
        self.servers.append(await loop.create_server(self._protocol, sock=private))

    def _protocol(self) -> HttpToolsProtocol:
        return self.http_protocol(self.config, self.server_state, self.lifespan.state)

    async def on_tick(self, counter: int) -> bool:
        if self._tls is not None:
            self._tls.refresh()
        return await super().on_tick(counter)

    def end_responses(self) -> None:
        """Answer the remaining requests with 503, and abort streams, so that clients reconnect.

        No subscription gets a ``complete`` message: urql takes a stream that ends normally for a completed
        subscription. The connection of a stream is closed after the data sent so far.
        """
        self.in_flight.end()
        for connection in list(self.server_state.connections):
            # cycle is None before the first request, though its type excludes None
            if isinstance(connection, HTTPProtocol) and getattr(connection.cycle, "response_started", False):
                connection.close_after_writes()


def _drop_vanished_clients(listening: socket.socket) -> None:
    """Make the kernel close connections whose client's host is gone: no FIN and no RST arrives from it.

    By default TCP retransmits for about fifteen minutes, and a subscription would live as long. Every stream
    sends a keep-alive at least every 15 s, so there is always data to acknowledge. Linux copies the options
    of a listening socket to each accepted one; other systems lack TCP_USER_TIMEOUT and are left unchanged.
    """
    if sys.platform != "linux" or listening.family not in (socket.AF_INET, socket.AF_INET6):
        return
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_TIMEOUT_SECONDS * 1000)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE_IDLE_SECONDS)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEP_ALIVE_INTERVAL_SECONDS)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
