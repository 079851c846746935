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
        self.started: float | None = None
        self.acting: float | None = None
        self.offset = timedelta()
        self.heap: list[tuple[float, int, Action]] = []
        self.order = itertools.count()
        self.wake = asyncio.Event()

    def time(self) -> float:
        """The cluster's own seconds; to an action it is the very moment that it was due at.

        So how long things take here does not change their order, nor what follows from them.
        """
        if self.acting is not None:
            return self.acting
        elapsed = 0.0 if self.started is None else (monotonic() - self.started) * self.speed
        return elapsed + self.skipped

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
            self._act()
        self.skipped += max(0.0, end - self.time())

    def _act(self) -> None:
        self.acting, _, action = heapq.heappop(self.heap)
        try:
            action()
        finally:
            self.acting = None

    async def run(self) -> None:
        """Do everything when its time comes, until cancelled."""
        self.started = monotonic()
        while True:
            self.wake.clear()
            while self.heap and self.heap[0][0] <= self.time():
                self._act()
                # a long row of actions must not keep requests waiting
                await asyncio.sleep(0)
            wait = (self.heap[0][0] - self.time()) / self.speed if self.heap else None
            try:
                async with asyncio.timeout(wait):
                    await self.wake.wait()
            except TimeoutError:
                continue
