"""Single connection mode of "GraphQL over Server-Sent Events": one event stream for many operations.

- PUT reserves a stream and returns its token.
- GET with the token opens the stream. Results of all operations are sent there.
- POST with the token starts an operation, named by ``extensions.operationId``; status 202. An operation that
  cannot run (invalid document or variables) gets status 400 with its errors and sends nothing.
- DELETE with the token stops an operation.

Every request authenticates, and must come from the identity that made the reservation: the token alone grants
no access.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.execution.introspection import encode_response
from gateway.server.headers import header
from gateway.server.responses import JSON, error_response
from gateway.server.transports.lifetime import Lifetime
from gateway.server.transports.streams import EventStream, LiveResponse, rejects_token
from gateway.server.uvicorn.shutdown import AbortedResponse

__all__ = ["STREAM_HEADER", "Reservations", "token_of"]

Results = AbstractAsyncContextManager[AsyncIterator[Any]]

STREAM_HEADER = "x-graphql-event-stream-token"
_STREAM_HEADER = STREAM_HEADER.encode()
_OPEN_TIMEOUT_SECONDS = 30.0
"""Time between a reservation and the opening of its stream."""
_QUEUED_MESSAGES = 16
"""Messages that may wait for the client to read; then back-pressure suspends the operations."""


def token_of(request: Request) -> str | None:
    """The reservation token of a request; None for a request of "distinct connections mode"."""
    token = header(request.scope["headers"], _STREAM_HEADER)
    if token or not request.scope["query_string"]:
        return token or None
    return request.query_params.get("token")


@dataclass(slots=True, eq=False)
class _Operation:
    """One operation; ``refusal`` is the error result of one that cannot run.

    ``decided`` is set once it is known whether it can run.
    """

    id: str
    task: asyncio.Task[None] | None = None
    accepted: bool = False
    refusal: Any = None
    decided: asyncio.Event = field(default_factory=asyncio.Event)


class Reservation:
    """One event stream, its owner's identity, and the operations that write to it."""

    def __init__(self, identity: str, forget: Callable[[], object]) -> None:
        self.identity = identity
        self.opened = False
        self.ended = False
        self.operations: dict[str, _Operation] = {}
        self._forget = forget
        self._frames = EventStream()
        self._messages: asyncio.Queue[str | None] = asyncio.Queue(_QUEUED_MESSAGES)
        self._expiry = asyncio.get_running_loop().call_later(_OPEN_TIMEOUT_SECONDS, self.end)

    def open(self, lifetime: Lifetime | None) -> Response:
        """The stream as a response; the reservation ends with it."""
        self.opened = True
        self._expiry.cancel()
        return _OpenStream(self, self._read(), self._frames, lifetime)

    async def _read(self) -> AsyncGenerator[str, None]:
        """The messages; None breaks the stream off."""
        while (message := await self._messages.get()) is not None:
            yield message
        raise AbortedResponse

    async def start(self, operation_id: str, results: Callable[[Callable[[], None]], Results]) -> Any:
        """Start an operation's task; returns its error result if it cannot run, else None.

        ``results`` takes a function to call when the operation is valid. Then the task continues to its next
        suspension before this coroutine does, and refuses variables that do not fit.
        """
        operation = self.operations[operation_id] = _Operation(operation_id)
        operation.task = asyncio.create_task(
            self._write(operation, results(operation.decided.set)), name="operation of an event stream"
        )
        await operation.decided.wait()
        operation.accepted = True
        return operation.refusal

    async def _write(self, operation: _Operation, results: Results) -> None:
        started = False
        try:
            async with results as stream:
                async for result in stream:
                    if not operation.accepted and "data" not in result:
                        operation.refusal = result
                        return
                    operation.accepted = True
                    operation.decided.set()
                    await self._send("next", {"id": operation.id, "payload": result})
                    if started and rejects_token(result):
                        # all operations depend on the token: the client comes back with a fresh one
                        await self._messages.put(None)
                        return
                    started = True
            await self._send("complete", {"id": operation.id})
        finally:
            operation.decided.set()
            # breaks the cycle of task, coroutine and operation
            operation.task = None
            if self.operations.get(operation.id) is operation:
                del self.operations[operation.id]

    async def _send(self, event: str, data: object) -> None:
        await self._messages.put(self._frames.encode_event(event, encode_response(data).decode()))

    def stop(self, operation_id: str) -> None:
        """Cancel an operation without a message; an unknown id belongs to a completed one."""
        operation = self.operations.pop(operation_id, None)
        if operation is not None and operation.task is not None:
            operation.task.cancel()

    def end(self) -> None:
        """Stop all operations and invalidate the token."""
        self.ended = True
        self._expiry.cancel()
        self._forget()
        for operation_id in list(self.operations):
            self.stop(operation_id)


class _OpenStream(LiveResponse):
    """A reservation's stream; its end, or the client's disconnect, ends the reservation."""

    def __init__(
        self,
        reservation: Reservation,
        messages: AsyncGenerator[str, None],
        frames: EventStream,
        lifetime: Lifetime | None,
    ) -> None:
        super().__init__(messages, frames, frames.encode_comment("ping"), lifetime=lifetime)
        self._reservation = reservation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._reservation.end()


class Reservations:
    """All reservations by token; the prefix ``mark`` of a token names its worker."""

    def __init__(self) -> None:
        self.mark = ""
        self._by_token: dict[str, Reservation] = {}

    def reserve(self, identity: str) -> Response:
        """Answer PUT."""
        token = self.mark + secrets.token_urlsafe(32)
        self._by_token[token] = Reservation(identity, lambda: self._by_token.pop(token, None))
        return PlainTextResponse(token, 201, {"Cache-Control": "no-store"})

    def find(self, token: str | None, identity: str) -> Reservation | None:
        """The reservation with the token, if it belongs to the identity."""
        reservation = self._by_token.get(token or "")
        return reservation if reservation is not None and reservation.identity == identity else None

    def open(self, reservation: Reservation, lifetime: Lifetime | None = None) -> Response:
        """Answer GET; a reservation can be opened only once."""
        if reservation.opened:
            return error_response(409, "the event stream is open already", "BAD_REQUEST")
        return reservation.open(lifetime)

    async def start(
        self, reservation: Reservation, extensions: Any, results: Callable[[Callable[[], None]], Results]
    ) -> Response:
        """Answer POST; ``results`` is as for :meth:`Reservation.start`."""
        operation_id = (extensions or {}).get("operationId")
        if not isinstance(operation_id, str) or not operation_id:
            return error_response(400, "extensions.operationId has to be a string", "BAD_REQUEST")
        if reservation.ended:
            # it ended while the body was read
            return error_response(404, "the event stream has ended", "BAD_REQUEST")
        if operation_id in reservation.operations:
            return error_response(409, f"the operation {operation_id} runs already", "BAD_REQUEST")
        refusal = await reservation.start(operation_id, results)
        if refusal is not None:
            return Response(encode_response(refusal), 400, {"Cache-Control": "no-store"}, JSON)
        return Response(status_code=202)

    def stop(self, reservation: Reservation, request: Request) -> Response:
        """Answer DELETE."""
        operation_id = request.query_params.get("operationId")
        if not operation_id:
            return error_response(400, "the query parameter operationId is missing", "BAD_REQUEST")
        reservation.stop(operation_id)
        return Response(status_code=200)
