"""The adapter to Strawberry: a ``strawberry.Schema`` around a graphql-core schema that we built.

Strawberry carries the transports and the extension pipeline. The Kubernetes types are graphql-core types, not
Strawberry classes: Strawberry's dataclasses fail on fields named like Python keywords and cost a class each.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from inspect import isawaitable
from typing import Any
from weakref import proxy

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    default_field_resolver,
    default_type_resolver,
)
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.extensions import SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.schema.schema import validate_document
from strawberry.types import ExecutionContext
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from gateway.compression import StoredBody
from gateway.errors import Busy, OutcomeUnknown, QueryTooComplex
from gateway.execution.contested_names import ContestedNames
from gateway.execution.document_limits import check_variables
from gateway.execution.documents import Documents
from gateway.execution.errors import ErrorCodes
from gateway.execution.executor import CompiledExecutor
from gateway.execution.extensions import (
    ErrorHooksRunner,
    OperationCounter,
    OperationPlace,
    SelectedOperation,
)
from gateway.execution.introspection import Introspection
from gateway.execution.operation_log import OperationLog
from gateway.execution.schema_access import (
    introspection_refusal,
    introspects,
    reveals_schema,
    visible_errors,
)
from gateway.resolvers.concurrency_limits import Place
from gateway.resolvers.context import RequestContext
from gateway.resolvers.limits import Limits
from schema.building import LazySchema

__all__ = ["KubernetesSchema"]

_MAX_VALIDATION_ERRORS = 100
"""graphql-core's default."""


def _validate(
    schema: GraphQLSchema,
    contested: ContestedNames | None,
    document: DocumentNode,
    rules: tuple[Any, ...],
) -> list[GraphQLError]:
    errors = [_with_limit(error) for error in validate_document(schema, document, rules)]
    return contested.explain(document, errors) if errors and contested else errors


def _with_limit(error: GraphQLError) -> GraphQLError:
    """The error; that of graphql-core about too many errors says how many are too many."""
    if error.message.endswith("error limit reached. Validation aborted."):
        text = f"The document has more than {_MAX_VALIDATION_ERRORS} errors, the limit. Validation aborted."
        return GraphQLError(text, extensions={"code": "QUERY_TOO_COMPLEX"})
    return error


@strawberry.type
class _Placeholder:
    """Strawberry's constructor requires a query class; this one is never served."""

    nothing: None = None


