"""Response bodies of the API server as GraphQL answers.

A compiled selection decodes the body straight into the answer. Where a selection is not compilable, or the
body does not fit the schema, the body is decoded to plain JSON for graphql-core to execute.
:class:`LargeLists` decodes Lists of many megabytes in slices, so that the event loop stays responsive.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from gateway.concurrency import LoopYielder
from gateway.errors import UpstreamProtocolError
from gateway.informers import ObjectEvent
from schema.resources import GroupVersionKind
from schema.selection import Compiled, LargeSource, ListSelection, Selection, SelectionMismatch, SharedSource

__all__ = [
    "LargeLists",
    "answer_list",
    "answer_object",
    "decode_list",
    "decode_object",
    "event_source",
    "is_large_list",
    "source_of",
]

LARGE_SOURCE_BYTES = 64 << 10
"""From this size on graphql-core executes in a thread: with YAML selected it takes 30 ms."""
LARGE_LIST_BYTES = 4 << 20
"""From this size on a List is decoded in slices; a smaller one takes a few milliseconds."""
SLICE_BYTES = 2 << 20
ITEMS, END = b'"items":[', b"]}"


def decode_object(body: bytes) -> dict[str, Any]:
    """Decode one object. Raises UpstreamProtocolError if the body is not a JSON object."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(f"the API server's answer is not a JSON object: {error}") from error


def decode_list(body: bytes, kind: GroupVersionKind) -> dict[str, Any]:
    """Decode a List; its items get the ``apiVersion`` and ``kind`` that the API server omits."""
    decoded = decode_object(body)
    type_meta = _type_meta(kind)
    decoded["items"] = [{**type_meta, **item} for item in decoded.get("items") or ()]
    return decoded


def answer_list(body: bytes, kind: GroupVersionKind, selection: Selection | None) -> Any:
    """The selection of a List; plain JSON for graphql-core if the selection or the body requires it."""
    if selection is not None:
        with suppress(SelectionMismatch):
            return Compiled(selection.decode(body))

    def decode() -> dict[str, Any]:
        decoded = decode_list(body, kind)
        if selection is not None and selection.only_metadata:
            decoded["items"] = [{**item, **_type_meta(kind)} for item in decoded["items"]]
        return decoded

    return source_of(decode, len(body))


def answer_object(body: bytes, kind: GroupVersionKind, selection: Selection | None) -> Any:
    """The selection of an object; plain JSON for graphql-core if the selection or the body requires it."""
    if selection is not None:
        with suppress(SelectionMismatch):
            return Compiled(selection.decode(body))

    def decode() -> dict[str, Any]:
        decoded = decode_object(body)
        only_metadata = selection is not None and selection.only_metadata
        return {**decoded, **_type_meta(kind)} if only_metadata else decoded

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


def is_large_list(body: bytes) -> bool:
    """Whether :class:`LargeLists` should decode the List."""
    return len(body) >= LARGE_LIST_BYTES


class LargeLists:
    """Decodes large Lists in slices of about ``slice_bytes``, once per body and selection.

    A decode holds the interpreter: 25 ms for 5,000 pods (30 MB). 50 clients that share one LIST would block
    the event loop 50 times in a row. So other tasks run between the slices, and concurrent requests with the
    same body and selection share one answer.

    The end of a slice is a guess, and the decoder verifies it: a slice that ends anywhere but between two
    items of the List has unbalanced brackets or quotes and is not valid JSON.
    """

    def __init__(self, slice_bytes: int = SLICE_BYTES) -> None:
        self._slice_bytes = slice_bytes
        self._in_flight: dict[tuple[int, int], asyncio.Task[Compiled]] = {}

    def __len__(self) -> int:
        """The number of decodes in flight."""
        return len(self._in_flight)

    async def answer(self, body: bytes, selection: ListSelection) -> Compiled:
        """The selection of the List. Raises SelectionMismatch, also for a List that cannot be cut."""
        key = id(body), id(selection)
        task = self._in_flight.get(key)
        if task is None:
            task = asyncio.create_task(self._decode(key, body, selection), name="decode a large List")
            self._in_flight[key] = task
        # one cancelled waiter must not cancel the shared task
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Cancel the decodes in flight and wait until they have ended."""
        tasks = list(self._in_flight.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # a task that is cancelled before its first step leaves its entry
        self._in_flight.clear()

    async def _decode(self, key: tuple[int, int], body: bytes, selection: ListSelection) -> Compiled:
        try:
            return await self._decode_slices(body, selection)
        finally:
            # the entry goes while the body exists, and its id is not used again
            self._in_flight.pop(key, None)

    async def _decode_slices(self, body: bytes, selection: ListSelection) -> Compiled:
        head, slices = _cut(body, self._slice_bytes)
        columns, yielder = [], LoopYielder(1)
        for part in slices:
            columns.append(selection.encode_items(part))
            await yielder.after()
        items = [b",".join(filter(None, column)) for column in zip(*columns, strict=True)]
        return Compiled(selection.encode(head, items))


def _cut(body: bytes, size: int) -> tuple[bytes, Iterator[bytes]]:
    """The List without its items, and Lists of its items. Raises SelectionMismatch for an unusual layout."""
    begin = body.find(ITEMS) + len(ITEMS)
    end = body.rfind(END)
    first_key = body.find(b":", begin, end)
    if begin < len(ITEMS) or first_key < 0 or body[end:].strip() != END:
        raise SelectionMismatch("not a List as API servers write it")
    head = body[:begin] + END
    try:
        msgspec.json.decode(head, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SelectionMismatch(f"not a List as API servers write it: {error}") from error
    return head, _slices(body, (begin, end), b"}," + body[begin:first_key], size)


def _slices(body: bytes, span: tuple[int, int], boundary: bytes, size: int) -> Iterator[bytes]:
    """Lists of the items in the span, cut where the text looks like the beginning of the first item."""
    begin, end = span
    while begin < end:
        found = body.find(boundary, begin + size, end)
        stop = found + 1 if found >= 0 else end
        yield b"{" + ITEMS + body[begin:stop] + END
        begin = stop + 1
