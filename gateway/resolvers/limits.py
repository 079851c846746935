"""Limits of one operation: upstream requests and bytes of the response.

A small query can cause much work: 500 aliases of a list are 25 kB of GraphQL and 500 LISTs of the whole
collection. Therefore each operation has a :class:`Budget`:

- The number of its upstream requests is bounded. The executor refuses an operation beforehand if its root
  fields already exceed the limit; further pages of ``allPages`` count when they are sent.
- Few of its requests are in flight at once, and few of all operations of one identity.
- The size of its response is bounded; each completed root field counts.

Watches and log streams are not upstream requests in this sense: informers share and own them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

from gateway.errors import QueryTooComplex

__all__ = ["Budget", "Limits", "Slots"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of every operation; ``max_response`` is in bytes."""

    max_upstream_requests: int = 100
    max_response: int = 256 << 20
    in_flight_per_operation: int = 4
    in_flight_per_identity: int = 16

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

    def of(self, identity: str, most: int) -> asyncio.Semaphore:
        """The identity's semaphore; it lives as long as a budget refers to it."""
        semaphore = self._by_identity.get(identity)
        if semaphore is None:
            semaphore = self._by_identity[identity] = asyncio.Semaphore(most)
        return semaphore


class Budget:
    """The usage of one operation, against its limits."""

    def __init__(self, limits: Limits, identity_slots: asyncio.Semaphore) -> None:
        self.limits = limits
        self._identity_slots = identity_slots
        self._slots = asyncio.Semaphore(limits.in_flight_per_operation)
        self._requests = 0
        self._bytes = 0
        self.exceeded: QueryTooComplex | None = None
        """The error of a response over the limit."""

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold one upstream request; waits for a free slot. Raises QueryTooComplex beyond the limit."""
        if self.exceeded is not None:
            raise self.exceeded
        self._requests += 1
        self.limits.expect_requests(self._requests)
        async with self._slots, self._identity_slots:
            yield

    def expect_response(self, size: int) -> None:
        """Add ``size`` bytes to the response. Raises QueryTooComplex beyond the limit."""
        self._bytes += size
        if self._bytes > self.limits.max_response:
            self.exceeded = QueryTooComplex(
                f"the response has more than {self.limits.max_response} bytes, the limit (--max-response); "
                "select fewer fields, or read the list in pages"
            )
            raise self.exceeded
