"""A detector of mutations of stored, shared objects, like client-go's mutation detector."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import msgspec

from gateway.informers.store import Store, StoredObject

__all__ = ["MutationDetector", "watching_stores"]


class MutationDetector:
    """Records each object when it is stored, and keeps the record of removed objects."""

    def __init__(self) -> None:
        self._noted: list[tuple[StoredObject, bytes]] = []

    def note(self, objects: Iterable[StoredObject]) -> None:
        self._noted.extend((item, digest(item)) for item in objects)

    def check(self) -> None:
        """AssertionError where an object has changed."""
        changed = sorted({stored.key for stored, before in self._noted if digest(stored) != before})
        assert not changed, f"stored objects were modified: {', '.join(changed)}"


@contextmanager
def watching_stores() -> Iterator[MutationDetector]:
    """A detector that notes everything that any store gets meanwhile."""
    detector = MutationDetector()
    put, load = Store.put, Store.load

    def noting_put(store: Store, stored: StoredObject) -> None:
        detector.note((stored,))
        put(store, stored)

    def noting_load(store: Store, objects: Iterable[StoredObject]) -> None:
        loaded = tuple(objects)
        detector.note(loaded)
        load(store, loaded)

    with patch.object(Store, "put", noting_put), patch.object(Store, "load", noting_load):
        yield detector


def digest(stored: StoredObject) -> bytes:
    """A digest of the bytes and of everything decoded from them, also of the mapping of labels."""
    header = msgspec.json.encode(stored.header)
    return hashlib.blake2b(b"\0".join((stored.key.encode(), stored.object, header)), digest_size=16).digest()
