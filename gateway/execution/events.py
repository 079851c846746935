"""Execution of one event of a subscription, in place of graphql-core's executor of a whole operation.

A compiled event is its own response. Another event is executed once for all subscribers with the same
operation.
"""

from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from graphql import ExecutionResult, located_error
from graphql.execution import Executor

from schema.selection import Compiled, SharedSource

__all__ = ["CompiledEvent", "SharedEvent"]

_DECODED_BYTES_PER_JSON_BYTE = 24
"""Upper bound for decoded JSON: 72 bytes of memory for each ``{},``. A pod takes 10 per byte."""


@dataclass(frozen=True, slots=True)
class CompiledEvent:
    """Replaces the executor of one event; the event is its own response."""

    response_name: str
    payload: Compiled

    def execute_operation(self, serially: bool | None = None) -> ExecutionResult:
        """The response, with one complete field."""
        del serially
        errors = [
            located_error(error, None, [self.response_name, *path]) for path, error in self.payload.errors
        ]
        return ExecutionResult({self.response_name: self.payload.value}, errors or None)


@dataclass(frozen=True, slots=True)
class SharedEvent:
    """Replaces the executor of one event: executes for the first subscriber and caches the result for others.

    ``executor`` is the subscription's executor. Fields of Kubernetes objects have no asynchronous resolvers,
    so the result is never an awaitable.
    """

    executor: Executor[Any]
    source: SharedSource
    sharing: tuple[int, bytes] = field(repr=False)

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
