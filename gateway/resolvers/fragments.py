"""What selections have of watched objects, encoded: made once for all subscribers that share a selection."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from schema.selection import EventSelection

__all__ = ["Fragments", "Table"]

Encoded = tuple[bytes, ...]
Version = tuple[bytes, Encoded]
"""An object's JSON, and what was made of it."""


class Fragments:
    """The tables of all selections that somebody is subscribed with; each goes with its last reader.

    Bounded by the bytes of objects and of what was made of them: ``size`` is how many there are.
    """

    def __init__(self, most_bytes: int = 32 << 20) -> None:
        self._most_bytes = most_bytes
        self._tables: dict[EventSelection, Table] = {}
        self.size = 0

    @contextmanager
    def of(self, selection: EventSelection) -> Iterator["Table"]:
        """The selection's table, for as long as the block runs."""
        table = self._tables.setdefault(selection, Table(selection, self))
        table.readers += 1
        try:
            yield table
        finally:
            table.readers -= 1
            if not table.readers:
                del self._tables[selection]
                self.size -= table.size

    def trim(self) -> None:
        """Forget what is too much, beginning with the largest table."""
        while self.size > self._most_bytes:
            max(self._tables.values(), key=lambda each: each.size).forget_oldest()


class Table:
    """What one selection has of each object, in its two newest versions: as it is, and as it was before.

    The objects are mostly the very bytes that an informer holds. They are compared by value, so that the
    informers of several callers share what is made of them.
    """

    def __init__(self, selection: EventSelection, owner: Fragments) -> None:
        self.selection = selection
        self.readers = 0
        self.size = 0
        self._owner = owner
        self._versions: OrderedDict[str, tuple[Version, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._versions)

    def encode(self, uid: str, body: bytes) -> Encoded:
        """What is selected of that object; raises SelectionMismatch."""
        known = self._versions.get(uid, ())
        for version in known:
            if version[0] == body:
                return version[1]
        encoded = tuple(each.encode(body) for each in self.selection.objects)
        self.forget(uid)
        self._versions[uid] = versions = ((body, encoded), *known[:1])
        self._resize(size_of(versions))
        self._owner.trim()
        return encoded

    def forget(self, uid: str) -> None:
        """For an object that is gone."""
        self._resize(-size_of(self._versions.pop(uid, ())))

    def forget_oldest(self) -> None:
        """For the object that was made something of the longest ago."""
        _, versions = self._versions.popitem(last=False)
        self._resize(-size_of(versions))

    def _resize(self, difference: int) -> None:
        self.size += difference
        self._owner.size += difference


def size_of(versions: tuple[Version, ...]) -> int:
    return sum(len(body) + sum(map(len, encoded)) for body, encoded in versions)
