"""Relays requests of graphql-sse's single connection mode to the worker that owns the event stream.

The requests of one stream arrive over several connections, and the kernel may give each to another worker.
A request is relayed unchanged, with all headers and its client certificate: the owner of the stream
authenticates and authorises it.
"""

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.server.responses import error_response
from gateway.server.transports.reservations import token_of
from gateway.server.uvicorn.peer import certificate_header
from gateway.server.uvicorn.shutdown import AbortedResponse
from gateway.server.workers.siblings import RELAYED, Headers, SiblingGone, Siblings

__all__ = ["Relay", "is_relayed"]

_METHODS = ("GET", "POST", "DELETE")
"""The methods of requests to an existing stream; PUT reserves a new one."""
_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
"""Headers that are not relayed (RFC 9110, 7.6.1)."""
_RECOMPUTED = frozenset((b"content-length", b"date", b"expect"))
"""Headers that the relayed message gets afresh."""


def is_relayed(request: Request) -> bool:
    """Whether the request comes from a sibling, and so must be answered by this worker itself."""
    return RELAYED.decode() in request.headers


class Relay:
    """Wraps an endpoint; requests to an event stream of a sibling go there."""

    def __init__(self, app: ASGIApp, siblings: Siblings) -> None:
        self._app = app
        self._siblings = siblings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        owner = self._owner(Request(scope)) if scope["type"] == "http" else None
        if owner is None:
            await self._app(scope, receive, send)
        else:
            await self._relay(owner, Request(scope, receive), send)

    def _owner(self, request: Request) -> int | None:
        if request.method not in _METHODS or is_relayed(request):
            return None
        return self._siblings.owner(token_of(request) or "")

    async def _relay(self, owner: int, request: Request, send: Send) -> None:
        """Send the owner's response to the client until it ends or the client disconnects."""
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        async with asyncio.TaskGroup() as tasks:
            relaying = tasks.create_task(
                self._send_response(owner, request, body, send), name="relayed response"
            )
            leaving = tasks.create_task(_until_disconnect(request), name="end of a relayed request")
            await asyncio.wait((relaying, leaving), return_when=asyncio.FIRST_COMPLETED)
            complete = not relaying.done() or relaying.result()
            relaying.cancel()
            leaving.cancel()
        if not complete:
            raise AbortedResponse

    async def _send_response(self, owner: int, request: Request, body: bytes, send: Send) -> bool:
        """Return whether the response is complete."""
        started = False
        target = request.scope["raw_path"] + b"?" + request.scope["query_string"]
        headers = [*_end_to_end(request.scope["headers"]), *certificate_header(request.scope)]
        try:
            async with self._siblings.ask(owner, request.method, target, headers, body) as answer:
                # the body is relayed unchanged, so the owner's length holds
                length = [header for header in answer.headers if header[0] == b"content-length"]
                start = {"type": "http.response.start", "status": answer.status}
                await send({**start, "headers": _end_to_end(answer.headers) + length})
                started = True
                async for piece in answer.body():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except SiblingGone:
            if started:
                return False
            # all its streams ended with it
            response = error_response(404, "there is no such event stream", "BAD_REQUEST")
            await response(request.scope, request.receive, send)
            return True
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return True


def _end_to_end(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [header for header in headers if header[0] not in _HOP_BY_HOP and header[0] not in _RECOMPUTED]


async def _until_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
