"""The recent changes of one informer, replayed to subscribers that resume."""

from collections import deque
from collections.abc import Iterable

from gateway.informers.changes import Change
from gateway.informers.store import version_number

__all__ = ["History"]


class History:
    """Changes in ascending order of resource version, bounded by count and bytes (FIFO eviction).

    A subscriber can resume from a resource version if the history holds every change after that version.
    Opaque resource versions cannot be ordered: with them no resume is possible.
    """

    def __init__(self, *, most_changes: int, most_bytes: int) -> None:
        self._most_changes = most_changes
        self._most_bytes = most_bytes
        self._changes: deque[tuple[int, Change]] = deque()
        self._bytes = 0
        self._gaps: deque[tuple[int, int]] = deque()
        self._floor: int | None = None
        self._newest = 0

    def restart(self, resource_version: str) -> None:
        """Drop all changes.

        The history is complete from ``resource_version`` on (never, if that is empty).
        """
        self._changes.clear()
        self._gaps.clear()
        self._bytes = 0
        self._floor = version_number(resource_version)
        self._newest = self._floor or 0

    def record(self, change: Change) -> None:
        """Append a change; a change out of order makes the history restart after the newest one."""
        number = version_number(change.resource_version)
        if self._floor is None:
            return
        if number is None or number < self._newest or (number == self._newest and not self._in_gap(number)):
            # Two changes at one version: a subscriber that resumes there has seen one or both of them.
            self.restart(str(self._newest + 1))
            return
        self._newest = number
        self._changes.append((number, change))
        self._bytes += change.size
        while len(self._changes) > self._most_changes or self._bytes > self._most_bytes:
            self._evict_oldest()

    def mark_gap(self, after: int, before: int) -> None:
        """Refuse resumes strictly between two versions: the order of the changes in between is unknown."""
        self._gaps.append((after, before))

    def _in_gap(self, number: int) -> bool:
        return any(after < number < before for after, before in self._gaps)

    def _evict_oldest(self) -> None:
        self._floor, change = self._changes.popleft()
        self._bytes -= change.size
        while self._gaps and self._gaps[0][1] <= self._floor:
            self._gaps.popleft()

    def since(self, number: int) -> Iterable[Change] | None:
        """The changes after that resource version; None if the history does not hold all of them."""
        if self._floor is None or number < self._floor or self._in_gap(number):
            return None
        return [change for version, change in self._changes if version > number]
