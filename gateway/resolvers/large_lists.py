"""Lists of many megabytes, decoded in slices, so that the event loop stays responsive."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from gateway.concurrency import Turnstile
from gateway.errors import QueryTooComplex
from gateway.resolvers.limits import Budget, Provisional
from gateway.resolvers.list_slices import SLICE_BYTES, ListSlices, cut, cut_if_large, slice_size
from schema.selection import AnswerTooLarge, Compiled, ListSelection

__all__ = ["LargeLists"]

T = TypeVar("T")


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

    50 clients that share one LIST would block the event loop for 50 decodes in a row. So other tasks run
    between the slices, one slice of all Lists is decoded per turn of the loop, and concurrent requests with
    the same body and selection share one answer.
    """

    def __init__(self, slice_bytes: int = SLICE_BYTES) -> None:
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
                    # a failed task refers to its frames, and the frames to the decode
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
        slices = cut(body, slice_size(selection.width, self._slice_bytes))
        return Compiled(selection.encode(slices.head, await self._encode_slices(slices, selection, decode)))

    async def encode_items(
        self, page: bytes, selection: ListSelection, counted: Provisional
    ) -> tuple[bytes, ...]:
        """For each of the selection's items, the encoded objects of one page, separated by commas.

        Raises SelectionMismatch, and QueryTooComplex beyond the limit of the operation.
        """
        slices = cut_if_large(page, selection.width, self._slice_bytes)
        return await self._encode_slices(slices, selection, counted)

    async def decode_each(
        self, body: bytes, decode_slice: Callable[[bytes], list[T]], width: int = 0
    ) -> list[T]:
        """The results of ``decode_slice`` for the slices of a List, which are Lists, one after the other.

        ``width`` is the selection's. Raises the errors of ``decode_slice``.
        """
        slices = cut_if_large(body, width, self._slice_bytes).map(decode_slice)
        decoded: list[T] = []
        while True:
            async with self.turns:
                part = next(slices, None)
            if part is None:
                return decoded
            decoded += part

    async def _encode_slices(
        self, slices: ListSlices, selection: ListSelection, account: _Decode | Provisional
    ) -> tuple[bytes, ...]:
        columns: list[tuple[bytes, ...]] = []
        encoded = slices.map(lambda part: selection.encode_items(part, account.remaining_bytes))
        try:
            while True:
                async with self.turns:
                    column = next(encoded, None)
                    if column is None:
                        break
                    columns.append(column)
                    account.expect_response(sum(map(len, column)))
        except AnswerTooLarge:
            raise account.exceed() from None
        except QueryTooComplex:
            # the traceback keeps this frame alive
            columns.clear()
            raise
        return tuple(b",".join(filter(None, column)) for column in zip(*columns, strict=True))
