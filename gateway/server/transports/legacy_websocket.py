"""The legacy subprotocol ``graphql-ws`` of subscriptions-transport-ws, on Strawberry's handler.

For old clients such as Apollo's ``WebSocketLink``. Callers, schema per operation and text frames are the same
as for graphql-transport-ws.
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, cast

from graphql import GraphQLFormattedError
from strawberry.http.exceptions import NonJsonMessageReceived, WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_ws.handlers import BaseGraphQLWSHandler
from strawberry.subscriptions.protocols.graphql_ws.types import (
    ConnectionInitMessage,
    OperationMessage,
    StartMessage,
)
from strawberry.types.execution import ExecutionResult

from gateway.errors import GatewayError
from gateway.execution.errors import fails_operation
from gateway.resolvers.context import RequestContext
from gateway.server.transports.lifetime import EXPIRED
from gateway.server.transports.websocket import (
    REJECTED,
    Authentication,
    View,
    close_code,
    is_request,
    rejects_token,
)

__all__ = ["LegacyHandler"]

_BAD_REQUEST, _UNAUTHORIZED, _TOO_MANY_INITIALISATIONS = 4400, 4401, 4429
_TYPES = "connection_init", "connection_terminate", "start", "stop"


def _well_formed(message: Any) -> bool:
    """Whether the JSON value has the types that the handler expects; unknown message types pass."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] not in ("start", "stop"):
        return True
    return isinstance(message.get("id"), str) and (
        message["type"] == "stop" or is_request(message.get("payload"))
    )


class LegacyHandler(BaseGraphQLWSHandler[RequestContext, None]):
    """Authenticates the caller at ``connection_init``; no operation runs before it."""

    async def handle(self) -> None:
        """Serve the connection until it or the token ends; close it without a timely ``connection_init``."""
        self.authentication = Authentication(self.view, self.websocket, self.context)
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(self._expire())
            ending = tasks.create_task(self.authentication.close_at_its_end())
            try:
                await super().handle()
            except NonJsonMessageReceived:
                await self.websocket.close(_BAD_REQUEST, "WebSocket message must be valid JSON")
            waiting.cancel()
            ending.cancel()

    async def _expire(self) -> None:
        await asyncio.sleep(self.view.connection_init_wait_timeout.total_seconds())
        if not self.connection_acknowledged:
            await self.websocket.close(_UNAUTHORIZED, "no connection_init came")

    async def handle_message(self, message: OperationMessage) -> None:
        """Handle a message; a malformed one closes the connection."""
        if not _well_formed(message):
            await self.websocket.close(_BAD_REQUEST, "the message is not one of subscriptions-transport-ws")
        elif message["type"] in _TYPES:
            await super().handle_message(message)
        else:
            await self._refuse_type(message)

    async def _refuse_type(self, message: Mapping[str, Any]) -> None:
        """Answer with an error, as the reference implementation does; Strawberry ignores unknown types."""
        payload: GraphQLFormattedError = {"message": "the type of the message is unknown"}
        operation_id = message["id"] if isinstance(message.get("id"), str) else ""
        await self.send_message({"type": "error", "id": operation_id, "payload": payload})

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        payload = message.get("payload")
        if self.connection_acknowledged:
            await self.websocket.close(_TOO_MANY_INITIALISATIONS, "Too many initialisation requests")
            return
        if isinstance(payload, (dict, type(None))):
            try:
                await self.authentication.succeeds(payload)
            except GatewayError as error:
                await self.send_message({"type": "connection_error", "payload": {"message": error.message}})
                await self.websocket.close(close_code(error), error.message)
                await self.authentication.log_refusal(error, closeCode=close_code(error))
                return
        await super().handle_connection_init(message)

    async def handle_start(self, message: StartMessage) -> None:
        if self.connection_acknowledged:
            try:
                query = cast("View", self.view).documents.resolve(message["payload"])
            except GatewayError as error:
                payload: GraphQLFormattedError = {
                    "message": error.message,
                    "extensions": {"code": error.code},
                }
                await self.send_message({"type": "error", "id": message["id"], "payload": payload})
                await self.authentication.log_refusal(error)
                return
            message = {**message, "payload": {**message["payload"], "query": query}}
        await super().handle_start(message)

    async def handle_async_results(
        self, operation_id: str, query: str, operation_name: str | None, variables: dict[str, object] | None
    ) -> None:
        """Run one operation of any type and send its results."""
        # the schema may have been replaced since the last operation of this connection
        schema = cast("View", self.view).api.schema
        try:
            results = await schema.stream(
                query, variable_values=variables, context_value=self.context, operation_name=operation_name
            )
            async with aclosing(results):
                await self._send_results(operation_id, results)
        except WebSocketDisconnected:
            return
        finally:
            # another operation with the same id may have replaced this one
            if self.tasks.get(operation_id) is asyncio.current_task():
                del self.tasks[operation_id]

    async def _send_results(self, operation_id: str, results: Any) -> None:
        started = False
        async for result in results:
            if fails_operation(result):
                errors = [error.formatted for error in result.errors]
                await self.send_message({"type": "error", "id": operation_id, "payload": errors[0]})
                if started and rejects_token(result):
                    await self.websocket.close(EXPIRED, REJECTED)
                return
            await self.send_data_message(cast("ExecutionResult", result), operation_id)
            started = True
        await self.send_message({"type": "complete", "id": operation_id})
