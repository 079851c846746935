"""The time of the living cluster: things that happen later, in order, at a pace of its own.

The clock can be set forward without waiting, which is how the cluster that a newcomer sees has been
running for days; the order in which things happen is the same at any speed.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

__all__ = ["Timeline"]

Action = Callable[[], None]


class Timeline:
    """Actions in order of time; ``speed`` 2 makes everything happen twice as fast."""

    def __init__(self, *, speed: float = 1.0) -> None:
        self.speed = speed
        self.skipped = 0.0
        self.offset = timedelta()
        self.heap: list[tuple[float, int, Action]] = []
        self.order = itertools.count()
        self.wake = asyncio.Event()

    def time(self) -> float:
        """The cluster's own seconds."""
        return monotonic() * self.speed + self.skipped

    def now(self) -> datetime:
        """The moment that time stamps say."""
        return datetime.now(UTC) + self.offset

    def after(self, seconds: float, action: Action) -> None:
        """Do something in so many of the cluster's own seconds."""
        heapq.heappush(self.heap, (self.time() + seconds, next(self.order), action))
        self.wake.set()

    def skip(self, seconds: float) -> None:
        """Do at once everything that would happen within that time."""
        end = self.time() + seconds
        while self.heap and self.heap[0][0] <= end:
            due, _, action = heapq.heappop(self.heap)
            self.skipped += max(0.0, due - self.time())
            action()
        self.skipped += max(0.0, end - self.time())

    async def run(self) -> None:
        """Do everything when its time comes, until cancelled."""
        while True:
            self.wake.clear()
            while self.heap and self.heap[0][0] <= self.time():
                heapq.heappop(self.heap)[2]()
                # a long row of actions must not keep requests waiting
                await asyncio.sleep(0)
            wait = (self.heap[0][0] - self.time()) / self.speed if self.heap else None
            try:
                async with asyncio.timeout(wait):
                    await self.wake.wait()
            except TimeoutError:
                continue
