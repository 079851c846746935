"""Strawberry's extension points, as this gateway uses them.

Extensions of the pipeline: :class:`OperationCounter`, :class:`OperationPlace` (and
:class:`gateway.execution.errors.ErrorCodes`). Beside them: :class:`ErrorHooksRunner` runs the hooks, and
:class:`SelectedOperation` picks the operation of a document.
"""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from types import AsyncGeneratorType, TracebackType
from typing import Any

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

from gateway.execution.documents import Document
from gateway.execution.prepared_operation import PreparedOperation

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
    """Frees the operation's place among the operations in progress, also after cancellation."""

    def on_operation(self) -> Iterator[None]:
        try:
            yield
        finally:
            place = getattr(self.execution_context.context, "place", None)
            if place is not None:
                place.leave()


_NO_HOOKS: Any = nullcontext()


class _OperationHooks:
    """The ``on_operation`` hooks around one operation, which are generators, synchronous or not.

    The first one is the outermost. An exception is thrown into each of them in turn, as by Strawberry's stack
    of context managers, which takes four times as long; one that a hook raises itself takes its place. No
    hook can suppress the operation's own exception.
    """

    __slots__ = ("_extensions", "_running")

    def __init__(self, extensions: Iterable[SchemaExtension]) -> None:
        self._extensions = extensions
        self._running: list[Any] = []

    async def __aenter__(self) -> None:
        for extension in self._extensions:
            if not _has_hook(extension, "on_operation"):
                continue
            hook: Any = extension.on_operation()
            try:
                await anext(hook) if type(hook) is AsyncGeneratorType else next(hook)
            except BaseException as error:
                await self._end(error)
                raise
            self._running.append(hook)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        del kind, traceback
        left = await self._end(error)
        if left is not error and left is not None:
            raise left

    async def _end(self, error: BaseException | None) -> BaseException | None:
        """End the hooks; the exception that the last one leaves."""
        while self._running:
            hook = self._running.pop()
            try:
                if type(hook) is AsyncGeneratorType:
                    await (anext(hook, None) if error is None else hook.athrow(error))
                elif error is None:
                    next(hook, None)
                else:
                    hook.throw(error)
            except (StopIteration, StopAsyncIteration):
                error = None
            except BaseException as raised:  # noqa: BLE001 - raised at the end
                error = raised
        return error


def _has_hook(extension: SchemaExtension, name: str) -> bool:
    return getattr(type(extension), name) is not getattr(SchemaExtension, name)


class ErrorHooksRunner(SchemaExtensionsRunner):
    """Runs the hooks around operations, and those of a stream's result only when the result has errors.

    The extensions of :class:`KubernetesSchema` look at nothing but errors, and the hooks would take a quarter
    of the time of each event.
    """

    def operation(self) -> Any:
        return _OperationHooks(self.extensions)

    def on_stream_result(self, result: Any) -> Any:
        return super().on_stream_result(result) if result.errors else _NO_HOOKS

    async def get_extensions_results(self, ctx: ExecutionContext) -> dict[str, Any]:
        """The extensions that resolvers note for the next result of the operation."""
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

    document: Document | None = None
    """The cached document, of which ``graphql_document`` is a part."""
    _type: OperationType | None = None

    @property
    def operation_type(self) -> OperationType:
        """Raises CannotGetOperationTypeError or RuntimeError when no operation is selected."""
        if self._type is None:
            prepared = self.prepared_operation
            self._type = self._find_type() if prepared is None else prepared.type
        return self._type

    def _find_type(self) -> OperationType:
        if self._provided_operation_name is None and self.graphql_document is not None:
            _expect_one(self.graphql_document)
        return super().operation_type

    @property
    def prepared_operation(self) -> PreparedOperation | None:
        """The selected operation of a valid document; None if graphql-core has to execute it."""
        if self.document is None or self.document.errors:
            return None
        return self.document.operation(self.schema._schema, self._provided_operation_name)


def _expect_one(document: DocumentNode) -> None:
    operations = sum(isinstance(node, OperationDefinitionNode) for node in document.definitions)
    if operations > 1:
        raise OperationNotDetermined("Must provide operation name if query contains multiple operations.")
    if not operations:
        raise OperationNotDetermined("Must provide an operation.")
