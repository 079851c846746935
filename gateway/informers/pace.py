"""Lets others run while there is much to do."""

import asyncio

from gateway.informers.timing import Clock

__all__ = ["Pace"]

SHORT_TURN, LONG_TURN = 0.01, 0.1
SHARE = 0.25
"""Of the time that the others took when it was theirs."""


class Pace:
    """Called after each piece of work, gives the event loop away when a turn has lasted long enough.

    That is 10 ms where the others take little. Where telling thousands of subscribers takes them long, the
    next turn may be longer, 100 ms at most: they are then told of several things at once, which costs each of
    them hardly more than one.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = 0.0
        self._longest = SHORT_TURN
        self._others_ran = True

    async def step(self) -> None:
        now = self._clock.now()
        if self._others_ran:
            self._begin(now)
        elif now - self._since >= self._longest:
            await asyncio.sleep(0)
            later = self._clock.now()
            self._longest = min(LONG_TURN, max(SHORT_TURN, (later - now) * SHARE))
            self._begin(later)

    def _begin(self, now: float) -> None:
        self._since = now
        self._others_ran = False
        asyncio.get_running_loop().call_soon(self._note_others)

    def _note_others(self) -> None:
        self._others_ran = True
