"""The listening socket and uvicorn's life, with an end that does not wait for clients."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator

import uvicorn
from starlette.types import ASGIApp

from gateway.errors import ConfigurationError
from gateway.server.guard import InFlight
from gateway.server.websocket_protocol import GatheringProtocol

__all__ = ["Listener", "bind"]

PATIENCE = 0.4
"""Seconds that requests still being answered get once the end has come."""


def bind(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet; ConfigurationError where that address is not to be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with contextlib.ExitStack() as failing:
            bound = failing.enter_context(socket.socket(family, kind, protocol))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            failing.pop_all()
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    return bound


def _cannot_listen(host: str, port: int, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"cannot listen on {host} port {port}: {error.strerror or error}")


class Listener(uvicorn.Server):
    """uvicorn inside a loop of ours: signals are the caller's, the end is :meth:`stop`."""

    def __init__(self, app: ASGIApp, listening: socket.socket, *, ready: Callable[[], None]) -> None:
        self.in_flight = InFlight(app)
        self.listening = listening
        self.ready = ready
        self.stopping = asyncio.Event()
        config = uvicorn.Config(
            self.in_flight,
            http="httptools",
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
        try:
            await super().startup(sockets)
        except OSError as error:
            # somebody else began to listen there since it was bound
            host, port = self.listening.getsockname()[:2]
            raise _cannot_listen(host, port, error) from error
        self.ready()

    async def main_loop(self) -> None:
        """Tick once per second, as the Date header needs it; the end is not waited for that long."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close: websockets with 1012 at once, everything else after :data:`PATIENCE` seconds at most."""
        timer = asyncio.get_running_loop().call_later(PATIENCE, self.in_flight.end)
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()

    async def run_until(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, then end within a second."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.serve([self.listening]))
            await stop.wait()
            self.should_exit = True
            self.stopping.set()
