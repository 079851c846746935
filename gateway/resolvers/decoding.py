"""Response bodies of the API server as GraphQL answers.

A compiled selection decodes the body straight into the answer. Where a selection is not compilable, or the
body does not fit the schema, the body is decoded to plain JSON for graphql-core to execute; the items of a
List are decoded one at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from gateway.errors import UpstreamProtocolError
from gateway.informers import ObjectEvent
from schema.building import DecodedObject
from schema.resources import GroupVersionKind
from schema.selection import Compiled, LargeSource, Selection, SelectionMismatch, SharedSource

__all__ = [
    "Items",
    "answer_list",
    "answer_object",
    "decode_object",
    "event_source",
    "raw_items",
    "source_of",
]

LARGE_SOURCE_BYTES = 64 << 10
"""From this size on graphql-core executes in a thread: with YAML selected it takes 30 ms."""


class Items(Iterable[DecodedObject]):
    """The objects of a List, each decoded when graphql-core comes to it, and freed afterwards.

    5,000 pods take 300 MB as Python objects, and their decoding in one step holds the interpreter for up to a
    second. Each object gets the ``apiVersion`` and ``kind`` that the API server omits in Lists; with
    ``replace`` they take precedence over its own (PartialObjectMetadata).
    """

    def __init__(
        self, objects: Iterable[bytes | msgspec.Raw], kind: GroupVersionKind, *, replace: bool = False
    ) -> None:
        self._objects = objects
        self._type_meta = _type_meta(kind)
        self._replace = replace

    def __iter__(self) -> Iterator[DecodedObject]:
        """Decode the objects. Raises UpstreamProtocolError."""
        last = self._type_meta if self._replace else {}
        for body in self._objects:
            yield DecodedObject({**self._type_meta, **decode_object(body), **last})


class _List(msgspec.Struct):
    items: list[msgspec.Raw] | None = None


def decode_object(body: bytes | msgspec.Raw) -> DecodedObject:
    """Decode one object. Raises UpstreamProtocolError if the body is not a JSON object."""
    return DecodedObject(_decode(body, dict[str, Any]))


def raw_items(body: bytes) -> list[msgspec.Raw]:
    """The objects of a List, still encoded. Raises UpstreamProtocolError."""
    items: list[msgspec.Raw] | None = _decode(body, _List).items
    return items or []


def _decode(body: bytes | msgspec.Raw, type_: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(f"the API server's answer is not a JSON object: {error}") from error


def answer_list(body: bytes, kind: GroupVersionKind, selection: Selection | None) -> Any:
    """The selection of a List; plain JSON for graphql-core if the selection or the body requires it."""
    if selection is not None:
        with suppress(SelectionMismatch):
            return Compiled(selection.decode(body), selection.width * len(body))
    only_metadata = selection is not None and selection.only_metadata

    def decode() -> dict[str, Any]:
        envelope = {
            key: msgspec.json.decode(value)
            for key, value in _decode(body, dict[str, msgspec.Raw]).items()
            if key != "items"
        }
        return {**envelope, "items": Items(raw_items(body), kind, replace=only_metadata)}

    return source_of(decode, len(body))


def answer_object(body: bytes, kind: GroupVersionKind, selection: Selection | None) -> Any:
    """The selection of an object; plain JSON for graphql-core if the selection or the body requires it."""
    if selection is not None:
        with suppress(SelectionMismatch):
            return Compiled(selection.decode(body), selection.width * len(body))

    def decode() -> dict[str, Any]:
        decoded = decode_object(body)
        only_metadata = selection is not None and selection.only_metadata
        return DecodedObject({**decoded, **_type_meta(kind)}) if only_metadata else decoded

    return source_of(decode, len(body))


def source_of(decode: Callable[[], dict[str, Any]], size: int) -> Any:
    """A value for graphql-core to execute, decoded from ``size`` bytes of JSON."""
    return LargeSource(decode) if size >= LARGE_SOURCE_BYTES else decode()


def event_source(event: ObjectEvent) -> SharedSource:
    """A watch event for graphql-core to execute; each operation decodes it anew.

    The source keeps the object's bytes alive and not the event: caches drop it when the event is released.
    """
    decode = partial(_decode_event, event.type.value, event.object, event.resource_version)
    return SharedSource(decode, len(event.object or b""))


def _decode_event(type_: str, body: bytes | None, resource_version: str) -> Mapping[str, Any]:
    decoded = None if body is None else decode_object(body)
    return {"type": type_, "object": decoded, "resourceVersion": resource_version}


def _type_meta(kind: GroupVersionKind) -> dict[str, str]:
    return {"apiVersion": kind.api_version, "kind": kind.kind}
