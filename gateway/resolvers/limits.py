"""Limits of one operation: upstream requests, root fields in progress, and bytes of the response.

A small query can cause much work: 500 aliases of a list are 25 kB of GraphQL and 500 LISTs of the whole
collection. Therefore each operation has a :class:`Budget`:

- The number of its upstream requests is bounded. The executor refuses an operation beforehand if its root
  fields already exceed the limit; further pages of ``allPages`` count when they are sent.
- Few of its root fields are in progress at once, from the request until the answer is encoded, so that few
  requests are in flight and few bodies are in memory. Fields that read the same count as one. Few requests
  of all operations of one identity are in flight.
- The size of its response is bounded. The parts of an answer count as soon as they are encoded.

Watches and log streams are not upstream requests in this sense: informers share and own them.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakValueDictionary

from gateway.errors import QueryTooComplex

__all__ = ["Budget", "Limits", "Provisional", "SharedSlot", "Slots"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of every operation; ``docs/limits.md`` says how each was chosen.

    ``max_document`` is in characters, ``max_response`` in bytes, ``timeout`` in seconds. ``max_depth`` bounds
    selections, and also values in documents and variables.
    """

    max_values: int = 100_000
    max_document: int = 128 << 10
    max_tokens: int = 10_000
    max_depth: int = 50
    max_aliases: int = 300
    timeout: float = 60.0
    max_upstream_requests: int = 100
    max_response: int = 256 << 20
    in_flight_per_operation: int = 4
    in_flight_per_identity: int = 16

    def too_large(self) -> QueryTooComplex:
        """The error of a response over the limit."""
        return QueryTooComplex(
            f"the response has more than {self.max_response} bytes, the limit (--max-response); "
            "select fewer fields, or read the list in pages"
        )

    def expect_requests(self, count: int) -> None:
        """Raise QueryTooComplex for an operation with more upstream requests than allowed."""
        if count > self.max_upstream_requests:
            raise QueryTooComplex(
                f"the operation needs {count} requests to the API server; the limit is "
                f"{self.max_upstream_requests} (--max-upstream-requests)"
            )


class Slots:
    """The semaphores that bound the requests in flight, one per identity with running operations."""

    def __init__(self) -> None:
        self._by_identity: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._latest: tuple[str, asyncio.Semaphore] | None = None
        """Kept between two operations of one identity."""

    def of(self, identity: str, most: int) -> asyncio.Semaphore:
        """The identity's semaphore; it lives as long as a budget or a client refers to it."""
        if self._latest is not None and self._latest[0] == identity:
            return self._latest[1]
        semaphore = self._by_identity.get(identity)
        if semaphore is None:
            semaphore = self._by_identity[identity] = asyncio.Semaphore(most)
        self._latest = identity, semaphore
        return semaphore


class SharedSlot:
    """One slot of a semaphore, held together by a known number of holders.

    It is acquired for the first holder and released after the last one. Use: ``async with shared_slot: …``,
    once for each holder.
    """

    def __init__(self, slots: asyncio.Semaphore, holders: int) -> None:
        self._slots = slots
        self._holders = holders
        self._acquiring: asyncio.Task[bool] | None = None

    async def __aenter__(self) -> None:
        if self._acquiring is None:
            self._acquiring = asyncio.create_task(self._slots.acquire(), name="wait for a slot")
        try:
            await asyncio.shield(self._acquiring)
        except asyncio.CancelledError:
            self._leave(self._acquiring)
            raise

    async def __aexit__(self, *_: object) -> None:
        if self._acquiring is not None:
            self._leave(self._acquiring)

    def _leave(self, acquiring: asyncio.Task[bool]) -> None:
        self._holders -= 1
        if self._holders:
            return
        if acquiring.done() and not acquiring.cancelled():
            self._slots.release()
        acquiring.cancel()


