"""A uvicorn server inside an event loop that the caller owns: start, ticks, and a bounded drain at the end.

uvicorn's own server installs signal handlers, polls ten times per second for its end, and waits without a
limit for open responses. :class:`UvicornServer` leaves signals to the caller, wakes once per second, and
drains its connections in three steps (see :meth:`UvicornServer.shutdown`).

This module is a leaf: it imports no other module of the gateway, so that the demo may use it.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator, Sequence
from typing import Any

import uvicorn
from starlette.types import ASGIApp

__all__ = ["DRAIN_TIMEOUT_SECONDS", "UvicornServer"]

DRAIN_TIMEOUT_SECONDS = 0.4
"""Time that responses get to finish on their own, and again after :meth:`UvicornServer.end_responses`."""

TICK_SECONDS = 1.0
"""uvicorn renews the ``Date`` header on each tick; the header has a resolution of one second."""

DRAIN_POLL_SECONDS = 0.01

KEEP_ALIVE_SECONDS = 75
"""Time that a connection may be idle between requests.

Longer than the usual connection pools of clients and proxies keep one (5 s in httpx, 60 s in nginx and load
balancers): if the server closed it first, a request that is sent at that moment would be lost.
"""


class UvicornServer(uvicorn.Server):
    """Serves ``app`` on ``sockets``, which are bound already, until :meth:`stop`.

    ``ready`` is called once the sockets accept connections. ``config`` are further arguments of
    :class:`uvicorn.Config`.
    """

    def __init__(
        self, app: ASGIApp, sockets: Sequence[socket.socket], *, ready: Callable[[], None], **config: Any
    ) -> None:
        self.sockets = list(sockets)
        self.ready = ready
        self._stopping = asyncio.Event()
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # X-Forwarded-* from a client must not change its address
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                **config,
            )
        )

    def stop(self) -> None:
        """Accept no more connections, and drain. Idempotent."""
        self.should_exit = True
        self._stopping.set()

    async def run_until(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set; returns when the drain is over."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.serve(self.sockets), name="uvicorn server")
            await stop.wait()
            self.stop()

    def end_responses(self) -> None:
        """End the responses that are still open after the first drain timeout; for subclasses."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Install no signal handlers."""
        yield

    async def listen(self, sockets: list[socket.socket] | None) -> None:
        """Start to accept connections; raises OSError."""
        await super().startup(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.listen(sockets)
        self.ready()

    async def main_loop(self) -> None:
        """Tick once per second; :meth:`stop` ends the wait at once."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the sockets, then drain: wait, end the remaining responses, wait again, abort connections.

        uvicorn closes idle connections and websockets (1012, "service restart") before the first wait.
        """
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if not await self._drained_in_time():
            self.end_responses()
            if not await self._drained_in_time():
                for connection in list(self.server_state.connections):
                    connection.transport.abort()
                await self._drained()
        for server in self.servers:
            await server.wait_closed()

    async def _drained_in_time(self) -> bool:
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT_SECONDS):
                await self._drained()
        except TimeoutError:
            return False
        return True

    async def _drained(self) -> None:
        """Poll, because uvicorn signals neither a closed connection nor a finished task."""
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - see above
            await asyncio.sleep(DRAIN_POLL_SECONDS)
