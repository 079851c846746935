"""The recent changes of one informer, for subscribers that resume."""

from collections import deque
from collections.abc import Iterable

from gateway.informers.changes import Change
from gateway.informers.store import version_number

__all__ = ["History"]


class History:
    """Changes in ascending order of resource version, the oldest forgotten when there are too many.

    A resource version is in it when each change after that version is. Versions that are no numbers
    cannot be ordered: with those nothing is ever in it.
    """

    def __init__(self, *, most_changes: int, most_bytes: int) -> None:
        self._most_changes = most_changes
        self._most_bytes = most_bytes
        self._changes: deque[tuple[int, Change]] = deque()
        self._bytes = 0
        self._torn: deque[tuple[int, int]] = deque()
        self._floor: int | None = None
        self._newest = 0

    def restart(self, resource_version: str) -> None:
        """Forget everything; from this resource version on each change will be recorded."""
        self._changes.clear()
        self._torn.clear()
        self._bytes = 0
        self._floor = version_number(resource_version)
        self._newest = self._floor or 0

    def record(self, change: Change) -> None:
        number = version_number(change.resource_version)
        if self._floor is None:
            return
        if number is None or number < self._newest or (number == self._newest and not self._is_torn(number)):
            # somebody who knows of the change before this one could not be told apart from
            # somebody who knows of both
            self.restart(str(self._newest + 1))
            return
        self._newest = number
        self._changes.append((number, change))
        self._bytes += change.size
        while len(self._changes) > self._most_changes or self._bytes > self._most_bytes:
            self._forget()

    def tear(self, after: int, before: int) -> None:
        """Between these two versions the order of changes is unknown: nobody can resume in there."""
        self._torn.append((after, before))

    def _is_torn(self, number: int) -> bool:
        return any(after < number < before for after, before in self._torn)

    def _forget(self) -> None:
        self._floor, change = self._changes.popleft()
        self._bytes -= change.size
        while self._torn and self._torn[0][1] <= self._floor:
            self._torn.popleft()

    def since(self, number: int) -> Iterable[Change] | None:
        """The changes after that resource version; None where they are not all here."""
        if self._floor is None or number < self._floor or self._is_torn(number):
            return None
        return [change for version, change in self._changes if version > number]
