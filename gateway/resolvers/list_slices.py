"""A List cut into smaller Lists of its items, which are decoded one at a time.

A decode holds the interpreter: 50 ms for 5,000 pods (30 MB). The end of a slice is a guess, the text with
which the first item begins, and the decoder verifies it: a slice that ends anywhere but between two items of
the List has unbalanced brackets and is not valid JSON. It is then extended to the next place with that text.

API servers write the items of built-in kinds last, and ``kind`` and ``metadata`` after the items of custom
resources.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar

import msgspec

from gateway.errors import UpstreamProtocolError
from gateway.kube.received import decode
from gateway.resolvers.decoding import raw_items
from schema.selection import SelectionMismatch

__all__ = [
    "SLICE_BYTES",
    "ListSlices",
    "cut",
    "cut_if_large",
    "head_of",
    "is_large_list",
    "items_of",
    "slice_size",
]

SLICE_BYTES = 2 << 20
_LARGE_LIST_BYTES = 4 << 20
"""From this size on a List is decoded in slices; a smaller one takes a few milliseconds."""
_SMALLEST_SLICE_BYTES = 16 << 10
_NARROW = 32
"""Leaves of an object. A selection with more of them takes proportionally longer per byte."""
_MAX_GUESSES = 8
"""The most candidates for the end of one slice: a list inside an item may have items that begin alike."""
_ITEMS, _END, _LAST_ITEM = b'"items":[', b"]}", b"}]"

T = TypeVar("T")


def is_large_list(body: bytes, width: int = _NARROW) -> bool:
    """Whether the List is to be cut; ``width`` is the number of leaves of the selection."""
    return len(body) * max(width, _NARROW) >= _LARGE_LIST_BYTES * _NARROW


def slice_size(width: int, most: int = SLICE_BYTES) -> int:
    """The bytes of a slice for a selection of ``width`` leaves."""
    return min(max(most * _NARROW // max(width, _NARROW), _SMALLEST_SLICE_BYTES), most)


@dataclass(frozen=True, slots=True, eq=False)
class ListSlices:
    """A List: its fields without the items as a List without items, and its items from ``begin`` to ``end``.

    ``boundary`` is the end of an item and the beginning of the next one; None for a List that is not cut.
    """

    body: bytes = field(repr=False)
    head: bytes = field(repr=False)
    begin: int
    end: int
    boundary: bytes | None = field(repr=False)
    size: int

    def map(self, decode_slice: Callable[[bytes], T]) -> Iterator[T]:
        """The result of ``decode_slice`` for each slice, in order. Raises its errors for a whole slice."""
        if self.boundary is None:
            yield decode_slice(self.body)
            return
        begin = self.begin
        while begin < self.end:
            begin, decoded = self._decode(begin, decode_slice)
            yield decoded
            # a slice is not kept while other tasks run
            del decoded

    def _decode(self, begin: int, decode_slice: Callable[[bytes], T]) -> tuple[int, T]:
        """The beginning of the next slice, and this one decoded."""
        for stop in self._ends(begin):
            part = b"{" + _ITEMS + self.body[begin:stop] + _END
            try:
                return stop + 1, decode_slice(part)
            except (SelectionMismatch, UpstreamProtocolError):
                if stop == self.end or _is_list(part):
                    raise
        raise AssertionError("the end of the items is an end of the last slice")

    def _ends(self, begin: int) -> Iterator[int]:
        stop = begin + self.size
        for _ in range(_MAX_GUESSES):
            found = self.body.find(self.boundary or b"", stop, self.end)
            if found < 0:
                break
            stop = found + 1
            yield stop
        yield self.end


def cut(body: bytes, size: int) -> ListSlices:
    """The slices of a List, of ``size`` bytes or more. Raises SelectionMismatch for an unusual layout."""
    begin = body.find(_ITEMS) + len(_ITEMS)
    end = body.rfind(_LAST_ITEM, begin) + 1
    first_key = body.find(b":", begin, end)
    head, boundary = body[:begin] + body[end:], b"}," + body[begin:first_key]
    if (
        begin < len(_ITEMS)
        or first_key < 0
        or not _decodes(head, _WithItems)
        or not _ends_items(body, begin, end, boundary)
    ):
        raise SelectionMismatch("not a List as API servers write it")
    return ListSlices(body, head, begin, end, boundary, size)


def cut_if_large(body: bytes, width: int = _NARROW, most: int = SLICE_BYTES) -> ListSlices:
    """The slices of a List; one slice for a small one, and for one of unusual layout."""
    if is_large_list(body, width):
        try:
            return cut(body, slice_size(width, most))
        except SelectionMismatch:
            pass
    return ListSlices(body, body, 0, len(body), None, len(body))


def items_of(body: bytes) -> Iterator[msgspec.Raw]:
    """The objects of a List, still encoded; a large one is decoded in slices, between which others may run.

    Raises UpstreamProtocolError.
    """
    return chain.from_iterable(cut_if_large(body).map(raw_items))


def head_of(body: bytes) -> dict[str, msgspec.Raw]:
    """The fields of a List without its objects, still encoded. Raises UpstreamProtocolError."""
    fields = decode(cut_if_large(body).head, dict[str, msgspec.Raw], "a List")
    fields.pop("items", None)
    return fields


class _WithItems(msgspec.Struct, gc=False):
    items: msgspec.Raw


class _OnlyItems(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    items: msgspec.Raw


def _ends_items(body: bytes, begin: int, end: int, boundary: bytes) -> bool:
    """Whether the items end at ``end``, and not an array that follows them: the last item decides."""
    last = end
    for _ in range(_MAX_GUESSES):
        found = body.rfind(boundary, begin, last)
        last = begin if found < 0 else found + 2
        if _decodes(b"{" + _ITEMS + body[last:end] + _END, _OnlyItems):
            return True
        if last == begin:
            break
    return False


def _is_list(part: bytes) -> bool:
    return _decodes(part, _WithItems)


def _decodes(body: bytes, type_: type) -> bool:
    try:
        msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True
