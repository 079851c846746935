"""graphql-core's executor, and one thing more: a compiled value is complete already.

A resolver that has decoded the selection itself (:mod:`schema.selection`) returns it as ``Compiled``.
The executor puts it into the response as it is and looks at nothing inside; everything else is
graphql-core's own execution. A subscription's event that is compiled is a response already, with no
execution at all; one that is not is executed once for all who have the same operation. So the ``data`` of
a response may hold msgspec Structs and ``msgspec.Raw`` below its root fields: ``msgspec.json.encode`` is
what encodes it.
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
from schema.selection.compiled import Compiled, LargeSource, SharedSource

__all__ = ["CompiledExecutor"]

BYTES_PER_BYTE_OF_JSON = 24
"""What JSON takes at most once it is decoded: 72 bytes for each ``{},``. A pod takes 10."""


@dataclass(frozen=True, slots=True)
class CompiledEvent:
    """In place of the executor of one event: the event is its own answer."""

    response_name: str
    payload: Compiled

    def execute_operation(self, serially: bool | None = None) -> ExecutionResult:
        """The response, whose only field is complete."""
        del serially
        return ExecutionResult({self.response_name: self.payload.value}, None)


@dataclass(frozen=True, slots=True)
class SharedEvent:
    """In place of the executor of one event: it runs for the first subscriber, the others get its result.

    ``executor`` is the subscription's. No field of a Kubernetes object is resolved asynchronously.
    """

    executor: "CompiledExecutor"
    source: SharedSource
    sharing: tuple[int, bytes]

    def execute_operation(self, serially: bool | None = None) -> ExecutionResult:
        """The response, encoded already."""
        kept = self.source.get(self.sharing)
        if kept is None:
            event = self.executor.build_per_event_executor(self.source.make())
            result = encoded(cast("ExecutionResult", event.execute_operation(serially)))
            # the operation too: while it is kept, nothing else has its id
            kept = result, self.executor.operation
            self.source.keep(self.sharing, kept, self._size(result))
        shared: ExecutionResult = kept[0]
        return ExecutionResult(shared.data, shared.errors)

    def _size(self, result: ExecutionResult) -> int:
        # the traceback of an error has what was executed on
        source = self.source.size * BYTES_PER_BYTE_OF_JSON if result.errors else 0
        return source + sum(memoryview(each).nbytes for each in (result.data or {}).values())


def encoded(result: ExecutionResult) -> ExecutionResult:
    """The same result, its values encoded already; errors stay as they are, with null where they were."""
    if not result.data:
        return result
    values = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in result.data.items()}
    return ExecutionResult(values, result.errors)


class CompiledExecutor(StrawberryGraphQLCoreExecutionContext):
    """The executor of every operation."""

    @property
    def async_helpers(self) -> GraphQLResolveInfoHelpers:
        """Made when asked for: kept, as graphql-core has it, each operation would stay until a collection."""
        return GraphQLResolveInfoHelpers(gather=self.gather_async_work, track=self.track_async_work)

    @async_helpers.setter
    def async_helpers(self, _: GraphQLResolveInfoHelpers) -> None:
        pass

    @cached_property
    def _only_response_name(self) -> str | None:
        """Of an operation that selects its one root field outright, in no fragment and with no directive."""
        selections = self.operation.selection_set.selections
        if len(selections) != 1 or not isinstance(selections[0], FieldNode) or selections[0].directives:
            return None
        return (selections[0].alias or selections[0].name).value

    @cached_property
    def _sharing(self) -> tuple[int, bytes]:
        """Equal where operations give equal results for the same event: no field asks who the caller is."""
        return id(self.operation), msgspec.json.encode(self.variable_values.coerced, enc_hook=repr)

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        """As graphql-core's; a compiled event needs none of it, which halves the cost of an event."""
        if type(payload) is Compiled and self._only_response_name is not None:
            return CompiledEvent(self._only_response_name, payload)  # type: ignore[return-value]  # duck
        if type(payload) is SharedSource:
            return SharedEvent(self, payload, self._sharing)  # type: ignore[return-value]  # duck
        return super().build_per_event_executor(payload)

    @property
    def introspection(self) -> Introspection | None:
        """Who answers ``__schema``, a field of the query root; None for a schema that is not ours."""
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
        """A Compiled value as it is, whatever the type; graphql-core completes others, large ones aside."""
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
