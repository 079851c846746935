"""``/graphql``: Strawberry's view with this gateway's identities, statuses and JSON.

Queries and mutations by POST, queries by GET; subscriptions by graphql-transport-ws, the legacy graphql-ws,
server-sent events and multipart responses, each with keep-alives while idle. Statuses and media types follow
"GraphQL over HTTP"; the audits of npm's ``graphql-http`` test them.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol, cast

from cross_web import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData, GraphQLRequestProtocol, process_result
from strawberry.http.streaming import HTTPStreamTransport
from strawberry.http.types import HTTPMethod
from strawberry.schema.base import BaseSchema
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.subscriptions import (
    GRAPHQL_SSE_PROTOCOL,
    GRAPHQL_TRANSPORT_WS_PROTOCOL,
    GRAPHQL_WS_PROTOCOL,
    MULTIPART_SUBSCRIPTION_PROTOCOL,
)
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from gateway.compression import StoredBody
from gateway.errors import Busy, CallerUnauthenticated, GatewayError, Unauthenticated
from gateway.execution.errors import fails_operation
from gateway.execution.introspection import encode_response, stored_body
from gateway.execution.schema_access import selects_schema_only
from gateway.identity import Caller, Identity
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.resolvers.context import RequestContext, expect_authenticated
from gateway.server.compression import StoredResponse
from gateway.server.documents import Documents
from gateway.server.graphql_request import (
    accept_of,
    answers_with_json,
    body_of,
    content_type_of,
    request_data,
    without_empty,
)
from gateway.server.guard import head_of
from gateway.server.large_response import LargeResponse, encoded_fields
from gateway.server.request_json import decode_request
from gateway.server.responses import (
    EVENT_STREAM,
    GRAPHQL_RESPONSE,
    JSON,
    MULTIPART,
    EncodedResponse,
    accepts_page,
    error_response,
    negotiate,
    refusal,
)
from gateway.server.transports.legacy_websocket import LegacyHandler
from gateway.server.transports.lifetime import Lifetime
from gateway.server.transports.pending import PendingConnections
from gateway.server.transports.reservations import Reservations, token_of
from gateway.server.transports.streams import (
    TRANSPORTS,
    EventStream,
    LiveResponse,
    MultipartStream,
    is_worth_a_retry,
    rejects_token,
)
from gateway.server.transports.websocket import TextAdapter, TransportHandler
from gateway.settings import SchemaAccess

__all__ = ["Endpoint", "Executable"]

_PROTOCOLS = (
    GRAPHQL_TRANSPORT_WS_PROTOCOL,
    GRAPHQL_WS_PROTOCOL,
    GRAPHQL_SSE_PROTOCOL,
    MULTIPART_SUBSCRIPTION_PROTOCOL,
)
_SUBPROTOCOLS = (GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_WS_PROTOCOL)
"""In order of preference."""
_METHODS = ("GET", "POST", "PUT", "DELETE")
_KEEP_ALIVE_SECONDS = 15.0
"""Time between two keep-alives of the legacy websocket protocol."""


class Executable(Protocol):
    """The part of :class:`gateway.execution.GraphQLAPI` that the endpoint uses; tests use another."""

    @property
    def schema(self) -> BaseSchema: ...

    @property
    def informers(self) -> InformerRegistry: ...

    def context(self, client: KubeClient | None) -> RequestContext: ...

    async def stored_sdl(self) -> StoredBody: ...


class Endpoint(GraphQL[RequestContext, None]):
    """The ASGI app behind ``/graphql``; ``page`` is the response to a browser (GraphiQL)."""

    websocket_adapter_class = TextAdapter
    graphql_transport_ws_handler_class = TransportHandler
    graphql_ws_handler_class = LegacyHandler
    stream_transport_classes_by_protocol = TRANSPORTS

    def __init__(
        self, api: Executable, identity: Identity, page: Response, documents: Documents | None = None
    ) -> None:
        self._shared = api.context(None).shared
        limits = self._shared.in_progress.limits
        super().__init__(
            api.schema,
            graphql_ide=None,
            subscription_protocols=_PROTOCOLS,
            # applies to the legacy graphql-ws; uvicorn pings every websocket in addition
            keep_alive=True,
            keep_alive_interval=_KEEP_ALIVE_SECONDS,
            # the guard has already checked the origin by the rules of the identity mode
            allowed_origins=("*",),
            connection_init_wait_timeout=timedelta(seconds=limits.connection_init_timeout),
            max_subscriptions_per_connection=None,
        )
        self.api = api
        self.identity = identity
        self.page = page
        self.documents = documents or Documents()
        self.open_websockets = 0
        self.pending = PendingConnections(limits.pending_connections)
        self.reservations = Reservations()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # the schema may be replaced at any time; a request keeps the one that it started with
        self.schema = self.api.schema
        if scope["type"] == "websocket":
            await self._serve_websocket(WebSocket(scope, receive, send))
            return
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _serve_websocket(self, websocket: WebSocket) -> None:
        try:
            pending = self.pending.admit(websocket.scope)
        except Busy as error:
            await websocket.send_denial_response(refusal(error))
            return
        self.open_websockets += 1
        try:
            with pending:
                await self.run(websocket)
        finally:
            self.open_websockets -= 1

    async def _respond(self, request: Request) -> Response:
        accept = accept_of(request)
        if request.method not in _METHODS:
            allow = {"Allow": ", ".join(_METHODS)}
            return error_response(405, "use GET or POST", "BAD_REQUEST", headers=allow)
        if request.method == "GET" and accepts_page(accept):
            return self.page
        if request.method in ("PUT", "DELETE") or token_of(request) is not None:
            request.state.media_type = JSON
            return await self._guarded(request, self._single_connection)
        media_type = negotiate(accept)
        if media_type is None and self._accepted_stream(accept) is None:
            text = f"this endpoint answers with {GRAPHQL_RESPONSE}, {JSON}, {EVENT_STREAM} or {MULTIPART}"
            return error_response(406, text, "BAD_REQUEST")
        request.state.media_type = media_type or JSON
        return await self._guarded(request, self._execute)

    async def _guarded(
        self, request: Request, answer: Callable[[Request, RequestContext], Awaitable[Response]]
    ) -> Response:
        """Authenticate the caller, then read the body and answer.

        An error response for a token that the API server refuses, or a malformed request.
        """
        media_type = request.state.media_type
        try:
            return await self._as_caller(request, answer)
        except GatewayError as error:
            return refusal(error, media_type=media_type)
        except HTTPException as error:
            return error_response(error.status_code, error.reason, "BAD_REQUEST", media_type=media_type)
        except ClientDisconnect:
            return error_response(400, "the body is incomplete", "BAD_REQUEST", media_type=media_type)

    async def _as_caller(
        self, request: Request, answer: Callable[[Request, RequestContext], Awaitable[Response]]
    ) -> Response:
        try:
            caller = await self.identity.authenticate(head_of(request.scope))
            context = self.api.context(caller.client)
            await expect_authenticated(context)
        except (CallerUnauthenticated, Unauthenticated):
            if not await self._is_public(request):
                raise
            request.state.lifetime = None
            return await self._execute(request, self.api.context(None))
        request.state.client = caller.client
        request.state.lifetime = self._lifetime(request, caller)
        return await answer(request, context)

    async def _is_public(self, request: Request) -> bool:
        """Whether it needs no credentials: with ``--introspection on``, if it asks for the schema only."""
        if self._shared.schema_access is not SchemaAccess.ON:
            return False
        if request.method not in ("GET", "POST") or token_of(request) is not None:
            return False
        try:
            data = await self._read(request)
        except (HTTPException, ClientDisconnect):
            return False
        return selects_schema_only(data.query, data.operation_name)

    def _lifetime(self, request: Request, caller: Caller) -> Lifetime | None:
        """The lifetime of a stream; None for other responses, whose token the API server alone judges."""
        if self._accepted_stream(accept_of(request)) is None and token_of(request) is None:
            return None
        return Lifetime(caller, self._shared.reviews)

    async def _execute(self, request: Request, context: RequestContext) -> Response:
        """Read the operation of a request and answer with its result or stream.

        Strawberry's ``run`` serves batches, uploads and other views, too, at twice the time.
        """
        context.reads_only = request.method == "GET"
        data = await self._read(request)
        try:
            result = await self._run_operation(request, data, context)
        except RecursionError as error:
            raise HTTPException(400, "the query is nested too deeply") from error
        except InvalidOperationTypeError as error:
            raise HTTPException(400, error.as_http_error_reason(request.method)) from error
        if not isinstance(result, ExecutionResult):
            return await self._create_streaming_response(
                request=request, result=result, protocol=data.protocol
            )
        return _respond_with(await self.process_result(request, result), request.state.media_type)

    async def _run_operation(
        self, request: Request, data: GraphQLRequestData, context: RequestContext
    ) -> Any:
        """The result of an operation, or the results of one whose client accepts a stream."""
        transport = self._get_stream_transport(data.protocol)
        allowed = OperationType.from_http(cast("HTTPMethod", request.method))
        run = self.schema.execute if transport is None else self.schema.stream
        return await run(
            data.query,
            variable_values=data.variables,
            context_value=context,
            operation_name=data.operation_name,
            operation_extensions=data.extensions,
            allowed_operation_types=allowed
            if transport is None
            else transport.allowed_operation_types(allowed),
        )

    async def _single_connection(self, request: Request, context: RequestContext) -> Response:
        """Answer a request of graphql-sse's single connection mode."""
        client: KubeClient = request.state.client
        if request.method == "PUT":
            return self.reservations.reserve(client.identity)
        reservation = self.reservations.find(token_of(request), client.identity)
        if reservation is None:
            return error_response(404, "there is no such event stream", "BAD_REQUEST")
        if request.method == "GET":
            return self.reservations.open(reservation, request.state.lifetime)
        if request.method == "DELETE":
            return self.reservations.stop(reservation, request)
        data = await self._read(request)

        def results(on_valid: Callable[[], None]) -> aclosing[AsyncGenerator[GraphQLHTTPResponse, None]]:
            context.on_valid = on_valid
            return aclosing(self._results(request, data, context))

        return await self.reservations.start(reservation, data.extensions, results)

    async def _results(
        self, request: Request, data: GraphQLRequestData, context: RequestContext
    ) -> AsyncGenerator[GraphQLHTTPResponse, None]:
        results = await self.api.schema.stream(
            data.query,
            variable_values=data.variables,
            context_value=context,
            operation_name=data.operation_name,
            operation_extensions=data.extensions,
        )
        async with aclosing(results):
            async for result in results:
                yield await self.process_result(request, cast("ExecutionResult", result))

    async def _create_streaming_response(  # type: ignore[override]  # called with keyword arguments only
        self, *, request: Request, result: Any, protocol: GraphQLRequestProtocol, **others: Any
    ) -> Response:
        del others
        transport = cast("HTTPStreamTransport", self._get_stream_transport(protocol))
        keep_alive = transport.heartbeat_message(self.encode_json_string)
        messages = self._messages(request, result, transport)
        closing = transport.encode_complete() if isinstance(transport, MultipartStream) else ""
        return LiveResponse(messages, transport, keep_alive, result, request.state.lifetime, closing)

    async def _messages(
        self, request: Request, results: AsyncIterator[Any], transport: HTTPStreamTransport
    ) -> AsyncGenerator[str, None]:
        if isinstance(transport, MultipartStream):
            yield transport.first_delimiter
        if transport.send_initial_heartbeat:
            yield transport.heartbeat_message(self.encode_json_string)
        pending: list[Any] = []
        started = False
        async for result in results:
            response, pending = await self._process_stream_result(request, result, pending)
            yield transport.encode_next(response, self.encode_json_string)
            retry = is_worth_a_retry(response) or (started and rejects_token(response))
            if isinstance(transport, EventStream) and retry:
                return
            started = True
        if isinstance(transport, EventStream):
            yield transport.encode_complete()

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> RequestContext:
        """A websocket's context; it has no client until ``connection_init`` authenticates the caller."""
        del request, response
        return self.api.context(None)

    def _accepted_stream(self, accept: str | None) -> HTTPStreamTransport | None:
        """Strawberry's search, only for requests that may ask for a stream."""
        lowered = (accept or "").lower()
        if EVENT_STREAM not in lowered and "multipart/" not in lowered:
            return None
        return self._get_stream_transport_from_headers({"accept": accept or ""})

    async def _read(self, request: Request) -> GraphQLRequestData:
        """The request's parameters.

        Raises HTTPException: status 400 unless their types follow "GraphQL over HTTP".
        """
        accept = accept_of(request)
        transport = self._accepted_stream(accept)
        if request.method == "GET":
            parameters: Any = self.parse_query_params(request.query_params)
        elif content_type_of(request) == JSON:
            parameters = self.parse_json(await body_of(request))
        else:
            # also prevents CSRF: an HTML form cannot send this content type
            raise HTTPException(415, "the body has to be application/json")
        data = request_data(parameters, self.documents, transport.protocol if transport else "http")
        if transport is not None and answers_with_json(transport.protocol, accept, data, self._shared.limits):
            return replace(data, protocol="http")
        return data

    async def pick_websocket_subprotocol(self, request: WebSocket) -> str | None:
        """The newest of the offered subprotocols; the client's order does not count."""
        offered = request["subprotocols"]
        return next((protocol for protocol in _SUBPROTOCOLS if protocol in offered), None)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """The response map; without ``data`` when the operation did not run (GraphQL, 7.1.2)."""
        del request
        response = process_result(result)
        if fails_operation(result):
            del response["data"]
        return response

    def encode_json(self, data: object) -> str | bytes:
        return encode_response(data)

    def decode_json(self, data: str | bytes) -> object:
        return decode_request(data, self._shared.limits.max_values)

    def parse_query_params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return without_empty(super().parse_query_params(params))


def _respond_with(response: GraphQLHTTPResponse, media_type: str) -> Response:
    status = 400 if media_type == GRAPHQL_RESPONSE and "data" not in response else 200
    headers = {"Cache-Control": "no-store"}
    body = stored_body(response)
    if body is not None:
        return StoredResponse(body, headers, media_type)
    if (fields := encoded_fields(response)) is not None:
        return LargeResponse(cast("Mapping[str, Any]", response), fields, headers, media_type)
    return EncodedResponse(encode_response(response), status, media_type)
