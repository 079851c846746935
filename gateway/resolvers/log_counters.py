"""What ``podLogs`` does, counted for metrics."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["LogCounters"]


@dataclass(slots=True)
class LogCounters:
    """Subscriptions and logs of containers that are open now; lines, since the beginning."""

    subscriptions: int = 0
    streams: int = 0
    lines: int = 0

    @contextmanager
    def subscription(self) -> Iterator[None]:
        """Count one while the block runs."""
        self.subscriptions += 1
        try:
            yield
        finally:
            self.subscriptions -= 1

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Count one request for a log while the block runs."""
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1
