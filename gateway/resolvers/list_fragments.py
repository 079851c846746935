"""What selections have of the objects of informers, encoded: made once for each version of an object."""

import asyncio
from collections.abc import Sequence
from itertools import count
from weakref import WeakKeyDictionary

from gateway.informers import Informer
from gateway.informers.store import StoredObject
from gateway.kube.received import ObjectHeader
from schema.selection import Selection

__all__ = ["ListFragments"]

# what is encoded in one go, so that nobody else has to wait: a MiB of objects takes one or two ms
BYTES_BETWEEN_PAUSES = 1 << 20
ENTRY_BYTES = 200
"""What an entry of a table takes beside the fragment."""


class _Table:
    """One informer's objects through one selection.

    An entry goes with the header of the object that it was made of: each version of an object has a
    header of its own, and a small one, so that no bytes of a forgotten version are kept alive.
    """

    def __init__(self) -> None:
        self.made: dict[str, tuple[ObjectHeader, bytes]] = {}
        self.size = ENTRY_BYTES
        self.used = 0

    def put(self, stored: StoredObject, fragment: bytes) -> None:
        self.discard(stored.key)
        self.made[stored.key] = (stored.header, fragment)
        self.size += len(fragment) + ENTRY_BYTES

    def discard(self, key: str) -> None:
        old = self.made.pop(key, None)
        if old is not None:
            self.size -= len(old[1]) + ENTRY_BYTES


class ListFragments:
    """Fragments for cached lists, bounded by their bytes.

    The tables that were not used for longest are forgotten first, and all of an informer's with the informer.
    """

    def __init__(self, most_bytes: int = 48 << 20) -> None:
        self._most_bytes = most_bytes
        self._tables: WeakKeyDictionary[Informer, dict[Selection, _Table]] = WeakKeyDictionary()
        self._uses = count(1)

    @property
    def size(self) -> int:
        """The bytes that are held."""
        return sum(table.size for tables in self._tables.values() for table in tables.values())

    async def encode(
        self, informer: Informer, selection: Selection, objects: Sequence[StoredObject]
    ) -> bytes:
        """The selection of each object, as JSON, separated by commas. Raises SelectionMismatch."""
        table = self._tables.setdefault(informer, {}).setdefault(selection, _Table())
        table.used = next(self._uses)
        made, fragments, fresh = table.made, [], 0
        for each in objects:
            known = made.get(each.key)
            if known is not None and known[0] is each.header:
                fragments.append(known[1])
                continue
            fragment = selection.encode(each.object)
            table.put(each, fragment)
            fragments.append(fragment)
            fresh += len(each.object)
            if fresh > BYTES_BETWEEN_PAUSES:
                fresh = 0
                await asyncio.sleep(0)
        self._forget_deleted(table, informer)
        self._trim()
        return b",".join(fragments)

    def _forget_deleted(self, table: _Table, informer: Informer) -> None:
        if len(table.made) > len(informer.items()):
            for key in [key for key in table.made if informer.get(key) is None]:
                table.discard(key)

    def _trim(self) -> None:
        while self.size > self._most_bytes:
            _, tables, selection = min(
                (
                    (table.used, tables, selection)
                    for tables in self._tables.values()
                    for selection, table in tables.items()
                ),
                key=lambda each: each[0],
            )
            del tables[selection]
