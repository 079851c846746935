"""The demo cluster's clock and its scheduled actions.

The clock can be advanced without waiting, so that the initial cluster has been running for days. The order
of the actions is the same at any speed.
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
    """Scheduled actions in order of time; ``speed`` 2 runs them twice as fast."""

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
        """The cluster's time in seconds; during an action, the time at which it was due.

        The duration of an action therefore changes neither the order nor the result of later ones.
        """
        if self.acting is not None:
            return self.acting
        elapsed = 0.0 if self.started is None else (monotonic() - self.started) * self.speed
        return elapsed + self.skipped

    def now(self) -> datetime:
        """The current time for time stamps."""
        return datetime.now(UTC) + self.offset

    def after(self, seconds: float, action: Action) -> None:
        """Schedule an action after a number of the cluster's seconds."""
        heapq.heappush(self.heap, (self.time() + seconds, next(self.order), action))
        self.wake.set()

    def skip(self, seconds: float) -> None:
        """Advance the clock and run every action due within that time at once."""
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
        """Run each action when it is due, until cancelled."""
        self.started = monotonic()
        while True:
            self.wake.clear()
            while self.heap and self.heap[0][0] <= self.time():
                self._act()
                # many due actions must not block requests
                await asyncio.sleep(0)
            wait = (self.heap[0][0] - self.time()) / self.speed if self.heap else None
            try:
                async with asyncio.timeout(wait):
                    await self.wake.wait()
            except TimeoutError:
                continue
