"""Introspection and the SDL of one schema, made in a thread and kept compressed.

GraphiQL starts with an introspection query whose answer has 20 MB with the custom resources of ten operators.
:mod:`schema.introspection` writes it type by type, and the pieces are compressed as they come; graphql-core
executes a selection that it cannot write. Concurrent identical queries share one computation.

A response may hold :class:`IntrospectionAnswer` values; encode it with :func:`encode_response`. A response
that consists of one has a :func:`stored_body`.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import msgspec
from graphql import GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetails

from gateway.compression import StoredBody
from gateway.lru import LRU
from gateway.memory import collection_paused
from schema.building import LazySchema, complete_schema, print_sdl
from schema.introspection import write_introspection
from schema.selection import NotCompilable

__all__ = ["Introspection", "IntrospectionAnswer", "encode_response", "stored_body"]

_CACHED_BODIES = 8
"""Per schema: the SDL, and the answers to GraphiQL and to a few code generators."""
_schemas = ThreadPoolExecutor(1, "introspection")
_types = ThreadPoolExecutor(1, "introspection of a type")
"""One thread each: several would leave the event loop too little of the interpreter. The answer about a type
does not wait for that about a whole schema."""


class IntrospectionAnswer:
    """The value of a root field ``__schema``; ``body`` is the response whose only field it is.

    No dataclass: msgspec would encode its fields.
    """

    def __init__(self, response_name: str, body: StoredBody) -> None:
        self.body = body
        self._head_bytes = len(_head(response_name))

    @property
    def size(self) -> int:
        """The bytes of the value."""
        return self.body.size - self._head_bytes - len(_TAIL)

    def value(self) -> msgspec.Raw:
        """The value as JSON."""
        return msgspec.Raw(memoryview(self.body.plain())[self._head_bytes : -len(_TAIL)])


_TAIL = b"}}"


def _head(response_name: str) -> bytes:
    return b'{"data":{' + msgspec.json.encode(response_name) + b":"


def _response(response_name: str, value: Iterable[bytes]) -> StoredBody:
    return StoredBody(chain((_head(response_name),), value, (_TAIL,)))


def _plain(value: object) -> msgspec.Raw:
    if isinstance(value, IntrospectionAnswer):
        return value.value()
    # as msgspec's documentation has it for a type that the hook does not know
    raise NotImplementedError(f"{type(value).__name__} in a response")


encode_response = msgspec.json.Encoder(enc_hook=_plain).encode
"""Encode a response, or a message with one, as JSON."""


def stored_body(response: Mapping[str, Any]) -> StoredBody | None:
    """The encoded response if it is stored: it has no errors, and introspection is its only field."""
    data = response.get("data")
    if len(response) != 1 or not isinstance(data, dict) or len(data) != 1:
        return None
    (value,) = data.values()
    return value.body if isinstance(value, IntrospectionAnswer) else None


class Introspection:
    """The answers of one schema to ``__schema`` and ``__type``, and its SDL."""

    def __init__(self) -> None:
        self._bodies: LRU[object, asyncio.Future[StoredBody]] = LRU(_CACHED_BODIES)

    async def answer(
        self,
        info: GraphQLResolveInfo[Any],
        details: list[FieldDetails],
        value: Any,
        complete: Callable[[Any], Any],
    ) -> IntrospectionAnswer | msgspec.Raw:
        """The result of a root field ``__schema`` or ``__type``, whose ``value`` is the schema or a type.

        ``complete(value)`` is graphql-core's execution; raises its exceptions. Answers about types are not
        cached.
        """
        if isinstance(value, LazySchema):
            body = await self._shared(
                _cache_key(info), lambda: _schema_response(info, details, value, complete)
            )
            return IntrospectionAnswer(str(info.path.key), body)
        return await asyncio.get_running_loop().run_in_executor(
            _types, _type_answer, info, details, value, complete
        )

    async def sdl(self, schema: LazySchema) -> StoredBody:
        """The SDL, sorted."""
        return await self._shared("SDL", lambda: StoredBody(piece.encode() for piece in print_sdl(schema)))

    async def _shared(self, key: object, compute: Callable[[], StoredBody]) -> StoredBody:
        """The body from the cache, or computed; a failure is not cached.

        One cancelled waiter does not cancel the shared computation.
        """
        shared = self._bodies.get(key)
        if shared is None or _failed(shared):
            shared = asyncio.get_running_loop().run_in_executor(_schemas, compute)
            self._bodies.put(key, shared)
        return shared.result() if shared.done() else await asyncio.shield(shared)


def _failed(shared: asyncio.Future[StoredBody]) -> bool:
    return shared.done() and (shared.cancelled() or shared.exception() is not None)


def _cache_key(info: GraphQLResolveInfo[Any]) -> object:
    """Everything besides the schema that determines an answer."""
    where = info.operation.loc
    source = where.source.body if where else id(info.operation)
    name = info.operation.name
    return source, name and name.value, tuple(info.path.as_list()), repr(info.variable_values)


def _schema_response(
    info: GraphQLResolveInfo[Any],
    details: list[FieldDetails],
    lazy: LazySchema,
    complete: Callable[[Any], Any],
) -> StoredBody:
    name = str(info.path.key)
    with collection_paused(), complete_schema(lazy) as schema:
        try:
            pieces = write_introspection(info._replace(schema=schema), details, schema)
            return _response(name, pieces)
        except NotCompilable:
            return _response(name, (msgspec.json.encode(complete(schema)),))


def _type_answer(
    info: GraphQLResolveInfo[Any], details: list[FieldDetails], type_: Any, complete: Callable[[Any], Any]
) -> msgspec.Raw:
    try:
        return msgspec.Raw(b"".join(write_introspection(info, details, type_)))
    except NotCompilable:
        return msgspec.Raw(msgspec.json.encode(complete(type_)))
