"""The limit on the fields of an operation.

Thirty fragments that each spread the next one twice select a billion fields in 2 kB. graphql-core bounds the
tokens of a document and the work of its validation, and no rule bounds the operation's own size.
"""

from graphql import DocumentNode, FragmentDefinitionNode, GraphQLError, OperationDefinitionNode

from gateway.errors import QueryTooComplex
from schema.selection import count_fields

__all__ = ["MAX_FIELDS", "find_wide_operations"]

MAX_FIELDS = 20_000
"""As many as a document without fragments can have: it has no more tokens."""
_LARGEST_NUMBER = 10**9


def find_wide_operations(document: DocumentNode) -> list[GraphQLError]:
    """An error for each operation of a valid document that selects more than :data:`MAX_FIELDS`."""
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    errors = []
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            count = count_fields([operation.selection_set], fragments)
            if count > MAX_FIELDS:
                errors.append(_too_wide(operation, count))
    return errors


def _too_wide(operation: OperationDefinitionNode, count: int) -> GraphQLError:
    number = str(count) if count <= _LARGEST_NUMBER else f"more than {_LARGEST_NUMBER}"
    message = f"the operation selects {number} fields, with its fragments expanded; the limit is {MAX_FIELDS}"
    return GraphQLError(message, operation, original_error=QueryTooComplex(message))
