"""The objects of one informer: the bytes as received, and the few decoded fields that selectors need."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

import msgspec

from gateway.informers.indexes import Index, Indexes, IndexKey, Term
from gateway.kube.received import ObjectHeader, ReceivedObject
from schema.confidential import Confidential

__all__ = ["Store", "StoredObject", "in_order", "version_number"]


def version_number(resource_version: str) -> int | None:
    """The resource version as an integer (KEP-5504).

    None for the opaque ones of some aggregated API servers, and for more than 128 bits.
    """
    is_number = resource_version.isascii() and resource_version.isdigit() and len(resource_version) < 40
    return int(resource_version) if is_number else None


class StoredObject(Confidential, msgspec.Struct, frozen=True, gc=False):
    """One object at one resource version.

    ``key`` is ``namespace/name``, or the name of a cluster-scoped object.
    """

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
        """Whether both are states of one object; False when an object was recreated under the same name."""
        return self.uid == other.uid


class Store:
    """Objects by key, in the order of their resource versions."""

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
        """Replace all objects; ``objects`` must be sorted by :func:`in_order`."""
        self._objects = {stored.key: stored for stored in objects}
        self._snapshot = None
        self._indexes.clear()

    def put(self, stored: StoredObject) -> None:
        """Add an object, or replace it by its state at a newer resource version."""
        # Removed first, because a dict keeps the position of an existing key: the order is by resource
        # version.
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
        """The current objects; all callers between two changes share one tuple."""
        if self._snapshot is None:
            self._snapshot = tuple(self._objects.values())
        return self._snapshot

    def by_key(self) -> tuple[StoredObject, ...]:
        """The current objects sorted by key, the order of a LIST of an API server; shared like a snapshot."""
        snapshot = self.snapshot()
        if self._sorted_from is not snapshot:
            self._by_key = tuple(sorted(snapshot, key=attrgetter("key")))
            self._sorted_from = snapshot
        return self._by_key

    def find(self, terms: Sequence[Term]) -> Sequence[StoredObject]:
        """The objects that meet the most selective term, in the store's order.

        The other terms are not applied.
        """
        indexes = [(self.index(term.by), term.values) for term in terms]
        index, values = min(indexes, key=lambda indexed: indexed[0].count(indexed[1]))
        keys = index.find(values)
        if not keys:
            return []
        ordered = keys if len(values) == 1 else filter(keys.__contains__, self._objects)
        return [self._objects[key] for key in ordered]

    def index(self, by: IndexKey) -> Index:
        """An index of the objects; it follows their changes until :meth:`load`."""
        return self._indexes.get(by, ((key, stored.header) for key, stored in self._objects.items()))


def in_order(objects: Iterable[StoredObject]) -> list[StoredObject]:
    """The objects sorted by resource version; objects with opaque versions keep their order."""
    return sorted(objects, key=lambda stored: version_number(stored.resource_version) or 0)
