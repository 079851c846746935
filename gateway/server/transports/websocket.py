"""graphql-transport-ws over Strawberry's handler: text frames, and a caller per connection."""

from collections.abc import Mapping
from types import NoneType
from typing import Any, Protocol, cast

import msgspec
from graphql import GraphQLError
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

from gateway.errors import CallerUnauthenticated
from gateway.identity import Identity
from gateway.resolvers.context import RequestContext
from gateway.server.guard import header_mapping

__all__ = ["FORBIDDEN", "TextAdapter", "TransportHandler", "View", "authenticate", "is_request"]

FORBIDDEN = 4403
LONGEST_REASON = 123  # bytes, RFC 6455 section 5.5


def well_formed(message: Any) -> bool:
    """Whether that JSON value can be a message: of known types, as far as the handler reads it."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] not in ("subscribe", "complete"):
        return True
    return isinstance(message.get("id"), str) and (
        message["type"] == "complete" or is_request(message.get("payload"))
    )


def is_request(payload: Any) -> bool:
    """Whether that JSON value can be the payload that asks for an operation."""
    return (
        isinstance(payload, dict)
        and isinstance(payload.get("query"), str)
        and isinstance(payload.get("variables"), (dict, NoneType))
        and isinstance(payload.get("operationName"), (str, NoneType))
    )


class _Gateway(Protocol):
    @property
    def schema(self) -> BaseSchema: ...


class View(Protocol):
    """What this module needs of :class:`gateway.server.endpoint.Endpoint`."""

    identity: Identity
    gateway: _Gateway


def authenticate(
    view: Any, websocket: Any, context: RequestContext, payload: dict[str, object] | None
) -> None:
    """Act as who ``connection_init`` or the handshake says from here on. Raises CallerUnauthenticated."""
    identity = cast("View", view).identity
    headers = header_mapping(cast("TextAdapter", websocket).ws.scope)
    context.client = identity.authenticate_connection(headers, payload)


class TextAdapter(ASGIWebSocketAdapter):
    """Sends JSON as text frames; graphql-transport-ws clients fail on binary ones."""

    async def send_json(self, message: Mapping[str, object]) -> None:
        try:
            await self.ws.send_text(msgspec.json.encode(message).decode())
        except (WebSocketDisconnect, RuntimeError) as error:
            # Starlette raises RuntimeError for a message after the close, which a stream may still produce
            if isinstance(error, RuntimeError) and self.ws.application_state is WebSocketState.CONNECTED:
                raise
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        """Close once; a second reason to close is no error."""
        if self.ws.application_state is WebSocketState.CONNECTED:
            await self.ws.close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))


class TransportHandler(BaseGraphQLTransportWSHandler[RequestContext, None]):
    """Finds out at ``connection_init`` who the caller is; nothing runs before or without it."""

    async def handle_message(self, message: Message) -> None:
        """Take what the protocol allows; anything else ends the connection, as the protocol wants it."""
        if well_formed(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("the message is not one of graphql-transport-ws")

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        payload = message.get("payload")
        if payload is None:
            # graphql-ws sends null where there is nothing to say; Strawberry takes only an object
            message = {"type": "connection_init"}
        if not self.connection_init_received and isinstance(payload, (dict, type(None))):
            try:
                authenticate(self.view, self.websocket, self.context, payload)
            except CallerUnauthenticated as error:
                await self.websocket.close(FORBIDDEN, error.message)
                return
        await super().handle_connection_init(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        # what is served may have changed since the connection began; each operation keeps what it began with
        self.schema = cast("View", self.view).gateway.schema
        await super().handle_subscribe(message)

    async def handle_task_exception(self, error: Exception) -> None:
        """Log it, unless it only says that the client has gone."""
        if not isinstance(error, WebSocketDisconnected):
            await super().handle_task_exception(error)

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> None:
        """None: a mistake in one operation is that operation's error, and leaves the others alone."""
        del error
