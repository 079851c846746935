"""Access to the schema itself: introspection, and error messages that reveal names (``--introspection``).

Neither causes an upstream request with the caller's token, so the functions below check the caller.
"""

import re
from collections.abc import Awaitable, Iterable, Iterator

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_operation_ast,
    parse,
)

from gateway.errors import Forbidden, GatewayError, QueryTooComplex, Status
from gateway.execution.document_limits import check_text
from gateway.execution.errors import graphql_error, root_cause
from gateway.resolvers.context import RequestContext, expect_discovery
from gateway.resolvers.limits import Limits
from gateway.settings import SchemaAccess

__all__ = [
    "expect_schema_access",
    "introspection_refusal",
    "introspects",
    "reveals_schema",
    "selects_schema_only",
    "visible_errors",
]

_SCHEMA_FIELDS = ("__schema", "__type")
_MENTION = re.compile(r"__(schema|type)\b")
_SUGGESTION = re.compile(r" Did you mean .+\?$", re.DOTALL)
_LIMITS_OF_STRANGERS = Limits(max_document=20_000, max_tokens=1_000)
"""GraphiQL's introspection query has 400 tokens; its sender is not authenticated."""


def introspects(document: DocumentNode | None, query: str | None) -> bool:
    """Whether a document selects introspection beyond ``__typename``."""
    if document is None or not _MENTION.search(query or ""):
        return False
    # validation allows these fields at the root alone, and cycles of fragments never
    return any(name in _SCHEMA_FIELDS for name in _root_fields(document, _operations(document)))


async def expect_schema_access(context: RequestContext) -> None:
    """Raise Forbidden, or the error of the review, unless the caller may introspect the schema."""
    if context.shared.schema_access is SchemaAccess.OFF:
        raise Forbidden(Status(403, "Forbidden", "introspection is switched off (--introspection)"))
    await _expect_discovery(context)


async def introspection_refusal(context: RequestContext) -> GraphQLError | None:
    """The error for a caller that may not introspect the schema; None when the caller may."""
    return await _refusal(expect_schema_access(context))


def reveals_schema(errors: list[GraphQLError] | None) -> bool:
    """Whether an error is graphql-core's own message about the request."""
    return any(error.path is None and root_cause(error) is None for error in errors or ())


async def visible_errors(context: RequestContext, errors: list[GraphQLError]) -> list[GraphQLError]:
    """The errors that the caller may see, of a request for which :func:`reveals_schema` is true."""
    if refusal := await _refusal(_expect_discovery(context)):
        return [refusal]
    if context.shared.schema_access is SchemaAccess.OFF:
        return [_without_suggestion(error) for error in errors]
    return errors


def selects_schema_only(query: str | None, operation_name: str | None) -> bool:
    """Whether an operation selects nothing but introspection; False for a document that is not valid."""
    if not query or not _MENTION.search(query):
        return False
    try:
        check_text(query, _LIMITS_OF_STRANGERS)
        document = parse(query, no_location=True)
    except (QueryTooComplex, GraphQLError, RecursionError):
        return False
    operation = get_operation_ast(document, operation_name)
    if operation is None:
        return False
    names = list(_root_fields(document, [operation]))
    return bool(names) and all(name in (*_SCHEMA_FIELDS, "__typename") for name in names)


async def _expect_discovery(context: RequestContext) -> None:
    """Raise the error for a caller that may not read the API server's discovery, unless every client may."""
    if context.shared.schema_access is not SchemaAccess.ON:
        await expect_discovery(context)


async def _refusal(check: Awaitable[None]) -> GraphQLError | None:
    try:
        await check
    except GatewayError as error:
        return graphql_error(GraphQLError(error.message, original_error=error))
    return None


def _without_suggestion(error: GraphQLError) -> GraphQLError:
    message = _SUGGESTION.sub("", error.message)
    if message == error.message:
        return error
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        original_error=error.original_error,
        extensions=error.extensions,
    )


def _operations(document: DocumentNode) -> list[OperationDefinitionNode]:
    return [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]


def _root_fields(document: DocumentNode, operations: Iterable[OperationDefinitionNode]) -> Iterator[str]:
    """The names of the fields at the root of the operations, through fragments."""
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    visited: set[str] = set()
    pending: list[SelectionSetNode] = [operation.selection_set for operation in operations]
    while pending:
        for selection in pending.pop().selections:
            if isinstance(selection, FieldNode):
                yield selection.name.value
            elif isinstance(selection, InlineFragmentNode):
                pending.append(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in visited:
                visited.add(selection.name.value)
                if fragment := fragments.get(selection.name.value):
                    pending.append(fragment.selection_set)
