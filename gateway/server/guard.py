"""The outermost layers of the app: refuse untrusted requests, and bodies over the limit."""

import re
import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from gateway.errors import CallerRefused
from gateway.identity import Identity, RequestHead, without_unknown
from gateway.server.headers import header
from gateway.server.responses import error_response, refusal
from gateway.server.uvicorn.peer import certificate_of
from gateway.telemetry import request_id

__all__ = ["BodyLimit", "Guard", "head_of"]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}", re.ASCII)
_HEAD = "kube_graphql.head"


def head_of(scope: Scope) -> RequestHead:
    """The head of the request, which the guard has checked."""
    head: RequestHead = scope[_HEAD]
    return head


class Guard:
    """Checks every path, websockets and static files included.

    The identity reads the head that was checked, and never the connection's own list of headers again.
    """

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self._app = app
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        asked = header(scope["headers"], b"x-request-id") or ""
        request_id.set(asked if _REQUEST_ID.fullmatch(asked) else secrets.token_hex(8))
        head = RequestHead(tuple(scope["headers"]), certificate_of(scope))
        try:
            self._identity.check(head)
        except CallerRefused as error:
            if scope["type"] == "websocket":
                await WebSocket(scope, receive, send).send_denial_response(refusal(error))
            else:
                await refusal(error)(scope, receive, send)
            return
        headers = without_unknown(head.fields, self._identity.proxy_headers)
        await self._app({**scope, "headers": headers, _HEAD: head}, receive, send)


class _BodyTooLarge(Exception):
    """The body exceeds the limit; the app is aborted at its next read."""


class BodyLimit:
    """Refuses a request body of more than ``most`` bytes: by its Content-Length, else while it is read."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = header(scope["headers"], b"content-length") or ""
        if len(length) > 18 or (length.isdecimal() and int(length) > self._most):
            await self._refuse(scope, receive, send)
            return
        received = 0

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most:
                raise _BodyTooLarge
            return message

        try:
            await self._app(scope, counted_receive, send)
        except _BodyTooLarge:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        text = f"the body has more than {self._most} bytes, the limit (--max-body)"
        # without closing: a reset could discard the response; uvicorn drops the rest of the body
        response = error_response(413, text, "QUERY_TOO_COMPLEX")
        await response(scope, receive, send)
