"""The listening socket and uvicorn's life, with an end that does not wait for clients."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.binding import cannot_listen
from gateway.server.guard import InFlight
from gateway.server.uvicorn.breakable import Breakable
from gateway.server.uvicorn.http_protocol import HTTPProtocol
from gateway.server.uvicorn.vanished import give_up_vanished_clients
from gateway.server.uvicorn.websocket_protocol import GatheringProtocol

__all__ = ["Listener"]

PATIENCE = 0.4
"""Seconds that requests still being answered get once the end has come; and after that, unread answers."""


class Listener(uvicorn.Server):
    """uvicorn inside a loop of ours: signals are the caller's, the end is :meth:`stop`.

    On ``private``, where there is one, it answers as on ``listening``.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        *,
        ready: Callable[[], None],
        private: socket.socket | None = None,
    ) -> None:
        self.in_flight = InFlight(Breakable(app, lambda: self.server_state.connections))
        self.listening = listening
        self.sockets = [listening] if private is None else [private, listening]
        self.ready = ready
        self.stopping = asyncio.Event()
        config = uvicorn.Config(
            self.in_flight,
            http=HTTPProtocol,
            ws=GatheringProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # headers of a proxy change nothing here, and nobody may send them to us
            proxy_headers=False,
            # deflate costs more CPU per message than everything else, for messages of some hundred bytes
            ws_per_message_deflate=False,
            ws_max_size=4 * 1024 * 1024,
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the process's signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        give_up_vanished_clients(self.listening)
        try:
            await super().startup(sockets)
        except OSError as error:
            # somebody else began to listen there since it was bound
            host, port = self.listening.getsockname()[:2]
            raise cannot_listen(host, port, error) from error
        self.ready()

    async def main_loop(self) -> None:
        """Tick once per second, as the Date header needs it; the end is not waited for that long."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End so that clients come back, elsewhere: no subscription is told that it is complete.

        Websockets are closed with 1012 ("service restart") at once. After :data:`PATIENCE` seconds a request
        that is not answered yet becomes a 503, and a stream is broken off: urql, for one, takes a stream that
        ends as it should for one that has nothing more to say. Nobody who does not read is waited for.
        """
        async with asyncio.TaskGroup() as tasks:
            ending = tasks.create_task(self._end_responses(), name="end of all responses")
            await super().shutdown(sockets)
            ending.cancel()

    async def _end_responses(self) -> None:
        await asyncio.sleep(PATIENCE)
        self.in_flight.end()
        self._break_off_streams()
        await asyncio.sleep(PATIENCE)
        for each in list(self.server_state.connections):
            each.transport.abort()

    def _break_off_streams(self) -> None:
        """Close their connections after what was sent, without the end that a whole response has."""
        for each in list(self.server_state.connections):
            # a connection without a request has no cycle, whatever its type says
            if isinstance(each, HttpToolsProtocol) and getattr(each.cycle, "response_started", False):
                each.transport.close()

    async def run_until(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, then end within a second."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.serve(self.sockets))
            await stop.wait()
            self.should_exit = True
            self.stopping.set()
