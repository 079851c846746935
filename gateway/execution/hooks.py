"""Strawberry's runner of extension hooks, with nothing to run where there is nothing to do."""

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.types import ExecutionContext

__all__ = ["Hooks"]

NOTHING: AbstractAsyncContextManager[None] = nullcontext()


class Hooks(SchemaExtensionsRunner):
    """For :class:`KubernetesSchema`, whose extensions look at errors alone.

    A subscription runs these for every event: a quarter of its cost, for results without errors.
    """

    def on_stream_result(self, result: Any) -> Any:
        """The hooks of a result that has errors."""
        return super().on_stream_result(result) if result.errors else NOTHING

    async def get_extensions_results(self, ctx: ExecutionContext) -> dict[str, Any]:
        """None of the extensions adds to a response."""
        del ctx
        return {}
