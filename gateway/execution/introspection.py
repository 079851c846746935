"""Introspection of the whole schema, computed in a thread and cached as JSON.

GraphiQL starts with an introspection query, and graphql-core takes seconds for it with many kinds. The cache
holds encoded JSON: the objects behind it take twenty times the memory. Concurrent identical queries share
one computation.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from graphql import GraphQLResolveInfo

from gateway.lru import LRU
from gateway.memory import collection_paused

__all__ = ["Introspection"]

_CACHED_ANSWERS = 2
"""Per schema: one for GraphiQL's query, one for a code generator's."""


class Introspection:
    """The answers of one schema to ``__schema``."""

    def __init__(self) -> None:
        self._answers: LRU[object, asyncio.Task[msgspec.Raw]] = LRU(_CACHED_ANSWERS)

    async def answer(self, info: GraphQLResolveInfo[Any], complete: Callable[[], Any]) -> msgspec.Raw:
        """The result of ``complete`` as JSON: from the cache, or computed in a thread.

        Raises the exceptions of ``complete``; a failure is not cached. One cancelled waiter must not cancel
        the shared computation.
        """
        key = _cache_key(info)
        shared = self._answers.get(key)
        if shared is None or _failed(shared):
            shared = asyncio.create_task(asyncio.to_thread(_encoded, complete))
            self._answers.put(key, shared)
        return shared.result() if shared.done() else await asyncio.shield(shared)


def _failed(task: asyncio.Task[msgspec.Raw]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _cache_key(info: GraphQLResolveInfo[Any]) -> object:
    """Everything besides the schema that determines an answer."""
    where = info.operation.loc
    source = where.source.body if where else id(info.operation)
    name = info.operation.name
    return source, name and name.value, tuple(info.path.as_list()), repr(info.variable_values)


def _encoded(complete: Callable[[], Any]) -> msgspec.Raw:
    """The answer as JSON. Lists are encoded and freed item by item: one large step would stop all threads."""
    with collection_paused():
        answer = complete()
        if not isinstance(answer, dict):
            return msgspec.Raw(msgspec.json.encode(answer))
        members = [msgspec.json.encode(key) + b":" + _encode_value(answer.pop(key)) for key in list(answer)]
        return msgspec.Raw(b"{" + b",".join(members) + b"}")


def _encode_value(value: Any) -> bytes:
    if not isinstance(value, list):
        return msgspec.json.encode(value)
    return b"[" + b",".join(_encode_items(value)) + b"]"


def _encode_items(items: list[Any]) -> Iterator[bytes]:
    """Encode each item in order; empties the list."""
    items.reverse()
    while items:
        yield msgspec.json.encode(items.pop())
