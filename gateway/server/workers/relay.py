"""Requests that only one worker can answer, passed on to it by whichever of them was reached.

The event streams of graphql-sse's single connection mode are such: the requests of one stream come over
connections of their own, and each may reach another worker. A request is passed on as it came, headers and
all, so that whose it is, and whether it may be made, is decided where the stream is.
"""

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.server.responses import error_response
from gateway.server.transports.reservations import token_of
from gateway.server.uvicorn.breakable import BrokenOff
from gateway.server.workers.siblings import RELAYED, Headers, SiblingGone, Siblings

__all__ = ["Relay", "is_relayed"]

METHODS = ("GET", "POST", "DELETE")
"""Of requests that belong to a stream; PUT asks for a new one."""
OF_ONE_CONNECTION = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
"""Headers that are not passed on (RFC 9110, 7.6.1)."""
OUR_OWN = frozenset((b"content-length", b"date", b"expect"))
"""Headers that come anew with what is passed on."""


def is_relayed(request: Request) -> bool:
    """Whether a sibling asks: it wants this worker's own answer."""
    return RELAYED.decode() in request.headers


class Relay:
    """An endpoint whose event streams may be another worker's."""

    def __init__(self, app: ASGIApp, siblings: Siblings) -> None:
        self.app = app
        self.siblings = siblings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        owner = self._owner(Request(scope)) if scope["type"] == "http" else None
        if owner is None:
            await self.app(scope, receive, send)
        else:
            await self._pass_on(owner, Request(scope, receive), send)

    def _owner(self, request: Request) -> int | None:
        if request.method not in METHODS or is_relayed(request):
            return None
        return self.siblings.owner(token_of(request) or "")

    async def _pass_on(self, owner: int, request: Request, send: Send) -> None:
        """Answer with what the owner answers, for as long as the client listens."""
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        async with asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(self._answer(owner, request, body, send), name="relayed answer")
            leaving = tasks.create_task(_left(request), name="end of a relayed request")
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            whole = not answering.done() or answering.result()
            answering.cancel()
            leaving.cancel()
        if not whole:
            raise BrokenOff

    async def _answer(self, owner: int, request: Request, body: bytes, send: Send) -> bool:
        """Whether all of the answer came."""
        begun = False
        target = request.scope["raw_path"] + b"?" + request.scope["query_string"]
        headers = _passed_on(request.scope["headers"])
        try:
            async with self.siblings.ask(owner, request.method, target, headers, body) as answer:
                # the one that the client gets is of the owner's making, and about the same body
                length = [each for each in answer.headers if each[0] == b"content-length"]
                started = {"type": "http.response.start", "status": answer.status}
                await send({**started, "headers": _passed_on(answer.headers) + length})
                begun = True
                async for piece in answer.body():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except SiblingGone:
            if begun:
                return False
            # and with it all its streams
            response = error_response(404, "there is no such event stream", "BAD_REQUEST")
            await response(request.scope, request.receive, send)
            return True
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return True


def _passed_on(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [each for each in headers if each[0] not in OF_ONE_CONNECTION and each[0] not in OUR_OWN]


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
