"""graphql-transport-ws over Strawberry's handler: text frames, and a caller per connection."""

from collections.abc import Mapping
from typing import Protocol, cast

import msgspec
from starlette.websockets import WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.schema.base import BaseSchema
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    SubscribeMessage,
)

from gateway.errors import CallerUnauthenticated
from gateway.identity import Identity
from gateway.resolvers.context import RequestContext
from gateway.server.guard import header_mapping

__all__ = ["TextAdapter", "TransportHandler"]

FORBIDDEN = 4403
LONGEST_REASON = 123  # bytes, RFC 6455 section 5.5


class _Gateway(Protocol):
    @property
    def schema(self) -> BaseSchema: ...


class _View(Protocol):
    """What this module needs of :class:`gateway.server.endpoint.Endpoint`."""

    identity: Identity
    gateway: _Gateway


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

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        payload = message.get("payload")
        if payload is None:
            # graphql-ws sends null where there is nothing to say; Strawberry takes only an object
            message = {"type": "connection_init"}
        if not self.connection_init_received and isinstance(payload, (dict, type(None))):
            try:
                self._authenticate(payload)
            except CallerUnauthenticated as error:
                await self.websocket.close(FORBIDDEN, error.message)
                return
        await super().handle_connection_init(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        # what is served may have changed since the connection began; each operation keeps what it began with
        self.schema = cast("_View", self.view).gateway.schema
        await super().handle_subscribe(message)

    def _authenticate(self, payload: dict[str, object] | None) -> None:
        view, websocket = cast("_View", self.view), cast("TextAdapter", self.websocket)
        headers = header_mapping(websocket.ws.scope)
        self.context.client = view.identity.authenticate_connection(headers, payload)
