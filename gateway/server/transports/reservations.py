"""Single connection mode of "GraphQL over Server-Sent Events": one event stream for many operations.

PUT reserves a stream and answers with its token; GET with the token opens it; POST with the token begins an
operation, named by ``extensions.operationId``, and is answered with 202; DELETE ends one. The results of
all go into the stream. Every request authenticates as usual, and as the one who made the reservation: the
token alone opens nothing. An operation that cannot be run at all (its document is not valid, its variables
are none of its own) is answered with 400 and its errors, and says nothing in the stream.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.server.media_types import JSON
from gateway.server.responses import error_response
from gateway.server.transports.streams import EventStream, LiveResponse

__all__ = ["Reservations", "token_of"]

Results = AbstractAsyncContextManager[AsyncIterator[Any]]

HEADER = "x-graphql-event-stream-token"
PATIENCE = 30.0
"""Seconds that a reservation waits for its stream."""
WAITING = 16
"""Messages that may wait for a stream's reader; then its operations wait too."""


def token_of(request: Request) -> str | None:
    """The reservation that a request belongs to; None for a request of the other mode."""
    return request.headers.get(HEADER) or request.query_params.get("token")


@dataclass(slots=True, eq=False)
class Operation:
    """One operation, from its POST to its end; ``refusal`` is the answer that it never ran."""

    id: str
    task: asyncio.Task[None] | None = None
    accepted: bool = False
    refusal: Any = None


class Reservation:
    """One event stream, whose it is, and the operations that write to it."""

    def __init__(self, identity: str, forget: Callable[[], object]) -> None:
        self.identity = identity
        self.opened = False
        self.ended = False
        self.operations: dict[str, Operation] = {}
        self._forget = forget
        self._frames = EventStream()
        self._messages: asyncio.Queue[str] = asyncio.Queue(WAITING)
        self._expiry = asyncio.get_running_loop().call_later(PATIENCE, self.end)

    def open(self) -> Response:
        """The stream, as a response; the reservation ends with it."""
        self.opened = True
        self._expiry.cancel()
        return OpenStream(self, self._read(), self._frames)

    async def _read(self) -> AsyncGenerator[str, None]:
        while True:
            yield await self._messages.get()

    async def begin(self, operation_id: str, results: Results) -> Any:
        """Run an operation beside the others; answers with its errors where it cannot be run, else None.

        It is not waited for: its first step goes to where something has to be waited for, and everything
        that a request can be refused for comes before that.
        """
        operation = self.operations[operation_id] = Operation(operation_id)
        operation.task = asyncio.create_task(
            self._write(operation, results), name="operation of an event stream"
        )
        await asyncio.sleep(0)
        operation.accepted = True
        return operation.refusal

    async def _write(self, operation: Operation, results: Results) -> None:
        try:
            async with results as stream:
                async for result in stream:
                    if not operation.accepted and "data" not in result:
                        operation.refusal = result
                        return
                    operation.accepted = True
                    await self._send("next", {"id": operation.id, "payload": result})
            await self._send("complete", {"id": operation.id})
        finally:
            # it would be kept by the task, which it knows, until a collection
            operation.task = None
            if self.operations.get(operation.id) is operation:
                del self.operations[operation.id]

    async def _send(self, event: str, data: object) -> None:
        await self._messages.put(self._frames.encode_event(event, msgspec.json.encode(data).decode()))

    def stop(self, operation_id: str) -> None:
        """End an operation, which says nothing more; one that is not there has ended already."""
        operation = self.operations.pop(operation_id, None)
        if operation is not None and operation.task is not None:
            operation.task.cancel()

    def end(self) -> None:
        """Stop all operations; the token is worth nothing from here on."""
        self.ended = True
        self._expiry.cancel()
        self._forget()
        for operation_id in list(self.operations):
            self.stop(operation_id)


class OpenStream(LiveResponse):
    """A reservation's stream, for as long as the client reads it."""

    def __init__(
        self, reservation: Reservation, messages: AsyncGenerator[str, None], frames: EventStream
    ) -> None:
        super().__init__(messages, frames, frames.encode_comment("ping"))
        self._reservation = reservation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._reservation.end()


class Reservations:
    """All event streams of single connection mode, by token; a token begins with ``mark``."""

    def __init__(self) -> None:
        self.mark = ""
        self._by_token: dict[str, Reservation] = {}

    def reserve(self, identity: str) -> Response:
        """Answer PUT."""
        token = self.mark + secrets.token_urlsafe(32)
        self._by_token[token] = Reservation(identity, lambda: self._by_token.pop(token, None))
        return PlainTextResponse(token, 201, {"Cache-Control": "no-store"})

    def find(self, token: str | None, identity: str) -> Reservation | None:
        """The reservation of that token and that caller."""
        reservation = self._by_token.get(token or "")
        return reservation if reservation is not None and reservation.identity == identity else None

    def open(self, reservation: Reservation) -> Response:
        """Answer GET: one stream at a time, and it never comes twice."""
        if reservation.opened:
            return error_response(409, "the event stream is open already", "BAD_REQUEST")
        return reservation.open()

    async def begin(
        self, reservation: Reservation, extensions: Any, results: Callable[[], Results]
    ) -> Response:
        """Answer POST."""
        operation_id = (extensions or {}).get("operationId")
        if not isinstance(operation_id, str) or not operation_id:
            return error_response(400, "extensions.operationId has to be a string", "BAD_REQUEST")
        if reservation.ended:
            # while the body was read
            return error_response(404, "the event stream has ended", "BAD_REQUEST")
        if operation_id in reservation.operations:
            return error_response(409, f"the operation {operation_id} runs already", "BAD_REQUEST")
        refusal = await reservation.begin(operation_id, results())
        if refusal is not None:
            return Response(msgspec.json.encode(refusal), 400, {"Cache-Control": "no-store"}, JSON)
        return Response(status_code=202)

    def stop(self, reservation: Reservation, request: Request) -> Response:
        """Answer DELETE."""
        operation_id = request.query_params.get("operationId")
        if not operation_id:
            return error_response(400, "the query parameter operationId is missing", "BAD_REQUEST")
        reservation.stop(operation_id)
        return Response(status_code=200)
