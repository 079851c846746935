"""Counts operations by their type and outcome, for metrics."""

from collections.abc import Iterator
from typing import Any

from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

__all__ = ["CountedOperations"]

OK = "OK"
NO_TYPE = "none"
"""Of what could not be read, or does not have the operation that it names."""


class CountedOperations(SchemaExtension):
    """Counts one operation when it is over; a subscription, when it has ended.

    The outcome is the code of its first error, or ``OK``. Comes before what gives errors their codes.
    """

    def __init__(self) -> None:
        self._code = ""

    def on_operation(self) -> Iterator[None]:
        """Whatever way it ends, a client that goes away included."""
        try:
            yield
        except (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError):
            self._code = "BAD_REQUEST"
            raise
        else:
            self._look_at(self.execution_context.result)
        finally:
            counts = self.execution_context.context.shared.operations
            counts[self._operation_type(), self._code or OK] += 1

    def on_stream_result(self, result: Any) -> Iterator[None]:
        """A subscription's result that has errors; it has left when this goes on."""
        yield
        self._look_at(result)

    def _look_at(self, result: Any) -> None:
        errors: list[GraphQLError] | None = getattr(result, "errors", None)
        if errors and not self._code:
            self._code = str((errors[0].extensions or {}).get("code", "INTERNAL"))

    def _operation_type(self) -> str:
        try:
            return self.execution_context.operation_type.value
        except (RuntimeError, CannotGetOperationTypeError):
            return NO_TYPE
