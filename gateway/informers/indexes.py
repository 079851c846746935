"""Indexes of a store: object keys by namespace, label, field or owner.

An index is built from all objects on its first use, and each later change updates it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.informers.fields import field_getter
from gateway.kube.received import ObjectHeader
from gateway.lru import LRU

__all__ = ["OWNER", "Index", "IndexKey", "IndexType", "Indexes", "Term"]

_Entries = Iterable[tuple[str, ObjectHeader]]


class IndexType(StrEnum):
    """The kind of value that an index maps to object keys."""

    NAMESPACE = "namespace"
    LABEL = "label"
    FIELD = "field"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class IndexKey:
    """Identifies an index of a store; ``name`` is a label key or a field path, empty for the other types."""

    type: IndexType
    name: str = ""

    def getter(self) -> Callable[[ObjectHeader], Collection[str]]:
        """A function that returns an object's indexed values, without duplicates."""
        match self.type:
            case IndexType.NAMESPACE:
                return lambda header: (header.metadata.namespace,)
            case IndexType.LABEL:
                return self._label
            case IndexType.FIELD:
                value = field_getter(self.name)
                return lambda header: (value(header),)
            case IndexType.OWNER:
                return lambda header: {owner.uid for owner in header.metadata.owner_references or ()}

    def _label(self, header: ObjectHeader) -> Collection[str]:
        labels = header.metadata.labels
        value = labels.get(self.name) if labels else None
        return () if value is None else (value,)


OWNER = IndexKey(IndexType.OWNER)
"""The index by the uids of an object's owners."""


@dataclass(frozen=True, slots=True)
class Term:
    """A condition that an index can answer: the object has one of ``values``."""

    by: IndexKey
    values: frozenset[str]


class Index:
    """Object keys by value; the keys of one value are in the order in which their objects were put."""

    def __init__(self, by: IndexKey, entries: _Entries) -> None:
        self._values = by.getter()
        self._keys: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for key, header in entries:
            for value in self._values(header):
                self._keys[value][key] = None

    def __len__(self) -> int:
        """The number of distinct values."""
        return len(self._keys)

    def put(self, key: str, old: ObjectHeader | None, new: ObjectHeader | None) -> None:
        """Replace the old state of an object by the new one.

        None stands for an object that does not exist.
        """
        after = () if new is None else self._values(new)
        for value in () if old is None else self._values(old):
            keys = self._keys[value]
            # Removed even if the value stays, so that the key moves to the end, as in the store.
            del keys[key]
            if not keys and value not in after:
                del self._keys[value]
        for value in after:
            self._keys[value][key] = None

    def count(self, values: Collection[str]) -> int:
        """An upper bound of the number of objects with one of the values: the sum over the values."""
        return sum(map(len, self._found(values)))

    def find(self, values: Collection[str]) -> Collection[str]:
        """The keys of the objects with one of the values; in order only for a single value."""
        found = self._found(values)
        return found[0] if len(found) == 1 else frozenset().union(*found)

    def _found(self, values: Collection[str]) -> list[dict[str, None]]:
        """The keys by value, for values that occur in an object."""
        # the owners of a tree are many, and most kinds have few owners or none
        if len(self._keys) < len(values):
            wanted = frozenset(values)
            return [keys for value, keys in self._keys.items() if value in wanted]
        return [self._keys[value] for value in values if value in self._keys]


class Indexes:
    """The indexes of one store, at most ``most``; the least recently used one is evicted."""

    def __init__(self, most: int = 16) -> None:
        self._indexes: LRU[IndexKey, Index] = LRU(most)

    def __len__(self) -> int:
        return len(self._indexes)

    def get(self, by: IndexKey, entries: _Entries) -> Index:
        """The index; a missing one is built from ``entries``, all entries of the store."""
        index = self._indexes.get(by)
        if index is None:
            index = Index(by, entries)
            self._indexes.put(by, index)
        return index

    def put(self, key: str, old: ObjectHeader | None, new: ObjectHeader | None) -> None:
        """Update all indexes with one change, as :meth:`Index.put`."""
        for index in self._indexes.values():
            index.put(key, old, new)

    def clear(self) -> None:
        """Drop all indexes, because the store was loaded anew."""
        self._indexes.clear()
