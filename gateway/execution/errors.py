"""The one place where exceptions become GraphQL errors.

Every error in a response has ``extensions.code``. If the API server sent a ``Status``,
``extensions.kubernetes`` carries it. An unexpected exception is masked as ``INTERNAL`` with an id; the log
has the traceback under the same id.
"""

import logging
import secrets
from collections.abc import Iterator
from typing import Any, Protocol

from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types.execution import PreExecutionError

from gateway.errors import (
    GatewayError,
    OutcomeUnknown,
    PodLogUnreadable,
    Status,
    StatusError,
    UnexpectedValue,
)
from gateway.resolvers.causes import causes_of

__all__ = ["ErrorCodes", "fails_operation", "graphql_error", "root_cause", "status_extension"]

logger = logging.getLogger(__name__)

_LIMIT_MESSAGES = ("tokens. Parsing aborted", "nested too deeply")
"""Parts of graphql-core's messages about its parser's limits, which have no error class of their own."""


class _HasErrors(Protocol):
    errors: list[GraphQLError] | None


class ErrorCodes(SchemaExtension):
    """Adds a code to every error of every result."""

    def on_operation(self) -> Iterator[None]:
        yield
        result = self.execution_context.result
        if isinstance(getattr(result, "errors", None), list):
            _convert(result)  # type: ignore[arg-type]  # isinstance has checked the attribute

    def on_stream_result(self, result: Any) -> Iterator[None]:
        _convert(result)
        yield


def _convert(result: _HasErrors) -> None:
    if result.errors:
        result.errors = [graphql_error(error) for error in result.errors]


def fails_operation(result: Any) -> bool:
    """Whether an execution result is a request error, or the error with which a source stream ended.

    It has errors of no field and no data; no result follows. An error of one event has a path instead.
    """
    if isinstance(result, PreExecutionError):
        return True
    return result.data is None and bool(result.errors) and all(error.path is None for error in result.errors)


def graphql_error(error: GraphQLError) -> GraphQLError:
    """A copy of the error with its code; masked unless its cause is meant for the caller."""
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
    """``extensions.kubernetes``: the API server's ``Status``."""
    return {
        "status": status.status,
        "reason": status.reason,
        "message": status.message,
        "details": dict(status.details) or None,
        "retryAfterSeconds": status.retry_after_seconds,
    }


def root_cause(error: GraphQLError) -> Exception | None:
    """The exception behind an error; None for an error of graphql-core itself."""
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _extensions(cause: GatewayError) -> dict[str, Any]:
    if isinstance(cause, PodLogUnreadable):
        return {**_extensions(cause.reason), **cause.where}
    extensions: dict[str, Any] = {"code": cause.code}
    if isinstance(cause, UnexpectedValue):
        extensions["expected"] = cause.expected
    if isinstance(cause, OutcomeUnknown) and cause.status is not None:
        extensions["kubernetes"] = status_extension(cause.status)
    if isinstance(cause, StatusError):
        extensions["kubernetes"] = status_extension(cause.status)
        if causes := cause.causes or causes_of(cause.status):
            extensions["causes"] = causes
        if cause.status.continue_token:
            extensions["continue"] = cause.status.continue_token
    return extensions


def _message(cause: GatewayError) -> str:
    """The message; the API server's "the continue token in this response" gets the token's place added."""
    if isinstance(cause, StatusError) and cause.status.continue_token:
        return f"{cause.message.rstrip()} (That token is in extensions.continue.)"
    return cause.message


def _request_code(error: GraphQLError) -> str:
    """The code of graphql-core's errors: about the request (no path), or about data of an unexpected type."""
    if any(words in error.message for words in _LIMIT_MESSAGES):
        return "QUERY_TOO_COMPLEX"
    return "INTERNAL" if error.path else "BAD_REQUEST"


def _masked(error: GraphQLError, cause: Exception) -> GraphQLError:
    reference = secrets.token_hex(4)
    logger.error("error %s at %s", reference, error.path, exc_info=cause)
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
