"""Introspection of the whole schema: beside the event loop, once for everybody who asks the same.

GraphiQL begins with it, and graphql-core takes seconds for it where there are many kinds. The answer is
kept as JSON: the objects that it is made of take twenty times the memory.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from graphql import GraphQLResolveInfo

from gateway.execution.collection import without_collection

__all__ = ["Introspection"]

KEPT = 2
"""Answers of one schema; clients ask GraphiQL's question, or their own code generator's."""


class Introspection:
    """The answers of one schema to ``__schema``."""

    def __init__(self) -> None:
        self._answers: dict[object, asyncio.Task[msgspec.Raw]] = {}

    async def answer(self, info: GraphQLResolveInfo[Any], complete: Callable[[], Any]) -> msgspec.Raw:
        """What ``complete`` answers, which is run in a thread unless the same was asked before.

        Raises what it raises. Whoever stops waiting stops nobody else.
        """
        key = question(info)
        running = self._answers.get(key)
        if running is not None and running.done() and not running.cancelled() and not running.exception():
            return running.result()
        if running is None or running.done():
            running = asyncio.create_task(asyncio.to_thread(encoded, complete))
            self._answers.pop(key, None)
            self._answers[key] = running
            while len(self._answers) > KEPT:
                del self._answers[next(iter(self._answers))]
        return await asyncio.shield(running)


def question(info: GraphQLResolveInfo[Any]) -> object:
    """All that an answer depends on, besides the schema."""
    where = info.operation.loc
    source = where.source.body if where else id(info.operation)
    name = info.operation.name
    return source, name and name.value, tuple(info.path.as_list()), repr(info.variable_values)


def encoded(complete: Callable[[], Any]) -> msgspec.Raw:
    """The answer as JSON, its lists piece by piece: encoding and freeing all at once stops all threads."""
    with without_collection():
        answer = complete()
        if not isinstance(answer, dict):
            return msgspec.Raw(msgspec.json.encode(answer))
        members = [msgspec.json.encode(key) + b":" + encode_value(answer.pop(key)) for key in list(answer)]
        return msgspec.Raw(b"{" + b",".join(members) + b"}")


def encode_value(value: Any) -> bytes:
    if not isinstance(value, list):
        return msgspec.json.encode(value)
    return b"[" + b",".join(encode_items(value)) + b"]"


def encode_items(items: list[Any]) -> Iterator[bytes]:
    """Each in turn; the list is empty in the end."""
    items.reverse()
    while items:
        yield msgspec.json.encode(items.pop())
