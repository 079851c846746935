"""The adapter to Strawberry: its schema class around a graphql-core schema that we built.

Strawberry carries the transports and the extension pipeline; the Kubernetes types are not Strawberry
classes (design section 3 has the measurements).
"""

from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from typing import Any
from weakref import proxy

import strawberry
from graphql import GraphQLError, GraphQLSchema
from strawberry.extensions import MaxTokensLimiter, SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.schema.schema import validate_document
from strawberry.types import ExecutionContext
from strawberry.types.execution import PreExecutionError

from gateway.execution.counting import CountedOperations
from gateway.execution.disclosure import introspects, refusal, tells_of_schema
from gateway.execution.errors import ErrorCodes
from gateway.execution.executor import CompiledExecutor
from gateway.execution.hooks import Hooks
from gateway.execution.introspection import Introspection
from gateway.execution.operations import Operation
from gateway.execution.parsing import ParsedDocuments, ValidatedDocuments

__all__ = ["KubernetesSchema"]

MAX_TOKENS = 20_000
CACHED_DOCUMENTS = 256


@strawberry.type
class Placeholder:
    """Strawberry wants a class to begin with; nothing of it is ever served."""

    nothing: None = None


class KubernetesSchema(strawberry.Schema):
    """A ``strawberry.Schema`` that serves the given graphql-core schema."""

    def __init__(self, built: GraphQLSchema) -> None:
        validate = lru_cache(maxsize=CACHED_DOCUMENTS)(partial(validate_document, built))
        super().__init__(
            query=Placeholder,
            execution_context_class=CompiledExecutor,
            extensions=[
                # first, so that it sees the codes
                CountedOperations,
                ErrorCodes,
                partial(MaxTokensLimiter, max_token_count=MAX_TOKENS),
                partial(ParsedDocuments, maxsize=CACHED_DOCUMENTS),
                partial(ValidatedDocuments, validate),
            ],
        )
        self._let_go_of_placeholder()
        # how Strawberry finds its way back; weakly, as the built schema is nothing that is ever collected
        built._strawberry_schema = proxy(self)  # type: ignore[attr-defined]  # Strawberry's own attribute
        built.extensions["introspection"] = Introspection()
        self._schema = built

    def _let_go_of_placeholder(self) -> None:
        """Undo the cycles that Strawberry made, so that a replaced schema goes by its reference count alone.

        The collector does not see it: it was there when the next one was made (``build_replacement``).
        """
        placeholder: Any = self._schema
        placeholder._strawberry_schema = None
        placeholder.extensions = {}
        self.schema_converter.get_fields = type(self).get_fields.__get__(proxy(self))

    @property
    def graphql_schema(self) -> GraphQLSchema:
        """The graphql-core schema."""
        return self._schema

    def create_extensions_runner(
        self, execution_context: ExecutionContext, extensions: list[SchemaExtension]
    ) -> SchemaExtensionsRunner:
        """The runner of one operation's hooks."""
        return Hooks(execution_context, extensions)

    def _create_execution_context(  # type: ignore[override]  # it is called with names alone
        self, **request: Any
    ) -> ExecutionContext:
        return Operation(
            query=request["query"],
            schema=self,
            allowed_operations=request["allowed_operation_types"],
            context=request["context_value"],
            root_value=request["root_value"],
            variables=request["variable_values"],
            provided_operation_name=request["operation_name"],
            operation_extensions=request["operation_extensions"],
        )

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        """None where it can run; which one is meant is a matter of the request, as its validity is."""
        try:
            refused = await super()._prepare_operation_async(context, extensions_runner)
        except CannotGetOperationTypeError as error:
            return PreExecutionError(None, [GraphQLError(error.as_http_error_reason())])
        if refused is None and introspects(context.query):
            untold = await refusal(context.context)
            return PreExecutionError(None, [untold]) if untold else None
        return refused

    def _handle_execution_result(  # type: ignore[override]  # a coroutine either way
        self, context: ExecutionContext, result: Any, extensions_runner: SchemaExtensionsRunner, **how: bool
    ) -> Awaitable[Any]:
        """Every result passes here before it leaves; an event that is well, at the cost of one look."""
        handle = partial(super()._handle_execution_result, context, result, extensions_runner, **how)
        return self._handle_errors(context, result, handle) if tells_of_schema(result.errors) else handle()

    async def _handle_errors(
        self, context: ExecutionContext, result: Any, handle: Callable[[], Awaitable[Any]]
    ) -> Any:
        if untold := await refusal(context.context):
            result.errors = [untold]
        return await handle()

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Log nothing here: :class:`ErrorCodes` logs what a caller does not get to see."""
