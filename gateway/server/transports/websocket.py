"""graphql-transport-ws on Strawberry's handler, with text frames and one caller per connection."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from types import NoneType
from typing import Any, Protocol, cast

from graphql import GraphQLError, GraphQLFormattedError
from starlette.websockets import WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.schema.base import BaseSchema
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)

from gateway.errors import (
    BadArgument,
    GatewayError,
    IssuerUnavailable,
    QueryTooComplex,
    ServerFailure,
    ServerTimeout,
    TooManyRequests,
    Unauthenticated,
    UpstreamError,
)
from gateway.execution.errors import fails_operation
from gateway.execution.introspection import encode_response
from gateway.identity import Identity
from gateway.resolvers.context import RequestContext, expect_authenticated
from gateway.server.documents import Documents, names_document
from gateway.server.guard import head_of
from gateway.server.refusal_log import log_refusal
from gateway.server.transports.lifetime import EXPIRED, Lifetime
from gateway.server.transports.pending import acknowledge

__all__ = [
    "REJECTED",
    "Authentication",
    "TextAdapter",
    "TransportHandler",
    "View",
    "close_code",
    "is_request",
    "rejects_token",
    "well_formed",
]

_INVALID_MESSAGE, _FORBIDDEN, _TRY_AGAIN_LATER, _TOO_BIG = 4400, 4403, 1013, 1009
_PASSING = UpstreamError, ServerFailure, ServerTimeout, TooManyRequests, IssuerUnavailable
REJECTED = "the API server rejects the token: reconnect with a fresh one"
_LONGEST_REASON_BYTES = 123
"""RFC 6455, section 5.5."""


def well_formed(message: Any) -> bool:
    """Whether the JSON value has the types that the handler expects of a message."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] not in ("subscribe", "complete"):
        return True
    return isinstance(message.get("id"), str) and (
        message["type"] == "complete" or is_request(message.get("payload"))
    )


def rejects_token(result: Any) -> bool:
    """Whether a failed result says that the API server rejects the caller's token."""
    codes = [(error.extensions or {}).get("code") for error in result.errors or ()]
    return Unauthenticated.code in codes


def is_request(payload: Any) -> bool:
    """Whether the JSON value is a valid payload of an operation."""
    return (
        isinstance(payload, dict)
        and (isinstance(payload.get("query"), str) or names_document(payload))
        and isinstance(payload.get("variables"), (dict, NoneType))
        and isinstance(payload.get("operationName"), (str, NoneType))
    )


class _API(Protocol):
    @property
    def schema(self) -> BaseSchema: ...


class View(Protocol):
    """The part of the endpoint that this module uses; avoids an import cycle."""

    identity: Identity
    api: _API
    documents: Documents


class Authentication:
    """The caller of one connection, set by its first ``connection_init``."""

    def __init__(self, view: Any, websocket: Any, context: RequestContext) -> None:
        self._identity = cast("View", view).identity
        self._websocket = cast("TextAdapter", websocket)
        self._context = context
        self._lifetime: asyncio.Future[Lifetime] = asyncio.get_running_loop().create_future()

    async def succeeds(self, payload: dict[str, object] | None) -> None:
        """Set the context's client from ``connection_init`` or the handshake.

        Raises CallerUnauthenticated, CallerRefused, IssuerUnavailable, or the error of the API server's check
        of the token.
        """
        head = head_of(self._websocket.ws.scope)
        caller = await self._identity.authenticate_connection(head, payload)
        lifetime = Lifetime(caller, self._context.shared.reviews)
        await expect_authenticated(replace(self._context, client=caller.client))
        self._context.client = caller.client
        acknowledge(self._websocket.ws.scope)
        self._lifetime.set_result(lifetime)

    async def log_refusal(self, error: GatewayError, **ending: int) -> None:
        """Add a line to the access log: the connection, or one of its operations, was refused."""
        await log_refusal(self._websocket.ws.scope, error.code, client=self._context.client, **ending)

    async def close_at_its_end(self) -> None:
        """Close the connection when the caller's token ends."""
        reason = await (await self._lifetime).wait()
        await self._websocket.close(EXPIRED, reason)


