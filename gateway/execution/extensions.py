"""Strawberry's extension points, as this gateway uses them.

Extensions of the pipeline: :class:`OperationCounter`, :class:`OperationPlace` (and
:class:`gateway.execution.errors.ErrorCodes`). Beside them: :class:`ErrorHooksRunner` runs the hooks, and
:class:`SelectedOperation` picks the operation of a document.
"""

from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import cache, partial
from inspect import isasyncgenfunction
from typing import Any

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import SchemaExtension
from strawberry.extensions.context import OperationContextManager, WrappedHook
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

__all__ = [
    "ErrorHooksRunner",
    "OperationCounter",
    "OperationPlace",
    "SelectedOperation",
]

_OUTCOME_OK = "OK"
_NO_TYPE = "none"
"""The operation type of a document that cannot be parsed or lacks the named operation."""


class OperationCounter(SchemaExtension):
    """Counts each operation at its end, by type and outcome; a subscription counts when its stream ends.

    The outcome is the code of the first error, or ``OK``. Must precede ``ErrorCodes`` in the list of
    extensions, so that its hooks see errors that have a code.
    """

    def __init__(self) -> None:
        self._code = ""

    def on_operation(self) -> Iterator[None]:
        """Count the operation, also after cancellation (the client disconnected)."""
        try:
            yield
        except (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError):
            self._code = "BAD_REQUEST"
            raise
        else:
            self._note_error(self.execution_context.result)
        finally:
            counts = self.execution_context.context.shared.operations
            counts[self._operation_type(), self._code or _OUTCOME_OK] += 1

    def on_stream_result(self, result: Any) -> Iterator[None]:
        """Note the error of a subscription's result, after ``ErrorCodes`` has converted it.

        A transport may close the stream after an error that ends it, so that nothing follows the ``yield``.
        """
        try:
            yield
        finally:
            self._note_error(result)

    def _note_error(self, result: Any) -> None:
        errors: list[GraphQLError] | None = getattr(result, "errors", None)
        if errors and not self._code:
            self._code = str((errors[0].extensions or {}).get("code", "INTERNAL"))

    def _operation_type(self) -> str:
        try:
            return self.execution_context.operation_type.value
        except (RuntimeError, CannotGetOperationTypeError):
            return _NO_TYPE


class OperationPlace(SchemaExtension):
    """Frees the operation's place among those in progress, also after cancellation."""

    def on_operation(self) -> Iterator[None]:
        try:
            yield
        finally:
            place = getattr(self.execution_context.context, "place", None)
            if place is not None:
                place.leave()


_NO_HOOKS: Any = nullcontext()


def _hook_of(extension: SchemaExtension, name: str) -> tuple[Callable[..., Any], bool] | None:
    """The generator of the hook as a context manager, and whether it is asynchronous; None without one."""
    kind: Any = type(extension)
    return _hook_of_class(kind, name)


@cache
def _hook_of_class(kind: Any, name: str) -> tuple[Callable[..., Any], bool] | None:
    hook = getattr(kind, name)
    if hook is getattr(SchemaExtension, name):
        return None
    is_async = isasyncgenfunction(hook)
    return (asynccontextmanager if is_async else contextmanager)(hook), is_async


class _OperationHooks(OperationContextManager):
    """Strawberry's, which makes the context managers anew for each operation."""

    def get_hook(self, extension: SchemaExtension) -> WrappedHook | None:
        found = _hook_of(extension, self.HOOK_NAME)
        return found and WrappedHook(extension, partial(found[0], extension), found[1])


class ErrorHooksRunner(SchemaExtensionsRunner):
    """Runs the hooks that there are, and the hooks of a stream's result only when the result has errors.

    The extensions of :class:`KubernetesSchema` look at nothing but errors, and the hooks would take a quarter
    of the time of each event.
    """

    def operation(self) -> OperationContextManager:
        return _OperationHooks(self.extensions)

    def parsing(self) -> Any:
        return super().parsing() if self._has("on_parse") else _NO_HOOKS

    def validation(self) -> Any:
        return super().validation() if self._has("on_validate") else _NO_HOOKS

    def executing(self) -> Any:
        return super().executing() if self._has("on_execute") else _NO_HOOKS

    def _has(self, hook: str) -> bool:
        return any(_hook_of(extension, hook) is not None for extension in self.extensions)

    def on_stream_result(self, result: Any) -> Any:
        return super().on_stream_result(result) if result.errors else _NO_HOOKS

    async def get_extensions_results(self, ctx: ExecutionContext) -> dict[str, Any]:
        """What the resolvers note for the next result of the operation."""
        noted: dict[str, Any] = getattr(ctx.context, "extensions", {})
        if noted:
            ctx.context.extensions = {}
        trace = getattr(ctx.context, "trace", None)
        if trace is None:
            return noted
        ctx.context.trace = []
        return {**noted, "upstream": trace}


class OperationNotDetermined(CannotGetOperationTypeError):
    """The request does not determine which operation runs; ``message`` is the specification's wording."""

    def __init__(self, message: str) -> None:
        super().__init__(None)
        self.message = message

    def as_http_error_reason(self) -> str:
        return self.message


class SelectedOperation(ExecutionContext):
    """The operation that a request selects: by name, or the only one of the document (GraphQL, 6.1).

    Of several operations and no name Strawberry would run the first; here the request fails.
    """

    def __repr__(self) -> str:
        # that of Strawberry's dataclass shows the variables
        return f"<{type(self).__name__}>"

    @property
    def operation_type(self) -> OperationType:
        """Raises CannotGetOperationTypeError or RuntimeError when no operation is selected."""
        if self._provided_operation_name is None and self.graphql_document is not None:
            _expect_one(self.graphql_document)
        return super().operation_type


def _expect_one(document: DocumentNode) -> None:
    operations = sum(isinstance(node, OperationDefinitionNode) for node in document.definitions)
    if operations > 1:
        raise OperationNotDetermined("Must provide operation name if query contains multiple operations.")
    if not operations:
        raise OperationNotDetermined("Must provide an operation.")
