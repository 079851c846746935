"""The outermost layer of the app: who may talk to it at all, and how it ends."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from gateway.errors import CallerRefused
from gateway.identity import Identity
from gateway.server.responses import error_response, refusal

__all__ = ["Guard", "InFlight", "header_mapping"]


def header_mapping(scope: Scope) -> dict[str, str]:
    """Headers by lower-case name; one that came more than once is joined (RFC 9110, 5.3).

    Joined, so that a second Host or Authorization makes the value unreadable instead of being overlooked.
    """
    headers = Headers(scope=scope)
    return {name: ", ".join(headers.getlist(name)) for name in headers}


class Guard:
    """Refuses what the identity mode does not trust: every path, websockets and static files included."""

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self.app = app
        self.identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        try:
            self.identity.check(header_mapping(scope))
        except CallerRefused as error:
            if scope["type"] == "websocket":
                await WebSocket(scope, receive, send).send_denial_response(refusal(error))
            else:
                await refusal(error)(scope, receive, send)
            return
        await self.app(scope, receive, send)


class InFlight:
    """The HTTP requests whose response has not begun, so that the end of the process need not wait for them.

    Streams that have begun, and websockets, are :class:`gateway.server.uvicorn.listener.Listener`'s to end.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.ending = False
        self.tasks: set[asyncio.Task[object]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        if scope["type"] != "http" or task is None:
            await self.app(scope, receive, send)
            return

        async def tracked_send(message: Message) -> None:
            self.tasks.discard(task)
            await send(message)

        self.tasks.add(task)
        try:
            await self.app(scope, receive, tracked_send)
        except asyncio.CancelledError:
            if not self.ending or task not in self.tasks:
                raise
            task.uncancel()
            response = error_response(503, "the gateway is shutting down", "UPSTREAM_UNAVAILABLE")
            await response(scope, receive, send)
        finally:
            self.tasks.discard(task)

    def end(self) -> None:
        """Answer each of them with 503."""
        self.ending = True
        for task in self.tasks:
            task.cancel()
