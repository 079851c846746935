"""How refusals look: the shape of a GraphQL response, with a status that says the same."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from gateway.errors import GatewayError
from gateway.server.media_types import JSON

__all__ = ["STATUS_OF_CODE", "error_response", "refusal"]

STATUS_OF_CODE: Mapping[str, int] = {
    "BAD_REQUEST": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "INTERNAL": 500,
}


def error_response(
    status: int, message: str, code: str, *, media_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Response:
    """A request that no operation was run for: one error, and no ``data`` entry."""
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    return Response(msgspec.json.encode(body), status, dict(headers or {}), media_type)


def refusal(error: GatewayError, *, media_type: str = JSON) -> Response:
    """The response for one of this package's errors, raised before an operation ran."""
    status = STATUS_OF_CODE.get(error.code, 500)
    headers = {"WWW-Authenticate": 'Bearer realm="kube-graphql"'} if status == 401 else {}
    return error_response(status, error.message, error.code, media_type=media_type, headers=headers)
