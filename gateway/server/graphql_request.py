"""The parameters of an operation in an HTTP request, by section 5 of "GraphQL over HTTP"."""

from collections.abc import Mapping
from typing import Any

from cross_web import HTTPException
from starlette.requests import ClientDisconnect, Request
from strawberry.http import GraphQLRequestData, GraphQLRequestProtocol
from strawberry.subscriptions import MULTIPART_SUBSCRIPTION_PROTOCOL

from gateway.resolvers.limits import Limits
from gateway.server.documents import Documents
from gateway.server.headers import header
from gateway.server.operation_type import is_subscription
from gateway.server.responses import negotiate, prefers_json

__all__ = ["accept_of", "answers_with_json", "body_of", "content_type_of", "request_data", "without_empty"]

_BODY = "kube_graphql.body"
_PARAMETERS = (
    ("query", str, "a string"),
    ("operationName", str, "a string"),
    ("variables", dict, "an object"),
    ("extensions", dict, "an object"),
)


def request_data(
    parameters: Any, documents: Documents, protocol: GraphQLRequestProtocol
) -> GraphQLRequestData:
    """The parameters of a decoded body or query string, with the document that they name.

    Raises HTTPException, with status 400, unless their types follow the specification; GatewayError for a
    document that may not run.
    """
    if isinstance(parameters, list):
        raise HTTPException(400, "batching is not served: send one operation per request")
    if not isinstance(parameters, dict):
        raise HTTPException(400, "the body has to be one JSON object")
    for name, expected, words in _PARAMETERS:
        if not isinstance(parameters.get(name), (expected, type(None))):
            raise HTTPException(400, f"{name} has to be {words} or null")
    return GraphQLRequestData(
        query=documents.resolve(parameters),
        variables=parameters.get("variables"),
        operation_name=parameters.get("operationName"),
        extensions=parameters.get("extensions"),
        protocol=protocol,
    )


def without_empty(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a query string: an empty one (``&variables=``) means the same as a missing one."""
    return {name: value for name, value in parameters.items() if value != ""}


async def body_of(request: Request) -> bytes:
    """The body, which may be read several times; Starlette's needs a generator. Raises ClientDisconnect."""
    known: bytes | None = request.scope.get(_BODY)
    if known is None:
        parts: list[bytes] = []
        more = True
        while more:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        known = request.scope[_BODY] = parts[0] if len(parts) == 1 else b"".join(parts)
    return known


def accept_of(request: Request) -> str | None:
    return header(request.scope["headers"], b"accept")


def content_type_of(request: Request) -> str:
    """The media type of the body, without parameters."""
    content_type = header(request.scope["headers"], b"content-type") or ""
    return content_type.partition(";")[0].strip().lower()


def answers_with_json(protocol: str, accept: str | None, data: GraphQLRequestData, limits: Limits) -> bool:
    """Whether JSON answers a request that accepts a stream, too: for queries and mutations.

    Apollo's ``Accept`` names multipart first for every operation. For server-sent events the client's
    preference decides.
    """
    if negotiate(accept) is None or is_subscription(data.query or "", data.operation_name, limits):
        return False
    return protocol == MULTIPART_SUBSCRIPTION_PROTOCOL or prefers_json(accept)
