"""What is counted, for metrics."""

from dataclasses import dataclass

__all__ = ["Counters"]


@dataclass(slots=True)
class Counters:
    """Totals: changes seen, re-lists that were diffed, subscribers that were ended as too slow."""

    events: int = 0
    relists: int = 0
    too_slow: int = 0
