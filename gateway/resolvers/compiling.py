"""Compilation of a field's selection set, beside the event loop for large ones."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from gateway.memory import collection_paused
from gateway.resolvers.context import Info
from schema.resources import GroupVersionKind
from schema.selection import count_fields

__all__ = ["compiled"]

_WIDE_FIELDS = 300
"""Compiling as many fields takes some milliseconds."""
_NARROW_CHARACTERS = 1000
"""Shorter documents without fragments have fewer fields; most are."""
_threads = ThreadPoolExecutor(1, "selections")

Selection = TypeVar("Selection")


async def compiled(
    info: Info, kind: GroupVersionKind, compile_selection: Callable[[Info, GroupVersionKind], Selection]
) -> Selection:
    """The result of ``compile_selection`` for the field that is being resolved."""
    if _is_wide(info):
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_threads, _compile, info, kind, compile_selection)
    async with info.context.shared.turns:
        return compile_selection(info, kind)


def _compile(
    info: Info, kind: GroupVersionKind, compile_selection: Callable[[Info, GroupVersionKind], Selection]
) -> Selection:
    # a collection visits the thousands of new types, and stops all threads
    with collection_paused():
        return compile_selection(info, kind)


def _is_wide(info: Info) -> bool:
    location = info.operation.loc
    if not info.fragments and location and location.end - location.start < _NARROW_CHARACTERS:
        return False
    return count_fields((node.selection_set for node in info.field_nodes), info.fragments) > _WIDE_FIELDS
