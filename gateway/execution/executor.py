"""graphql-core's executor, extended for values that are complete already.

- A resolver that decodes the selection itself (:mod:`schema.selection`) returns a ``Compiled``; the executor
  puts its value into the response unchanged. graphql-core executes everything else.
- A compiled event of a subscription is its own response, without execution. Another event is executed once
  for all subscribers with the same operation.

Therefore the ``data`` of a response may hold msgspec Structs and ``msgspec.Raw`` below its root fields;
encode it with ``msgspec.json.encode``.
"""

import asyncio
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import msgspec
from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path
from graphql.type.definition import GraphQLResolveInfoHelpers
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution.introspection import Introspection
from schema.selection import Compiled, LargeSource, SharedSource

__all__ = ["CompiledExecutor"]

_DECODED_BYTES_PER_JSON_BYTE = 24
"""Upper bound for decoded JSON: 72 bytes of memory for each ``{},``. A pod takes 10 per byte."""


@dataclass(frozen=True, slots=True)
class _CompiledEvent:
    """Replaces the executor of one event; the event is its own response."""

    response_name: str
    payload: Compiled

    def execute_operation(self, serially: bool | None = None) -> ExecutionResult:
        """The response, with one complete field."""
        del serially
        return ExecutionResult({self.response_name: self.payload.value}, None)


@dataclass(frozen=True, slots=True)
class _SharedEvent:
    """Replaces the executor of one event: executes for the first subscriber and caches the result for others.

    ``executor`` is the subscription's executor. Fields of Kubernetes objects have no asynchronous resolvers,
    so the result is never an awaitable.
    """

    executor: "CompiledExecutor"
    source: SharedSource
    sharing: tuple[int, bytes]

    def execute_operation(self, serially: bool | None = None) -> ExecutionResult:
        """The response; its fields are encoded already."""
        cached = self.source.get(self.sharing)
        if cached is None:
            event = self.executor.build_per_event_executor(self.source.make())
            result = _encoded(cast("ExecutionResult", event.execute_operation(serially)))
            # the entry holds the operation, so that no other operation gets its id meanwhile
            cached = result, self.executor.operation
            self.source.keep(self.sharing, cached, self._size(result))
        shared: ExecutionResult = cached[0]
        return ExecutionResult(shared.data, shared.errors)

    def _size(self, result: ExecutionResult) -> int:
        # an error's traceback holds the decoded source
        source = self.source.size * _DECODED_BYTES_PER_JSON_BYTE if result.errors else 0
        return source + sum(memoryview(value).nbytes for value in (result.data or {}).values())


def _encoded(result: ExecutionResult) -> ExecutionResult:
    """A result with the same errors whose values are encoded JSON."""
    if not result.data:
        return result
    values = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in result.data.items()}
    return ExecutionResult(values, result.errors)


class CompiledExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes every operation."""

    @property
    def async_helpers(self) -> GraphQLResolveInfoHelpers:
        """Created on each access: cached, as in graphql-core, the helpers form a cycle with the executor."""
        return GraphQLResolveInfoHelpers(gather=self.gather_async_work, track=self.track_async_work)

    @async_helpers.setter
    def async_helpers(self, _: GraphQLResolveInfoHelpers) -> None:
        pass

    @cached_property
    def _only_response_name(self) -> str | None:
        """The response name of an operation's only root field, unless in a fragment or with a directive."""
        selections = self.operation.selection_set.selections
        if len(selections) != 1 or not isinstance(selections[0], FieldNode) or selections[0].directives:
            return None
        return (selections[0].alias or selections[0].name).value

    @cached_property
    def _sharing(self) -> tuple[int, bytes]:
        """Equal for operations with equal results for an event; no field's result depends on the caller."""
        return id(self.operation), msgspec.json.encode(self.variable_values.coerced, enc_hook=repr)

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        """graphql-core's executor; for a compiled event a replacement at half the cost."""
        if type(payload) is Compiled and self._only_response_name is not None:
            return _CompiledEvent(self._only_response_name, payload)  # type: ignore[return-value]  # duck
        if type(payload) is SharedSource:
            return _SharedEvent(self, payload, self._sharing)  # type: ignore[return-value]  # duck
        return super().build_per_event_executor(payload)

    @property
    def introspection(self) -> Introspection | None:
        """The cached introspection of the schema; None for a schema of another origin (tests)."""
        return self.schema.extensions.get("introspection")

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Return a Compiled value unchanged; complete a LargeSource and introspection in a thread."""
        if type(result) is Compiled:
            return result.value
        if type(result) is LargeSource:
            complete = super().complete_value
            return asyncio.to_thread(
                lambda: complete(return_type, field_details_list, info, path, result.make(), position_context)
            )
        if type(result) is GraphQLSchema and isinstance(return_type, GraphQLNonNull) and self.introspection:
            complete = super().complete_value
            return self.introspection.answer(
                info,
                lambda: complete(return_type, field_details_list, info, path, result, position_context),
            )
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)
