"""ASGI layers that end responses: requests in flight at shutdown, and streams that cannot continue."""

import asyncio
from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.server.responses import error_response
from gateway.server.uvicorn.http_protocol import HTTPProtocol

__all__ = ["Abortable", "AbortedResponse", "InFlight"]


class InFlight:
    """Tracks the HTTP requests without a started response, so that shutdown can end them.

    The listener ends streams that have started, and websockets.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ending = False
        self._tasks: set[asyncio.Task[object]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        if scope["type"] != "http" or task is None:
            await self._app(scope, receive, send)
            return

        async def tracked_send(message: Message) -> None:
            self._tasks.discard(task)
            await send(message)

        self._tasks.add(task)
        try:
            await self._app(scope, receive, tracked_send)
        except asyncio.CancelledError:
            if not self._ending or task not in self._tasks:
                raise
            task.uncancel()
            response = error_response(503, "the gateway is shutting down", "UPSTREAM_UNAVAILABLE")
            await response(scope, receive, send)
        finally:
            self._tasks.discard(task)

    @property
    def count(self) -> int:
        """The number of tracked requests."""
        return len(self._tasks)

    def end(self) -> None:
        """Answer each of them with 503."""
        self._ending = True
        for task in self._tasks:
            task.cancel()


class AbortedResponse(Exception):
    """Raised by an app whose started response cannot continue; its connection is closed."""


class Abortable:
    """Closes the connection of an :class:`AbortedResponse` after the data sent so far.

    ASGI has no message for it: uvicorn logs an error when an app returns with an incomplete response.
    ``connections`` returns all connections of the server.
    """

    def __init__(self, app: ASGIApp, connections: Callable[[], Iterable[object]]) -> None:
        self._app = app
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except AbortedResponse:
            self._close(scope)
            while (await receive())["type"] != "http.disconnect":
                pass

    def _close(self, scope: Scope) -> None:
        for connection in list(self._connections()):
            # cycle is None before the first request, though its type excludes None
            if isinstance(connection, HTTPProtocol) and getattr(connection.cycle, "scope", None) is scope:
                connection.close_after_writes()
