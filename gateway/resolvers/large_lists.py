"""Lists of many megabytes, decoded in slices: the event loop gets its turn after each.

A decode holds the interpreter for as long as it takes: 25 ms for 5,000 pods (30 MB), and 50 clients who share
one LIST would do the same 50 times in a row. So a slice at a time, and once for everybody with the same
selection.

Where a slice ends is a guess, the decode proves it: what is cut anywhere but between two of the List's items
has brackets or quotes that do not match, and is no JSON.
"""

import asyncio
from collections.abc import Iterator

import msgspec

from schema.selection import Compiled, ListSelection, SelectionMismatch

__all__ = ["LARGE", "LargeLists"]

LARGE = 4 << 20
"""Bytes; what is smaller takes a few milliseconds."""

SLICE = 2 << 20
ITEMS, END = b'"items":[', b"]}"


class LargeLists:
    """Makes answers of large Lists; who shares the body and the selection shares the answer.

    A slice has about ``size`` bytes.
    """

    def __init__(self, size: int = SLICE) -> None:
        self._size = size
        self._making: dict[tuple[int, int], asyncio.Task[Compiled]] = {}

    def __len__(self) -> int:
        """How many are being made."""
        return len(self._making)

    async def answer(self, body: bytes, selection: ListSelection) -> Compiled:
        """What is selected of the List. Raises SelectionMismatch, also where it cannot be cut."""
        key = id(body), id(selection)
        making = self._making.get(key)
        if making is None:
            making = asyncio.create_task(self._make(key, body, selection), name="answer a large List")
            self._making[key] = making
        # whoever goes stops nobody else
        return await asyncio.shield(making)

    async def _make(self, key: tuple[int, int], body: bytes, selection: ListSelection) -> Compiled:
        try:
            columns = []
            head, pages = cut(body, self._size)
            for page in pages:
                columns.append(selection.encode_items(page))
                await asyncio.sleep(0)
            items = [b",".join(filter(None, column)) for column in zip(*columns, strict=True)]
            return Compiled(selection.encode(head, items))
        finally:
            # before the body is gone, and its id with it
            del self._making[key]


def cut(body: bytes, size: int) -> tuple[bytes, Iterator[bytes]]:
    """The List without items, and Lists of its items. Raises SelectionMismatch where it looks like none."""
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
    return head, slices(body, (begin, end), b"}," + body[begin:first_key], size)


def slices(body: bytes, span: tuple[int, int], boundary: bytes, size: int) -> Iterator[bytes]:
    """Lists of what is in the span, cut in front of what begins as the first item does."""
    begin, end = span
    while begin < end:
        found = body.find(boundary, begin + size, end)
        stop = found + 1 if found >= 0 else end
        yield b"{" + ITEMS + body[begin:stop] + END
        begin = stop + 1
