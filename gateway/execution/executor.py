"""graphql-core's executor, extended for values that are complete already.

- A resolver that decodes the selection itself (:mod:`schema.selection`) returns a ``Compiled``; the executor
  puts its value into the response unchanged. graphql-core executes everything else.
- Identical root fields of a query (500 aliases of one list) are executed once, and few root fields of an
  operation are in progress at once. Root fields of queries and mutations are encoded as soon as they are
  complete, the items of a List one by one, and count against the operation's limits.
- :mod:`gateway.execution.typed_values` has the errors of values that do not fit their types,
  :mod:`gateway.execution.events` the execution of a subscription's events.

Therefore the ``data`` of a response may hold msgspec Structs, ``msgspec.Raw`` and IntrospectionAnswers;
encode it with :func:`gateway.execution.introspection.encode_response`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from inspect import isawaitable
from typing import Any

import msgspec
from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    OperationType,
    located_error,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetails, FieldDetailsList, GroupedFieldSet
from graphql.pyutils import Path
from graphql.type.definition import GraphQLResolveInfoHelpers

from gateway.errors import QueryTooComplex, UnexpectedValue
from gateway.execution.events import CompiledEvent, SharedEvent
from gateway.execution.input_values import Unusual, fitting_arguments
from gateway.execution.introspection import Introspection, IntrospectionAnswer
from gateway.execution.root_fields import (
    count_requests,
    find_leaders,
    response_name,
    root_of_item,
    shared_slots,
)
from gateway.execution.typed_values import TypedExecutor
from gateway.resolvers.limits import Budget, SharedSlot
from schema.selection import (
    Compiled,
    LargeSource,
    SharedSource,
    WithErrors,
    count_fields,
    exceeds,
    selects_relations,
)

__all__ = ["CompiledExecutor"]

PathErrors = Sequence[tuple[tuple[str | int, ...], Exception]]

_ERROR_BYTES = 200
"""The size of an error in a response, about."""
_WIDE_FIELDS = 300
"""graphql-core takes some milliseconds for as many fields."""
_INTROSPECTION_FIELDS = ("__schema", "__type")
_threads = ThreadPoolExecutor(2, "execution")
"""Few threads: many would leave the event loop too little of the interpreter."""


class CompiledExecutor(TypedExecutor):
    """Executes every operation."""

    def __init__(self, *args: Any, constants: dict[int, Any] | None = None, **others: Any) -> None:
        """``constants`` are the constants of a PreparedOperation."""
        super().__init__(*args, **others)
        self.constants = {} if constants is None else constants

    @property
    def async_helpers(self) -> GraphQLResolveInfoHelpers:
        """Created on each access: cached, as in graphql-core, the helpers form a cycle with the executor."""
        return GraphQLResolveInfoHelpers(gather=self.gather_async_work, track=self.track_async_work)

    @async_helpers.setter
    def async_helpers(self, _: GraphQLResolveInfoHelpers) -> None:
        pass

    @cached_property
    def _only_field(self) -> FieldNode | None:
        """The only root field of an operation, unless in a fragment or with a directive."""
        selections = self.operation.selection_set.selections
        only = selections[0] if len(selections) == 1 else None
        return only if isinstance(only, FieldNode) and not only.directives else None

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Execute the operation; a query or mutation with one root field without graphql-core's detours."""
        only = self._only_field
        if only is None or self._budget is None or only.name.value == "__typename":
            return super().execute_operation(serially)
        return self._execute_only(only)

    async def _execute_only(self, node: FieldNode) -> Any:
        parent_type = self.schema.get_root_type(self.operation.operation)
        if parent_type is None:
            return await _awaited(super().execute_operation())
        name = response_name(node)
        details = [FieldDetails(node, None, None)]
        path = Path(None, name, parent_type.name)
        try:
            value = await self._execute_root_field(parent_type, self.root_value, details, path, None)
        except GraphQLError as error:
            # a field of a non-null type
            self.collected_errors.add(error, None)
            return self.build_response(None)
        return self.build_response({name: value})

    @cached_property
    def _sharing(self) -> tuple[int, bytes]:
        """Equal for operations with equal results for an event; no field's result depends on the caller."""
        return id(self.operation), msgspec.json.encode(self.variable_values.coerced, enc_hook=repr)

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        """graphql-core's executor; for a compiled event a replacement at half the cost."""
        if type(payload) is Compiled and self._only_field is not None:
            return CompiledEvent(response_name(self._only_field), payload)  # type: ignore[return-value]  # duck
        if type(payload) is SharedSource:
            return SharedEvent(self, payload, self._sharing)  # type: ignore[return-value]  # duck
        return super().build_per_event_executor(payload)

    def execute_root_grouped_field_set(
        self,
        root_type: GraphQLObjectType,
        root_value: Any,
        grouped_field_set: GroupedFieldSet,
        serially: bool,
        position_context: Any,
    ) -> Any:
        """Execute identical fields of a query once; refuse a query or mutation over the limit of requests.

        Raises GraphQLError before any field is resolved.
        """
        budget = self._budget
        if budget is None:
            return super().execute_root_grouped_field_set(
                root_type, root_value, grouped_field_set, serially, position_context
            )
        leaders = {} if serially else find_leaders(grouped_field_set)
        fields = {name: details for name, details in grouped_field_set.items() if name not in leaders}
        if not serially:
            self._width = len(fields)
            self._slots = shared_slots(fields, budget.field_slots)
        if len(fields) > budget.limits.max_upstream_requests:
            try:
                budget.limits.expect_requests(count_requests(fields, serially))
            except QueryTooComplex as error:
                raise _request_error(error) from error

        def execute(some: GroupedFieldSet) -> Any:
            return super(CompiledExecutor, self).execute_root_grouped_field_set(
                root_type, root_value, some, serially, position_context
            )

        return self._follow(execute, fields, leaders, grouped_field_set) if leaders else execute(fields)

    def execute_fields_serially(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> Any:
        """Execute fields one after another; the order of a single one needs no chain of coroutines."""
        serially = len(grouped_field_set) > 1
        execute = super().execute_fields_serially if serially else super().execute_fields
        return execute(parent_type, source_value, path, grouped_field_set, position_context)

    async def _follow(
        self,
        execute: Callable[[GroupedFieldSet], Any],
        fields: GroupedFieldSet,
        leaders: Mapping[str, str],
        grouped_field_set: GroupedFieldSet,
    ) -> dict[str, Any]:
        """Execute the fields, then give the followers their leaders' values.

        The follower of a field with an error is executed by itself: its errors have another path.
        """
        results = await _awaited(execute(fields))
        failed = {error.path[0] for error in self.collected_errors.errors if error.path}
        again = {name: grouped_field_set[name] for name, leader in leaders.items() if leader in failed}
        if again:
            results |= await _awaited(execute(again))
        for name, leader in leaders.items():
            if name in again:
                continue
            results[name] = results[leader]
            self.context_value.copy_extensions(leader, name)
            try:
                self._count_bytes(results[leader])
            except QueryTooComplex as error:
                raise _request_error(error) from error
        return {name: results[name] for name in grouped_field_set if name in results}

    @cached_property
    def _budget(self) -> Budget | None:
        """The limits of a query or mutation; None for a subscription and for other contexts (tests)."""
        if self.operation.operation is OperationType.SUBSCRIPTION:
            return None
        return getattr(self.context_value, "budget", None)

    def _count_bytes(self, value: Any) -> None:
        if self._budget is None:
            return
        if type(value) is msgspec.Raw:
            self._budget.expect_response(memoryview(value).nbytes)
        elif type(value) is IntrospectionAnswer:
            self._budget.expect_response(value.size)

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> Any:
        """Execute a field; a root field with a budget waits for its turn."""
        if (
            path.prev is not None
            or self._budget is None
            or field_details_list[0].node.name.value == "__typename"
        ):
            return super().execute_field(parent_type, source, field_details_list, path, position_context)
        return self._in_turn(self._budget, parent_type, source, field_details_list, path, position_context)

    async def _in_turn(
        self,
        budget: Budget,
        parent_type: GraphQLObjectType,
        source: Any,
        details: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> Any:
        async with self._slots.get(str(path.key), budget.field_slots):
            if budget.exceeded:
                # the response is the error alone: see build_response
                return None
            return await self._execute_root_field(parent_type, source, details, path, position_context)

    async def _execute_root_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        details: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> Any:
        """As graphql-core's ``execute_field``, which needs four coroutines for it."""
        field = self.schema.get_field(parent_type, details[0].node.name.value)
        arguments = self._fitting_arguments(field, details[0])
        if field is None or arguments is None:
            execute = super().execute_field
            return await _awaited(execute(parent_type, source, details, path, position_context))
        info = self.build_resolve_info(field, [item.node for item in details], parent_type, path)
        try:
            resolved = await _awaited((field.resolve or self.field_resolver)(source, info, **arguments))
            return await _awaited(
                self.complete_value(field.type, details, info, path, resolved, position_context)
            )
        except Exception as error:  # noqa: BLE001 - the outer edge of resolvers
            self.handle_field_error(error, field.type, details, path)
            return None

    def _fitting_arguments(self, field: GraphQLField | None, details: FieldDetails) -> dict[str, Any] | None:
        """The arguments of a field; None if graphql-core has to coerce them."""
        if field is None or self.middleware_manager or details.fragment_variable_values is not None:
            return None
        try:
            return fitting_arguments(field, details.node, self.variable_values, self.constants)
        except Unusual:
            return None

    _width = 1
    """The number of root fields that are executed."""

    @cached_property
    def _slots(self) -> Mapping[str, SharedSlot]:
        """By response name: the slot of the root fields with the same request, which share one response."""
        return {}

    @cached_property
    def _item_bytes(self) -> dict[str, int]:
        """The bytes of the encoded items by root field, until the root field itself counts."""
        return {}

    def _finished(self, completed: Any, path: Path) -> Any:
        """The value; a root field with a budget is encoded, and counts against the limit of the response."""
        if path.prev is not None or self._budget is None:
            return completed
        raw = self._encode(completed, self._budget)
        self._budget.add_bytes(-self._item_bytes.pop(str(path.key), 0))
        self._count_bytes(raw)
        return raw

    def _encode(self, completed: Any, budget: Budget) -> msgspec.Raw:
        """The value as JSON. Raises QueryTooComplex for one that is certainly over the limit."""
        if type(completed) is msgspec.Raw:
            return completed
        if exceeds(completed, budget.remaining_bytes):
            raise budget.exceed()
        return msgspec.Raw(msgspec.json.encode(completed))

    def complete_list_item_value(
        self,
        item: Any,
        complete_results: list[Any],
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        item_path: Path,
        position_context: Any,
    ) -> bool:
        """Complete an item; an object of a List is encoded at once and counts against the limit."""
        budget = self._budget
        if budget is not None:
            budget.expect_more()
        is_awaitable = super().complete_list_item_value(
            item, complete_results, item_type, field_details_list, info, item_path, position_context
        )
        root = root_of_item(item_path)
        if budget is not None and root is not None and isinstance(complete_results[-1], dict):
            try:
                raw = complete_results[-1] = self._encode(complete_results[-1], budget)
                size = memoryview(raw).nbytes
                self._item_bytes[root] = self._item_bytes.get(root, 0) + size
                budget.expect_response(size)
            except QueryTooComplex:
                # the frames of the traceback are in cycles: they live until the next collection
                complete_results.clear()
                raise
        return is_awaitable

    def handle_field_error(
        self,
        raw_error: Exception,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        path: Path,
    ) -> None:
        """Collect the error, which counts against the limit of the response."""
        cause = raw_error.original_error if isinstance(raw_error, GraphQLError) else raw_error
        if isinstance(cause, UnexpectedValue):
            # the frames of the traceback keep the decoded object alive
            cause.__traceback__ = raw_error.__traceback__ = None
        if self._budget is not None:
            self._budget.add_bytes(_ERROR_BYTES)
        super().handle_field_error(raw_error, return_type, field_details_list, path)

    def build_response(self, data: dict[str, Any] | None) -> Any:
        """The response; nothing but the error when it exceeds the limit of its size."""
        if self._budget is not None and (error := self._budget.exceeded) is not None:
            self.run_async_work_finished_hook()
            # the tracebacks keep the parts of the response alive
            self.collected_errors.errors.clear()
            error.__traceback__ = None
            return ExecutionResult(None, [_request_error(error)])
        return super().build_response(data)

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
            self._collect(result.errors, field_details_list, path)
            return self._finished_compiled(result, path)
        if type(result) is WithErrors:
            self._collect([((), error) for error in result.errors], field_details_list, path)
            result = result.value
        if type(result) is LargeSource and selects_relations(info):
            result = result.make()
        # graphql-core completes a non-null value again with the type inside: in the same thread
        is_first = return_type is info.return_type
        is_wide = is_first and self._is_wide(field_details_list, path, result)
        if type(result) is LargeSource or (is_wide and not selects_relations(info)):
            return asyncio.get_running_loop().run_in_executor(
                _threads,
                lambda: self._finished(
                    self.complete_typed(
                        return_type,
                        field_details_list,
                        info,
                        path,
                        result.make() if type(result) is LargeSource else result,
                        position_context,
                    ),
                    path,
                ),
            )
        # graphql-core completes a non-null value by a second call, with another type
        is_whole = path.prev is None and return_type is info.return_type
        if is_whole and result is not None and info.field_name in _INTROSPECTION_FIELDS:
            introspection: Introspection | None = self.schema.extensions.get("introspection")
            # None in a schema of another origin (tests)
            if introspection is not None:
                complete = partial(super().complete_value, return_type, field_details_list, info, path)
                return self._counted(
                    introspection.answer(
                        info, field_details_list, result, lambda value: complete(value, position_context)
                    )
                )
        completed = self.complete_typed(return_type, field_details_list, info, path, result, position_context)
        if path.prev is None and isinstance(completed, (dict, list)):
            return self._finished(completed, path)
        # an awaitable root field has relations
        is_counted = path.prev is None and is_first and self._budget is not None and isawaitable(completed)
        return self._finished_later(completed, path) if is_counted else completed

    async def _finished_later(self, completed: Awaitable[Any], path: Path) -> Any:
        value = await completed
        return self._finished(value, path) if isinstance(value, (dict, list)) else value

    def _collect(self, errors: PathErrors, field_details_list: FieldDetailsList, path: Path) -> None:
        """Report errors beside the value of a field, at their paths from it."""
        nodes = [details.node for details in field_details_list] if errors else []
        for below, error in errors:
            if self._budget is not None:
                self._budget.add_bytes(_ERROR_BYTES)
            # not "add": the value stands, and errors below it are reported, too
            self.collected_errors.errors.append(located_error(error, nodes, [*path.as_list(), *below]))

    async def _counted(self, answer: Awaitable[IntrospectionAnswer | msgspec.Raw]) -> Any:
        value = await answer
        self._count_bytes(value)
        return value

    def _finished_compiled(self, compiled: Compiled, path: Path) -> Any:
        if self._budget is not None and path.prev is None and compiled.bound <= self._budget.remaining_bytes:
            return self._finished(msgspec.Raw(msgspec.json.encode(compiled.value)), path)
        return self._finished(compiled.value, path)

    def _is_wide(self, field_details_list: FieldDetailsList, path: Path, result: Any) -> bool:
        """Whether so many fields are selected of a root field's value that graphql-core blocks the loop."""
        if path.prev is not None or self._budget is None or not isinstance(result, dict | list):
            return False
        selection_sets = (details.node.selection_set for details in field_details_list)
        size = len(result) if isinstance(result, list) else 1
        fields = count_fields(selection_sets, self.fragment_definitions)
        return size * fields * self._width > _WIDE_FIELDS


def _request_error(error: QueryTooComplex) -> GraphQLError:
    return GraphQLError(error.message, original_error=error)


async def _awaited(result: Any) -> Any:
    return await result if isawaitable(result) else result
