"""The one place where exceptions become GraphQL errors (design section 9).

Every error that leaves has ``extensions.code``; where the API server said something,
``extensions.kubernetes`` carries its ``Status``. What nobody foresaw is masked as ``INTERNAL``, with an
id that the log has.
"""

import logging
import secrets
from collections.abc import Iterator
from typing import Any, Protocol

from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import InvalidOperationTypeError

from gateway.errors import GatewayError, PodLogUnreadable, Status, StatusError

__all__ = ["ErrorCodes", "graphql_error", "root_cause", "status_extension"]

log = logging.getLogger(__name__)

LIMIT_MESSAGES = ("tokens. Parsing aborted", "nested too deeply")
"""How graphql-core words that its parser has met a limit; such an error has no class of its own."""


class _HasErrors(Protocol):
    errors: list[GraphQLError] | None


class ErrorCodes(SchemaExtension):
    """Gives every error of every result its code, before the result leaves."""

    def on_operation(self) -> Iterator[None]:
        yield
        result = self.execution_context.result
        if isinstance(getattr(result, "errors", None), list):
            _convert(result)  # type: ignore[arg-type]  # it has errors: just looked

    def on_stream_result(self, result: Any) -> Iterator[None]:
        _convert(result)
        yield


def _convert(result: _HasErrors) -> None:
    if result.errors:
        result.errors = [graphql_error(error) for error in result.errors]


def graphql_error(error: GraphQLError) -> GraphQLError:
    """The same error with its code; masked where its cause is nothing that a caller should see."""
    if error.extensions and "code" in error.extensions:
        return error
    cause = root_cause(error)
    if isinstance(cause, GatewayError):
        return _with(error, _message(cause), _extensions(cause))
    if isinstance(cause, RecursionError):
        return _with(error, "the query is nested too deeply", {"code": "QUERY_TOO_COMPLEX"})
    if cause is None or isinstance(cause, InvalidOperationTypeError):
        return _with(error, error.message, {"code": _request_code(error)})
    return _masked(error, cause)


def status_extension(status: Status) -> dict[str, Any]:
    """``extensions.kubernetes``: what the API server said, in the design's words."""
    return {
        "status": status.status,
        "reason": status.reason,
        "message": status.message,
        "details": dict(status.details) or None,
        "retryAfterSeconds": status.retry_after_seconds,
    }


def root_cause(error: GraphQLError) -> Exception | None:
    """What was raised that is no GraphQL error; None where GraphQL itself has something to say."""
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _extensions(cause: GatewayError) -> dict[str, Any]:
    if isinstance(cause, PodLogUnreadable):
        return {**_extensions(cause.reason), **cause.where}
    extensions: dict[str, Any] = {"code": cause.code}
    if isinstance(cause, StatusError):
        extensions["kubernetes"] = status_extension(cause.status)
        if cause.status.continue_token:
            extensions["continue"] = cause.status.continue_token
    return extensions


def _message(cause: GatewayError) -> str:
    """What the API server says of "the continue token in this response" needs to say where that is."""
    if isinstance(cause, StatusError) and cause.status.continue_token:
        return f"{cause.message.rstrip()} (That token is in extensions.continue.)"
    return cause.message


def _request_code(error: GraphQLError) -> str:
    """Errors of the request itself: syntax, validation, variables; or data that is not as promised."""
    if any(words in error.message for words in LIMIT_MESSAGES):
        return "QUERY_TOO_COMPLEX"
    return "INTERNAL" if error.path else "BAD_REQUEST"


def _masked(error: GraphQLError, cause: Exception) -> GraphQLError:
    reference = secrets.token_hex(4)
    log.error("error %s at %s", reference, error.path, exc_info=cause)
    message = f"Internal error; the gateway's log has it as {reference}."
    return _with(error, message, {"code": "INTERNAL", "id": reference})


def _with(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        original_error=error.original_error,
        extensions=extensions,
    )
