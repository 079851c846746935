"""What is connected now, for metrics."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Connections"]


@dataclass(slots=True)
class Connections:
    """The websockets that are open now."""

    websockets: int = 0

    @contextmanager
    def websocket(self) -> Iterator[None]:
        """Count one while the block runs."""
        self.websockets += 1
        try:
            yield
        finally:
            self.websockets -= 1
