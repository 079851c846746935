"""Responses by "GraphQL over HTTP" (draft, section 6): content negotiation, and errors before execution.

The status of ``application/graphql-response+json`` is 4xx when the operation did not run;
``application/json`` has status 200 for every well-formed request.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.errors import GatewayError
from gateway.server.refusal_log import log_refusal

__all__ = [
    "EVENT_STREAM",
    "GRAPHQL_RESPONSE",
    "JSON",
    "MULTIPART",
    "EncodedResponse",
    "accepts_page",
    "error_response",
    "negotiate",
    "prefers_json",
    "refusal",
]

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"
MULTIPART = "multipart/mixed"
_HTML = "text/html"
_KNOWN_CHARACTERS = 200

_STATUS_OF_CODE: Mapping[str, int] = {
    # clients of persisted queries treat other statuses as failures of the network
    "PERSISTED_QUERY_NOT_FOUND": 200,
    "PERSISTED_QUERY_NOT_SUPPORTED": 200,
    "BAD_REQUEST": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "QUERY_TOO_COMPLEX": 413,
    "TOO_MANY_REQUESTS": 429,
    "INTERNAL": 500,
    "UPSTREAM_UNAVAILABLE": 503,
    "UPSTREAM_TIMEOUT": 504,
}


def negotiate(accept: str | None) -> str | None:
    """The response's media type by the ``Accept`` header; None when it allows neither JSON type.

    ``application/json`` when the header is missing or has only wildcards, as every client reads it.
    """
    if not accept:
        return JSON
    return _negotiate_known(accept) if len(accept) <= _KNOWN_CHARACTERS else _negotiate(accept)


def _negotiate(accept: str) -> str | None:
    quality = {JSON: 0.0, GRAPHQL_RESPONSE: 0.0}
    wildcard = 0.0
    for media_type, q in _ranges(accept):
        if media_type in quality:
            quality[media_type] = max(quality[media_type], q)
        elif media_type in ("*/*", "application/*"):
            wildcard = max(wildcard, q)
    best = GRAPHQL_RESPONSE if quality[GRAPHQL_RESPONSE] >= quality[JSON] else JSON
    if quality[best] > 0:
        return best
    return JSON if wildcard > 0 else None


_negotiate_known = lru_cache(maxsize=256)(_negotiate)
"""The few headers of common clients; a cached one has at most ``_KNOWN_CHARACTERS``."""


def prefers_json(accept: str | None) -> bool:
    """Whether the header prefers JSON to server-sent events; among equals the first one is preferred."""
    order = [(q, -place, media_type) for place, (media_type, q) in enumerate(_ranges(accept or ""))]
    ranked = [media_type for q, _, media_type in sorted(order, reverse=True) if q > 0]
    preferred = (JSON, GRAPHQL_RESPONSE, "application/*", "*/*", EVENT_STREAM)
    return next((media_type for media_type in ranked if media_type in preferred), JSON) != EVENT_STREAM


def accepts_page(accept: str | None) -> bool:
    """Whether the client is a browser: it names text/html, which no GraphQL client does."""
    return any(media_type == _HTML and q > 0 for media_type, q in _ranges(accept or ""))


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        yield media_type, _quality(parameters)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


class EncodedResponse(Response):
    """A complete answer to an operation; its headers take a fifth of Starlette's time."""

    def __init__(self, body: bytes, status: int, media_type: str) -> None:
        self.status_code, self.body, self.background = status, body, None
        self.raw_headers = [
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(body)),
            (b"content-type", media_type.encode()),
        ]


class _Refusal(Response):
    """A response without execution; the access log has it under its code."""

    code = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)
        await log_refusal(scope, self.code, httpStatus=self.status_code)


def error_response(
    status: int, message: str, code: str, *, media_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Response:
    """The response to a request without execution: one error and no ``data``."""
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    response = _Refusal(
        msgspec.json.encode(body), status, {"Cache-Control": "no-store", **(headers or {})}, media_type
    )
    response.code = code
    return response


def refusal(error: GatewayError, *, media_type: str = JSON) -> Response:
    """The response for an error of the gateway that was raised before execution."""
    status = _STATUS_OF_CODE.get(error.code, 500)
    headers = {"WWW-Authenticate": 'Bearer realm="kube-graphql"'} if status == 401 else {}
    return error_response(status, error.message, error.code, media_type=media_type, headers=headers)
