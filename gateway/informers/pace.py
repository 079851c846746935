"""Lets others run while there is much to do."""

import asyncio

from gateway.informers.timing import Clock

__all__ = ["Pace"]

LONGEST_TURN = 0.01


class Pace:
    """Called after each piece of work, gives the event loop away when a turn has lasted 10 ms."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = float("-inf")

    async def step(self) -> None:
        if self._clock.now() - self._since >= LONGEST_TURN:
            await asyncio.sleep(0)
            self._since = self._clock.now()
