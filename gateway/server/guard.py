"""The outermost layer of the app: refuses requests that the identity mode does not trust."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from gateway.errors import CallerRefused
from gateway.identity import Identity
from gateway.server.responses import refusal

__all__ = ["Guard", "header_mapping"]


def header_mapping(scope: Scope) -> dict[str, str]:
    """Headers by lower-case name; the values of a repeated header are joined (RFC 9110, 5.3).

    Joining makes a second Host or Authorization invalid instead of hiding it.
    """
    headers = Headers(scope=scope)
    return {name: ", ".join(headers.getlist(name)) for name in headers}


class Guard:
    """Checks every path, websockets and static files included."""

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self._app = app
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            self._identity.check(header_mapping(scope))
        except CallerRefused as error:
            if scope["type"] == "websocket":
                await WebSocket(scope, receive, send).send_denial_response(refusal(error))
            else:
                await refusal(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)