class _RequestSlot:
    """One slot of each of two semaphores."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, outer: asyncio.Semaphore, inner: asyncio.Semaphore) -> None:
        self._outer = outer
        self._inner = inner

    async def __aenter__(self) -> None:
        await self._outer.acquire()
        try:
            await self._inner.acquire()
        except BaseException:
            self._outer.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._inner.release()
        self._outer.release()


class Budget:
    """The usage of one operation, against its limits.

    ``identity_slots`` bounds the requests in flight of the identity.
    """

    def __init__(self, limits: Limits, identity_slots: asyncio.Semaphore) -> None:
        self.limits = limits
        self._identity_slots = identity_slots
        self._request_slots = asyncio.Semaphore(limits.in_flight_per_operation)
        self._requests = 0
        self._bytes = 0
        self.exceeded: QueryTooComplex | None = None
        """The error of a response over the limit."""

    @cached_property
    def field_slots(self) -> asyncio.Semaphore:
        """Bounds the root fields in progress; an operation with one root field needs none."""
        return asyncio.Semaphore(self.limits.in_flight_per_operation)

    def expect_request(self) -> None:
        """Count an upstream request. Raises QueryTooComplex beyond the limit."""
        self.expect_more()
        self._requests += 1
        self.limits.expect_requests(self._requests)

    def reserve_requests(self, count: int) -> None:
        """Count all upstream requests of a field at once. Raises QueryTooComplex beyond the limit."""
        self.expect_more()
        self.limits.expect_requests(self._requests + count)
        self._requests += count

    def request_slot(self) -> "_RequestSlot":
        """Hold one upstream request (``async with``); waits while too many are in flight."""
        return _RequestSlot(self._request_slots, self._identity_slots)

    def add_bytes(self, size: int) -> None:
        """Add ``size`` bytes to the response; :attr:`exceeded` is set beyond the limit."""
        self._bytes += size
        if self._bytes > self.limits.max_response and self.exceeded is None:
            self.exceeded = self.limits.too_large()

    def expect_response(self, size: int) -> None:
        """Add ``size`` bytes to the response. Raises QueryTooComplex beyond the limit."""
        self.add_bytes(size)
        self.expect_more()

    def exceed(self) -> QueryTooComplex:
        """The error of a response whose next part is known to be over the limit."""
        self.exceeded = self.exceeded or self.limits.too_large()
        return self.exceeded

    def expect_more(self) -> None:
        """Raise QueryTooComplex if the response is over the limit already."""
        if self.exceeded is not None:
            # a fresh traceback: all fields of an operation may raise this instance
            raise self.exceeded.with_traceback(None)

    @property
    def remaining_bytes(self) -> int:
        """The bytes that the response may still grow."""
        return max(0, self.limits.max_response - self._bytes)

    @contextmanager
    def provisional(self) -> Iterator["Provisional"]:
        """Count the parts of one answer while it is built; the complete answer counts instead afterwards."""
        counted = Provisional(self)
        try:
            yield counted
        finally:
            counted.reset()


class Provisional:
    """The ``size`` in bytes of the parts so far of an answer that is being built."""

    __slots__ = ("_budget", "size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.size = 0

    def reset(self) -> None:
        """Forget the parts: the answer is built anew."""
        self._budget.add_bytes(-self.size)
        self.size = 0

    def exceed(self) -> QueryTooComplex:
        """The error of an operation whose next part is known to be over the limit."""
        return self._budget.exceed()

    @property
    def exceeded(self) -> QueryTooComplex | None:
        """The error of the operation's response over the limit."""
        return self._budget.exceeded

    @property
    def remaining_bytes(self) -> int:
        """The bytes that the operation's response may still grow."""
        return self._budget.remaining_bytes

    def add_bytes(self, size: int) -> None:
        """Add a part."""
        self.size += size
        self._budget.add_bytes(size)

    def expect_response(self, size: int) -> None:
        """Add a part. Raises QueryTooComplex beyond the limit of the operation."""
        self.add_bytes(size)
        self._budget.expect_more()
