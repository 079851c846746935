"""The objects of one informer, as the bytes that came and the few fields that selectors need."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

import msgspec

from gateway.informers.indexes import By, Index, Indexes, Term
from gateway.kube.received import ObjectHeader, ReceivedObject

__all__ = ["Store", "StoredObject", "in_order", "version_number"]


def version_number(resource_version: str) -> int | None:
    """A resource version as the number that it is (KEP-5504); None where an API server makes others."""
    return int(resource_version) if resource_version.isascii() and resource_version.isdigit() else None


class StoredObject(msgspec.Struct, frozen=True, gc=False):
    """One object at one resource version; ``key`` is ``namespace/name``, or the name alone."""

    key: str
    object: bytes
    header: ObjectHeader

    @classmethod
    def of(cls, received: ReceivedObject) -> "StoredObject":
        metadata = received.header.metadata
        key = f"{metadata.namespace}/{metadata.name}" if metadata.namespace else metadata.name
        return cls(key, received.object, received.header)

    @property
    def uid(self) -> str:
        return self.header.metadata.uid

    @property
    def resource_version(self) -> str:
        return self.header.metadata.resource_version

    @property
    def labels(self) -> Mapping[str, str]:
        return self.header.metadata.labels or {}

    def same_instance(self, other: "StoredObject") -> bool:
        """Whether both are the same object at two times, and not one that took the other's name."""
        return self.uid == other.uid


class Store:
    """The objects by key, in the order of their resource versions."""

    def __init__(self) -> None:
        self._objects: dict[str, StoredObject] = {}
        self._snapshot: tuple[StoredObject, ...] | None = None
        self._by_key: tuple[StoredObject, ...] = ()
        self._sorted_from: tuple[StoredObject, ...] | None = ()
        self._indexes = Indexes()

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: str) -> StoredObject | None:
        return self._objects.get(key)

    def keys(self) -> Iterable[str]:
        return self._objects.keys()

    def load(self, objects: Iterable[StoredObject]) -> None:
        """Replace everything; they must be :func:`in_order`."""
        self._objects = {each.key: each for each in objects}
        self._snapshot = None
        self._indexes.clear()

    def put(self, stored: StoredObject) -> None:
        """Add or replace an object with one at a newer resource version."""
        # taken out first, so that it moves to the end: the order is that of the resource versions
        old = self._objects.pop(stored.key, None)
        self._objects[stored.key] = stored
        self._snapshot = None
        self._indexes.put(stored.key, old.header if old else None, stored.header)

    def remove(self, key: str) -> None:
        old = self._objects.pop(key, None)
        self._snapshot = None
        if old is not None:
            self._indexes.put(key, old.header, None)

    def snapshot(self) -> tuple[StoredObject, ...]:
        """The objects as they are now; one tuple for everybody who asks between two changes."""
        if self._snapshot is None:
            self._snapshot = tuple(self._objects.values())
        return self._snapshot

    def by_key(self) -> tuple[StoredObject, ...]:
        """The same in the order of their keys, in which an API server lists them."""
        snapshot = self.snapshot()
        if self._sorted_from is not snapshot:
            self._by_key = tuple(sorted(snapshot, key=attrgetter("key")))
            self._sorted_from = snapshot
        return self._by_key

    def find(self, terms: Sequence[Term]) -> Sequence[StoredObject]:
        """The objects that meet the most selective of the terms, in the store's order."""
        indexes = [(self.index(each.by), each.values) for each in terms]
        index, values = min(indexes, key=lambda each: each[0].count(each[1]))
        keys = index.find(values)
        ordered = keys if len(values) == 1 else filter(keys.__contains__, self._objects)
        return [self._objects[key] for key in ordered]

    def index(self, by: By) -> Index:
        """An index of the objects, which follows their changes until :meth:`load`."""
        return self._indexes.get(by, ((key, stored.header) for key, stored in self._objects.items()))


def in_order(objects: Iterable[StoredObject]) -> list[StoredObject]:
    """The objects sorted by resource version; versions that are no numbers leave them as they come."""
    return sorted(objects, key=lambda stored: version_number(stored.resource_version) or 0)
