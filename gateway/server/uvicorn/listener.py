"""uvicorn's life cycle on bound sockets, with a shutdown that does not wait for clients."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable, Generator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.binding import cannot_listen
from gateway.server.uvicorn.shutdown import Abortable, InFlight
from gateway.server.uvicorn.websocket_protocol import BatchingWriteProtocol

__all__ = ["Listener"]

_DRAIN_TIMEOUT_SECONDS = 0.4
"""At shutdown: time for requests to be answered, and then again for clients to read the answers."""

_UNACKNOWLEDGED_TIMEOUT_SECONDS = 60
"""How long sent data may wait for an acknowledgement, or for a client's receive window.

The same as nginx's ``send_timeout``, and much longer than a route takes to recover.
"""
_KEEP_ALIVE_IDLE_SECONDS = 30
"""Silence before the first TCP keep-alive probe."""
_KEEP_ALIVE_INTERVAL_SECONDS = 10
"""Time between two probes."""


class Listener(uvicorn.Server):
    """Runs uvicorn in the caller's event loop; the caller handles signals and stops it.

    Accepts connections on ``listening``, and on ``private`` if given. ``ready`` is called once it listens.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        *,
        ready: Callable[[], None],
        private: socket.socket | None = None,
    ) -> None:
        self.in_flight = InFlight(Abortable(app, lambda: self.server_state.connections))
        self.listening = listening
        self.sockets = [listening] if private is None else [private, listening]
        self.ready = ready
        self.stopping = asyncio.Event()
        config = uvicorn.Config(
            self.in_flight,
            http=_HTTPProtocol,
            ws=BatchingWriteProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # X-Forwarded-* headers must not change the client's address: any client can send them
            proxy_headers=False,
            # messages have some hundred bytes; deflate would cost more CPU than all other steps together
            ws_per_message_deflate=False,
            ws_max_size=4 * 1024 * 1024,
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the process's signal handlers unchanged."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        _drop_vanished_clients(self.listening)
        try:
            await super().startup(sockets)
        except OSError as error:
            # another process listens there since the socket was bound
            host, port = self.listening.getsockname()[:2]
            raise cannot_listen(host, port, error) from error
        self.ready()

    async def main_loop(self) -> None:
        """Tick once per second, for the Date header; ``stopping`` interrupts the wait."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End all connections so that clients reconnect: no subscription gets a ``complete`` message.

        1. Websockets are closed with 1012 ("service restart") at once.
        2. After the drain timeout, unanswered requests get a 503, and streams are aborted: urql takes a
           stream that ends normally for a completed subscription.
        3. After another drain timeout the remaining connections are aborted.
        """
        async with asyncio.TaskGroup() as tasks:
            ending = tasks.create_task(self._end_responses(), name="end of all responses")
            await super().shutdown(sockets)
            ending.cancel()

    async def _end_responses(self) -> None:
        await asyncio.sleep(_DRAIN_TIMEOUT_SECONDS)
        self.in_flight.end()
        self._abort_streams()
        await asyncio.sleep(_DRAIN_TIMEOUT_SECONDS)
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def _abort_streams(self) -> None:
        """Close the connections of streams after the data sent so far, without the end of the response."""
        for connection in list(self.server_state.connections):
            # cycle is None before the first request, though its type excludes None
            if isinstance(connection, HttpToolsProtocol) and getattr(
                connection.cycle, "response_started", False
            ):
                connection.transport.close()

    async def run_until(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, then shut down within a second."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.serve(self.sockets))
            await stop.wait()
            self.should_exit = True
            self.stopping.set()


class _HTTPProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, without the reference cycle that a websocket upgrade would leave."""

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over and drop the parser, which refers back to this protocol."""
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # as uvicorn does when a connection ends


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