def close_code(error: GatewayError) -> int:
    """The code that closes a connection without an authenticated caller; 1013 asks the client to retry."""
    return _TRY_AGAIN_LATER if isinstance(error, _PASSING) else _FORBIDDEN


class TextAdapter(ASGIWebSocketAdapter):
    """Sends JSON as text frames; clients of graphql-transport-ws fail on binary frames."""

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        """The received messages; one over the limit closes the connection, as a long one does.

        So does one with a repeated key, which belongs to no operation: its ``id`` may be that key.

        Raises NonJsonMessageReceived, which Strawberry's legacy handler ignores.
        """
        del ignore_parsing_errors
        try:
            async for message in super().iter_json():
                yield message
        except (BadArgument, QueryTooComplex) as error:
            code = _TOO_BIG if isinstance(error, QueryTooComplex) else _INVALID_MESSAGE
            await self.close(code, error.message)
            await log_refusal(self.ws.scope, error.code, closeCode=code)

    async def send_json(self, message: Mapping[str, object]) -> None:
        try:
            await self.ws.send_text(encode_response(message).decode())
        except (WebSocketDisconnect, RuntimeError) as error:
            # a stream may send after the close: Starlette then raises RuntimeError
            if isinstance(error, RuntimeError) and self.ws.application_state is WebSocketState.CONNECTED:
                raise
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        """Close the connection, unless it is closed already."""
        if self.ws.application_state is WebSocketState.CONNECTED:
            await self.ws.close(code, reason.encode()[:_LONGEST_REASON_BYTES].decode(errors="ignore"))


class TransportHandler(BaseGraphQLTransportWSHandler[RequestContext, None]):
    """Authenticates the caller at ``connection_init``; no operation runs before it."""

    async def handle(self) -> None:
        """Serve the connection until it or the caller's token ends."""
        self.authentication = Authentication(self.view, self.websocket, self.context)
        async with asyncio.TaskGroup() as tasks:
            ending = tasks.create_task(self.authentication.close_at_its_end())
            await super().handle()
            ending.cancel()

    async def handle_message(self, message: Message) -> None:
        """Handle a message; a malformed one closes the connection, as the protocol requires."""
        if well_formed(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("the message is not one of graphql-transport-ws")

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        payload = message.get("payload")
        if payload is None:
            # the graphql-ws package sends null for an empty payload; Strawberry requires an object
            message = {"type": "connection_init"}
        if not self.connection_init_received and isinstance(payload, (dict, type(None))):
            try:
                await self.authentication.succeeds(payload)
            except GatewayError as error:
                await self.websocket.close(close_code(error), error.message)
                await self.authentication.log_refusal(error, closeCode=close_code(error))
                return
        await super().handle_connection_init(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        # the schema may have been replaced since the last operation of this connection
        self.schema = cast("View", self.view).api.schema
        if self.connection_acknowledged:
            try:
                query = cast("View", self.view).documents.resolve(message["payload"])
            except GatewayError as error:
                await self._refuse(message["id"], error)
                await self.authentication.log_refusal(error)
                return
            message = {**message, "payload": {**message["payload"], "query": query}}
        await super().handle_subscribe(message)

    async def _refuse(self, operation_id: str, error: GatewayError) -> None:
        payload: GraphQLFormattedError = {"message": error.message, "extensions": {"code": error.code}}
        await self.send_message({"id": operation_id, "type": "error", "payload": [payload]})

    async def _send_result_stream(self, operation: Any, result_source: Any) -> None:
        """Send each result; one that fails the operation becomes an error message, which ends it.

        Clients of the protocol treat "next" with errors followed by "complete" as a success. A token that
        becomes invalid ends the connection, too, because all of its operations depend on it.
        """
        started = False
        async for result in result_source:
            if fails_operation(result):
                await operation.send_initial_errors(result.errors)
                if started and rejects_token(result):
                    await self.websocket.close(EXPIRED, REJECTED)
                return
            await operation.send_next(result)
            started = True

    async def handle_task_exception(self, error: Exception) -> None:
        """Log the error, unless the client has disconnected."""
        if not isinstance(error, WebSocketDisconnected):
            await super().handle_task_exception(error)

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> None:
        """None: an invalid operation gets an error message and does not close the connection."""
        del error
