"""Responses that are broken off: what their clients are to see where a stream ends without its end."""

from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["Breakable", "BrokenOff"]


class BrokenOff(Exception):
    """Raised by an app whose response has begun and cannot go on: its connection is closed."""


class Breakable:
    """Closes the connection of a response that is :class:`BrokenOff`, after what was sent.

    ``connections`` are all of the server's. ASGI has no message for it, and a server that is just left alone
    with half a response logs a defect.
    """

    def __init__(self, app: ASGIApp, connections: Callable[[], Iterable[object]]) -> None:
        self.app = app
        self.connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except BrokenOff:
            self._close(scope)
            while (await receive())["type"] != "http.disconnect":
                pass

    def _close(self, scope: Scope) -> None:
        for each in list(self.connections()):
            # a connection without a request has no cycle, whatever its type says
            if isinstance(each, HttpToolsProtocol) and getattr(each.cycle, "scope", None) is scope:
                each.transport.close()
