"""How an informer passes from one reflector to another that has more to give, while the first goes on."""

import asyncio
from collections.abc import Callable

from gateway.informers.informer import Informer
from gateway.informers.store import version_number

__all__ = ["Handover", "Turn"]


class Turn:
    """The right to change an informer, which one reflector has at a time; the others wait for it."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._taken = False

    async def take(self) -> None:
        """Wait for it, and keep it until :meth:`give_up`."""
        if not self._taken:
            await self._lock.acquire()
            self._taken = True

    def give_up(self) -> None:
        if self._taken:
            self._taken = False
            self._lock.release()


class Handover:
    """When a whole set that the second reflector has may take the place of what the first one tells.

    ``done`` is called when it has; the first is to be stopped then.
    """

    def __init__(self, informer: Informer, done: Callable[[], None]) -> None:
        self.done = done
        self._informer = informer
        self._lists = 0
        self._changed_at: int | None = None

    def begin(self) -> bool:
        """The whole set is about to be asked for; whether the first must not go on until it is there.

        That is so where resource versions cannot say which of two states is the newer one.
        """
        self._lists = self._informer.lists
        self._changed_at = version_number(self._informer.changed_at)
        return self._informer.synced and not self._informer.ordered

    def is_due(self, resource_version: str) -> bool:
        """Whether nothing that was told is newer than a whole set of that resource version.

        An API server that is asked for everything never answers with less than it has told before: where it
        does, it has been restored from a backup, and what was told is not true any more.
        """
        if not (self._informer.synced and self._informer.ordered):
            return True
        number, told = version_number(resource_version), version_number(self._informer.changed_at)
        if number is None or told is None or number >= told:
            return True
        known = self._informer.lists == self._lists and self._changed_at is not None
        return known and number < (self._changed_at or 0)
