"""Work that can be told to stop: it leaves off where it waits, and nowhere else."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

__all__ = ["Stopped", "Stopping"]

T = TypeVar("T")

AT_ONCE = 0.0
"""A time of the event loop that has passed."""


class Stopped(Exception):
    """What was waited for is not waited for any more."""


class Stopping:
    """For one task: others call ``stop``, itself waits with ``wait``."""

    def __init__(self) -> None:
        self._stopped = False
        self._waiting: asyncio.Timeout | None = None

    def stop(self) -> None:
        """Cancel what is waited for, or the next thing that is."""
        if self._stopped:
            return
        self._stopped = True
        if self._waiting is not None:
            self._waiting.reschedule(AT_ONCE)

    def check(self) -> None:
        """Raises Stopped, after ``stop``."""
        if self._stopped:
            raise Stopped

    async def wait(self, work: Awaitable[T]) -> T:
        """What the work returns; raises Stopped, once the work has ended, where it was cancelled for that."""
        try:
            async with asyncio.timeout_at(AT_ONCE if self._stopped else None) as waiting:
                self._waiting = waiting
                return await work
        except TimeoutError:
            if waiting.expired():
                raise Stopped from None
            raise
        finally:
            self._waiting = None
