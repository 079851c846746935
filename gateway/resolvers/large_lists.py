"""Lists of many megabytes, decoded in slices, so that the event loop stays responsive."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from gateway.concurrency import Turnstile
from gateway.errors import QueryTooComplex
from gateway.kube.received import decode
from gateway.resolvers.decoding import raw_items
from gateway.resolvers.limits import Budget, Provisional
from schema.selection import AnswerTooLarge, Compiled, ListSelection, SelectionMismatch

__all__ = ["LargeLists", "head_of", "is_large_list", "items_of"]

_LARGE_LIST_BYTES = 4 << 20
"""From this size on a List is decoded in slices; a smaller one takes a few milliseconds."""
_SLICE_BYTES = 2 << 20
_SMALLEST_SLICE_BYTES = 16 << 10
_NARROW = 32
"""Leaves of an object. A selection with more of them takes proportionally longer per byte."""
_ITEMS, _END = b'"items":[', b"]}"


def is_large_list(body: bytes, width: int = _NARROW) -> bool:
    """Whether :class:`LargeLists` should decode the List; ``width`` is the selection's."""
    return len(body) * max(width, _NARROW) >= _LARGE_LIST_BYTES * _NARROW


@dataclass(eq=False, slots=True)
class _Decode:
    """One decode in flight: the bytes encoded so far, and the budgets of the operations that wait for it."""

    size: int = 0
    accounts: set[Provisional] = field(default_factory=set)
    task: "asyncio.Task[Compiled] | None" = None

    def expect_response(self, size: int) -> None:
        """Count a part in all budgets. Raises QueryTooComplex if it is over the limit of each."""
        self.size += size
        for account in self.accounts:
            account.add_bytes(size)
        exceeded = [account.exceeded for account in self.accounts]
        if exceeded and None not in exceeded:
            raise QueryTooComplex(str(exceeded[0]))

    def exceed(self) -> QueryTooComplex:
        """The error of an answer whose next part is known to be over the limit of all operations."""
        errors = [account.exceed() for account in self.accounts]
        return QueryTooComplex(str(next(iter(errors), "")))

    @property
    def remaining_bytes(self) -> int:
        """The bytes that the answer may still grow."""
        return max((account.remaining_bytes for account in self.accounts), default=0)


