"""Which operation of a document runs (GraphQL, 6.1, GetOperation).

Strawberry runs the first of several where the request names none; here none of them runs.
"""

from graphql import DocumentNode, OperationDefinitionNode
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

__all__ = ["Operation"]


class Undetermined(CannotGetOperationTypeError):
    """The request does not say which operation it wants; ``message`` is GraphQL's own reason for that."""

    def __init__(self, message: str) -> None:
        super().__init__(None)
        self.message = message

    def as_http_error_reason(self) -> str:
        """What the client is told, in whatever protocol."""
        return self.message


class Operation(ExecutionContext):
    """One request's operation: the one that it names, or its document's only one."""

    @property
    def operation_type(self) -> OperationType:
        """Its type; CannotGetOperationTypeError or RuntimeError where it cannot be told."""
        if self._provided_operation_name is None and self.graphql_document is not None:
            _expect_one(self.graphql_document)
        return super().operation_type


def _expect_one(document: DocumentNode) -> None:
    operations = sum(isinstance(each, OperationDefinitionNode) for each in document.definitions)
    if operations > 1:
        raise Undetermined("Must provide operation name if query contains multiple operations.")
    if not operations:
        raise Undetermined("Must provide an operation.")