class KubernetesSchema(strawberry.Schema):
    """A ``strawberry.Schema`` that serves the given graphql-core schema.

    ``contested`` explains validation errors about short names that several kinds claim.
    """

    def __init__(self, built: LazySchema, contested: ContestedNames | None = None) -> None:
        super().__init__(
            query=_Placeholder,
            execution_context_class=CompiledExecutor,
            extensions=[
                # hooks end in reverse order: the counter sees the codes that ErrorCodes adds
                OperationPlace,
                OperationLog,
                OperationCounter,
                ErrorCodes,
            ],
        )
        self._documents = Documents(partial(_validate, built, contested))
        self._release_placeholder()
        # Strawberry finds its schema through this attribute. Weak, because a cycle through a frozen schema
        # would never be collected (gateway.memory).
        built._strawberry_schema = proxy(self)  # type: ignore[attr-defined]  # Strawberry's own attribute
        built.extensions["introspection"] = Introspection()
        self._schema = self._built = built

    def _release_placeholder(self) -> None:
        """Break the cycles that Strawberry's constructor made: reference counts alone must free this object.

        It is frozen when its successor is built (``gateway.memory.invisible_to_collector``).
        """
        placeholder: Any = self._schema
        placeholder._strawberry_schema = None
        placeholder.extensions = {}
        self.schema_converter.get_fields = type(self).get_fields.__get__(proxy(self))

    @property
    def graphql_schema(self) -> LazySchema:
        """The graphql-core schema."""
        return self._built

    async def sdl(self) -> StoredBody:
        """The SDL, sorted; made in a thread when it is first needed."""
        introspection: Introspection = self._schema.extensions["introspection"]
        return await introspection.sdl(self.graphql_schema)

    def create_extensions_runner(
        self, execution_context: ExecutionContext, extensions: list[SchemaExtension]
    ) -> SchemaExtensionsRunner:
        """The runner of one operation's hooks; without logs, those of the log are left out."""
        context = execution_context.context
        if isinstance(context, RequestContext) and context.shared.operation_logs is None:
            extensions = [item for item in extensions if not isinstance(item, OperationLog)]
        return ErrorHooksRunner(execution_context, extensions)

    def _create_execution_context(  # type: ignore[override]  # called with keyword arguments only
        self, **request: Any
    ) -> ExecutionContext:
        return SelectedOperation(
            query=request["query"],
            schema=self,
            allowed_operations=request["allowed_operation_types"],
            context=_for_operation(request["context_value"], request["operation_extensions"]),
            root_value=request["root_value"],
            variables=request["variable_values"],
            provided_operation_name=request["operation_name"],
            operation_extensions=request["operation_extensions"],
        )

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        """None when the operation can run, and has its place among the operations in progress.

        A request that selects no operation gets an ordinary GraphQL error, like an invalid document.
        """
        del extensions_runner
        place: Place | None = getattr(context.context, "place", None)
        try:
            if place is not None:
                place.take()
            refused = await self._prepare(context)
            if place is not None and refused is None and context.operation_type is OperationType.SUBSCRIPTION:
                place.become_subscription()
        except (Busy, QueryTooComplex) as error:
            errors = [GraphQLError(error.message, original_error=error)]
            context.pre_execution_errors = errors
            return PreExecutionError(None, errors)
        if refused is None and isinstance(context.context, RequestContext) and context.context.on_valid:
            context.context.on_valid()
        return refused

    async def _prepare(self, context: ExecutionContext) -> PreExecutionError | None:
        """As Strawberry's ``_prepare_operation_async``, for extensions without hooks of its steps."""
        if not context.query:
            return PreExecutionError(None, [GraphQLError("the request has no query")])
        if (syntax_error := await self._prepare_document(context)) is not None:
            context.pre_execution_errors = [syntax_error]
            return PreExecutionError(None, [syntax_error])
        try:
            operation_type = context.operation_type
        except CannotGetOperationTypeError as error:
            return PreExecutionError(None, [GraphQLError(error.as_http_error_reason())])
        except RuntimeError:
            reason = CannotGetOperationTypeError(context.operation_name).as_http_error_reason()
            return PreExecutionError(None, [GraphQLError(reason)])
        if operation_type not in context.allowed_operations:
            raise InvalidOperationTypeError(operation_type)
        if context.pre_execution_errors:
            return PreExecutionError(None, context.pre_execution_errors)
        if introspects(context.graphql_document, context.query):
            refusal = await introspection_refusal(context.context)
            return PreExecutionError(None, [refusal]) if refusal else None
        return None

    async def _prepare_document(self, context: ExecutionContext) -> GraphQLError | None:
        """Set the parsed document and its validation errors; returns a syntax error.

        Raises QueryTooComplex for variables over a limit.
        """
        query = context.query or ""
        limits = _limits_of(context.context)
        check_variables(context.variables, limits)
        document = await self._documents.prepare(
            query, context.parse_options, context.validation_rules, limits
        )
        if document.parsed is None:
            return document.errors[0]
        context.graphql_document = document.parsed
        context.pre_execution_errors = document.errors
        if isinstance(context, SelectedOperation):
            context.document = document
        return None

    async def _execute_operation(
        self,
        execution_context: ExecutionContext,
        extensions_runner: SchemaExtensionsRunner,
        *how: Any,
    ) -> Any:
        """Execute a query or a mutation, within the limit of its duration."""
        limits = _limits_of(execution_context.context)
        try:
            async with asyncio.timeout(limits.timeout) as timer:
                executor = self._executor_of(execution_context)
                if executor is None:
                    return await super()._execute_operation(execution_context, extensions_runner, *how)
                return await _execute(executor, execution_context)
        except TimeoutError:
            if not timer.expired():
                raise
        is_mutation = execution_context.operation_type is OperationType.MUTATION
        result = ExecutionResult(None, [_timed_out(limits, is_mutation=is_mutation)])
        execution_context.result = result
        return result

    def _executor_of(self, context: ExecutionContext) -> CompiledExecutor | list[GraphQLError] | None:
        """The executor of a prepared operation, or its variables' errors; None for other operations."""
        prepared = context.prepared_operation if isinstance(context, SelectedOperation) else None
        if prepared is None:
            return None
        values = prepared.variable_values(self._built, context.variables or {})
        if isinstance(values, list):
            return values
        return CompiledExecutor(
            self._built,
            prepared.fragment_definitions,
            prepared.fragments,
            context.root_value,
            context.context,
            prepared.operation,
            values,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            operation_extensions=context.operation_extensions,
            constants=prepared.constants,
        )

    def _get_middleware_manager(self, extensions: list[SchemaExtension]) -> Any:
        """None: no extension resolves fields."""
        del extensions

    def _handle_execution_result(  # type: ignore[override]  # a coroutine either way
        self, context: ExecutionContext, result: Any, extensions_runner: SchemaExtensionsRunner, **how: bool
    ) -> Awaitable[Any]:
        """Every result passes through here; one without errors costs one check."""
        if not result.errors:
            return super()._handle_execution_result(context, result, extensions_runner, **how)
        handle = partial(super()._handle_execution_result, context, result, extensions_runner, **how)
        return self._handle_errors(context, result, handle) if reveals_schema(result.errors) else handle()

    async def _handle_errors(
        self, context: ExecutionContext, result: Any, handle: Callable[[], Awaitable[Any]]
    ) -> Any:
        result.errors = await visible_errors(context.context, result.errors)
        return await handle()

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Log nothing: :class:`ErrorCodes` logs the errors that it masks."""


async def _execute(executor: CompiledExecutor | list[GraphQLError], context: ExecutionContext) -> Any:
    """The result of an executor, as Strawberry's ``_execute_operation`` leaves it in the context."""
    if isinstance(executor, list):
        result = ExecutionResult(None, executor)
    else:
        executed: Any = executor.execute_operation()
        result = await executed if isawaitable(executed) else executed
    context.result = result
    if result.errors:
        context.pre_execution_errors = result.errors
    return result


def _for_operation(context: Any, extensions: Any) -> Any:
    """A context with limits per operation; a websocket's context serves several operations.

    The request's extension ``trace`` asks for the requests to the API server.
    """
    if not isinstance(context, RequestContext):
        return context
    own = context.for_operation()
    if isinstance(extensions, dict) and extensions.get("trace") is True:
        own.trace = []
    return own


def _limits_of(context: Any) -> Limits:
    """The limits of a request; the defaults for other contexts (tests)."""
    return context.shared.limits if isinstance(context, RequestContext) else Limits()


def _timed_out(limits: Limits, *, is_mutation: bool) -> GraphQLError:
    text = f"the operation took more than {limits.timeout:g} s, the limit (--operation-timeout); "
    if is_mutation:
        text += "it is not known which of its writes were executed: read the objects before sending it again"
        return GraphQLError(text, extensions={"code": OutcomeUnknown.code})
    return GraphQLError(
        text + "read the lists in pages, or fewer of them", extensions={"code": QueryTooComplex.code}
    )
