"""What is counted, for metrics."""

from bisect import bisect_left
from dataclasses import dataclass, field

__all__ = ["LAG_BOUNDS", "Counters", "Lag"]

LAG_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; the upper bounds of the histogram's buckets, infinity aside."""


@dataclass(slots=True)
class Lag:
    """A histogram of how long changes took from their arrival to a subscriber's socket, in seconds.

    ``buckets`` counts each value once, in the first bucket that it fits; the last is beyond all bounds.
    """

    buckets: list[int] = field(default_factory=lambda: [0] * (len(LAG_BOUNDS) + 1))
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        """Count one change that was handed over."""
        self.buckets[bisect_left(LAG_BOUNDS, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class Counters:
    """Totals: changes seen, re-lists that were diffed, subscribers that were ended as too slow; and lag.

    Not among the re-lists: those that bring complete objects where there was metadata.
    """

    events: int = 0
    relists: int = 0
    too_slow: int = 0
    lag: Lag = field(default_factory=Lag)