class LargeLists:
    """Decodes large Lists in slices of about ``slice_bytes``, once per body and selection.

    A decode holds the interpreter: 25 ms for 5,000 pods (30 MB). 50 clients that share one LIST would block
    the event loop 50 times in a row. So other tasks run between the slices, one slice of all Lists is decoded
    per turn of the loop, and concurrent requests with the same body and selection share one answer.

    The end of a slice is a guess, and the decoder verifies it: a slice that ends anywhere but between two
    items of the List has unbalanced brackets or quotes and is not valid JSON.
    """

    def __init__(self, slice_bytes: int = _SLICE_BYTES) -> None:
        self._slice_bytes = slice_bytes
        self._in_flight: dict[tuple[int, int], _Decode] = {}
        self.turns = Turnstile()

    def __len__(self) -> int:
        """The number of decodes in flight."""
        return len(self._in_flight)

    async def answer(self, body: bytes, selection: ListSelection, budget: Budget) -> Compiled:
        """The selection of the List. Raises SelectionMismatch, also for a List that cannot be cut.

        Counts the answer against the budget while it is built; raises QueryTooComplex beyond its limit.
        """
        key = id(body), id(selection)
        decode = self._in_flight.get(key)
        if decode is None:
            decode = self._in_flight[key] = _Decode()
            decode.task = asyncio.create_task(self._run(key, body, selection), name="decode a large List")
        if decode.task is None:
            raise RuntimeError("the decode has no task")
        with budget.provisional() as account:
            account.expect_response(decode.size)
            decode.accounts.add(account)
            try:
                # one cancelled waiter must not cancel the shared task
                answer = await asyncio.shield(decode.task)
            finally:
                decode.accounts.discard(account)
                if not decode.accounts:
                    decode.task.cancel()
                    # a failed task refers to its frames, and those to the decode
                    decode.task = None
            budget.expect_more()
            return answer

    async def aclose(self) -> None:
        """Cancel the decodes in flight and wait until they have ended."""
        tasks = [decode.task for decode in self._in_flight.values() if decode.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # a task that is cancelled before its first step leaves its entry
        self._in_flight.clear()

    async def _run(self, key: tuple[int, int], body: bytes, selection: ListSelection) -> Compiled:
        try:
            return await self._decode_list(body, selection, self._in_flight[key])
        finally:
            # the entry goes while the body exists, and its id is not used again
            self._in_flight.pop(key, None)

    async def _decode_list(self, body: bytes, selection: ListSelection, decode: _Decode) -> Compiled:
        head, slices = _cut(body, self._slice_size(selection))
        return Compiled(selection.encode(head, await self._encode_slices(slices, selection, decode)))

    async def encode_items(
        self, page: bytes, selection: ListSelection, counted: Provisional
    ) -> tuple[bytes, ...]:
        """For each of the selection's items, the encoded objects of one page, separated by commas.

        Raises SelectionMismatch, and QueryTooComplex beyond the limit of the operation.
        """
        slices: Iterable[bytes] = (page,)
        if is_large_list(page, selection.width):
            with suppress(SelectionMismatch):
                _, slices = _cut(page, self._slice_size(selection))
        return await self._encode_slices(slices, selection, counted)

    def _slice_size(self, selection: ListSelection) -> int:
        size = self._slice_bytes * _NARROW // max(selection.width, _NARROW)
        return min(max(size, _SMALLEST_SLICE_BYTES), self._slice_bytes)

    async def _encode_slices(
        self, slices: Iterable[bytes], selection: ListSelection, account: _Decode | Provisional
    ) -> tuple[bytes, ...]:
        columns: list[tuple[bytes, ...]] = []
        rest = iter(slices)
        try:
            while True:
                async with self.turns:
                    part = next(rest, None)
                    if part is None:
                        break
                    columns.append(selection.encode_items(part, account.remaining_bytes))
                    # a slice is not kept while others have their turn
                    part = None
                    account.expect_response(sum(map(len, columns[-1])))
        except AnswerTooLarge:
            raise account.exceed() from None
        except QueryTooComplex:
            # the traceback keeps this frame alive
            columns.clear()
            raise
        return tuple(b",".join(filter(None, column)) for column in zip(*columns, strict=True))


def items_of(body: bytes) -> Iterator[msgspec.Raw]:
    """The objects of a List, still encoded; a large one is decoded in slices, between which others may run.

    Raises UpstreamProtocolError.
    """
    slices: Iterable[bytes] = (body,)
    if is_large_list(body):
        with suppress(SelectionMismatch):
            _, slices = _cut(body, _SLICE_BYTES)
    for part in slices:
        yield from raw_items(part)


def head_of(body: bytes) -> dict[str, msgspec.Raw]:
    """The fields of a List without its objects, still encoded. Raises UpstreamProtocolError."""
    head = body
    if is_large_list(body):
        with suppress(SelectionMismatch):
            head, _ = _cut(body, _SLICE_BYTES)
    fields = decode(head, dict[str, msgspec.Raw], "a List")
    fields.pop("items", None)
    return fields


def _cut(body: bytes, size: int) -> tuple[bytes, Iterator[bytes]]:
    """The List without its items, and Lists of its items. Raises SelectionMismatch for an unusual layout."""
    begin = body.find(_ITEMS) + len(_ITEMS)
    end = body.rfind(_END)
    first_key = body.find(b":", begin, end)
    if begin < len(_ITEMS) or first_key < 0 or body[end:].strip() != _END:
        raise SelectionMismatch("not a List as API servers write it")
    head = body[:begin] + _END
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
        yield b"{" + _ITEMS + body[begin:stop] + _END
        begin = stop + 1
