"""When reflectors retry, renew and give up waiting; and the clock, which tests replace."""

import asyncio
import random
from dataclasses import dataclass

__all__ = ["Backoff", "Clock", "Timing"]


class Clock:
    """Time and chance."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def uniform(self, low: float, high: float) -> float:
        return random.uniform(low, high)  # noqa: S311 - spreads load, keeps no secret


@dataclass(frozen=True, slots=True)
class Timing:
    """Ranges, in seconds, that each use picks from at random, so that reflectors do not act in step."""

    first_retry: tuple[float, float] = (0.0, 0.2)
    shortest_backoff: float = 0.5
    longest_backoff: float = 30.0
    silence: tuple[float, float] = (52.0, 58.0)
    """A watch without a byte for that long is taken for dead, so that it is noticed within a minute."""
    renewal: tuple[float, float] = (40.0, 50.0)
    """How long a watch is asked to last (``timeoutSeconds``); less than ``silence``.

    One on which nothing happens has no other sign of life than its end: kube-apiserver sends a bookmark each
    minute and 2 s before the end, but only where its watch cache has come further than where the watch
    began (1.36: often not for ten minutes). A renewal takes it about 1 ms of CPU.
    """
    initial: tuple[float, float] = (300.0, 600.0)
    """The same of a watch that begins with everything there is, which may take long."""
    steady: float = 5.0
    """A watch that lasted that long was a good one, also without an event."""


class Backoff:
    """How long to wait before the next try: at once, then doubling, jittered."""

    def __init__(self, clock: Clock, timing: Timing) -> None:
        self._clock = clock
        self._timing = timing
        self._failures = 0

    def reset(self) -> None:
        """Something worked."""
        self._failures = 0

    def delay(self, retry_after: float | None = None) -> float:
        """Count a failure and say how long to wait; never less than the API server asked for."""
        self._failures += 1
        delay = self._clock.uniform(*self._range())
        return delay if retry_after is None else max(delay, retry_after + self._clock.uniform(0.0, 0.5))

    def _range(self) -> tuple[float, float]:
        if self._failures == 1:
            return self._timing.first_retry
        # the exponent is capped because a float overflows before anybody gives up
        doubled = self._timing.shortest_backoff * 2.0 ** min(self._failures - 1, 30)
        longest = min(self._timing.longest_backoff, doubled)
        return longest / 2, longest
