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
    """The HTTP requests that are being answered, so that the end of the process need not wait for them.

    A response that has not begun becomes a 503; a stream that has begun is ended. Websockets are not
    counted: the server closes them itself, with 1012 ("service restart"), on which clients reconnect.
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
        started = finished = False

        async def tracked_send(message: Message) -> None:
            nonlocal started, finished
            started = True
            finished = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        self.tasks.add(task)
        try:
            await self.app(scope, receive, tracked_send)
        except asyncio.CancelledError:
            if not self.ending:
                raise
            task.uncancel()
            if not finished:
                await self._end(scope, receive, send, started=started)
        finally:
            self.tasks.discard(task)

    def end(self) -> None:
        """Stop answering: every request that is still open is cancelled."""
        self.ending = True
        for task in self.tasks:
            task.cancel()

    @staticmethod
    async def _end(scope: Scope, receive: Receive, send: Send, *, started: bool) -> None:
        if started:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            response = error_response(503, "the gateway is shutting down", "UPSTREAM_UNAVAILABLE")
            await response(scope, receive, send)
