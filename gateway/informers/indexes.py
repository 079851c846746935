"""Indexes of a store: the keys of the objects that have some value, of what selectors ask for.

An index is built when it is first asked for, by a look at every object, and follows each change from then on.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.informers.fields import field_getter
from gateway.kube.received import ObjectHeader

__all__ = ["OWNER", "By", "Index", "Indexes", "Kind", "Term"]

Entries = Iterable[tuple[str, ObjectHeader]]


class Kind(StrEnum):
    """What an object can be found by."""

    NAMESPACE = "namespace"
    LABEL = "label"
    FIELD = "field"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class By:
    """What an index is by: ``key`` is the key of a label, or the path of a field."""

    kind: Kind
    key: str = ""

    def getter(self) -> Callable[[ObjectHeader], Collection[str]]:
        """What gives an object's values, each once."""
        match self.kind:
            case Kind.NAMESPACE:
                return lambda header: (header.metadata.namespace,)
            case Kind.LABEL:
                return self._label
            case Kind.FIELD:
                value = field_getter(self.key)
                return lambda header: (value(header),)
            case Kind.OWNER:
                return lambda header: {each.uid for each in header.metadata.owner_references or ()}

    def _label(self, header: ObjectHeader) -> Collection[str]:
        labels = header.metadata.labels
        value = labels.get(self.key) if labels else None
        return () if value is None else (value,)


OWNER = By(Kind.OWNER)
"""By the uids of an object's owners."""


@dataclass(frozen=True, slots=True)
class Term:
    """A condition that an index can answer: an object has one of the values."""

    by: By
    values: frozenset[str]


class Index:
    """Keys by value; those of one value in the order in which their objects were put."""

    def __init__(self, by: By, entries: Entries) -> None:
        self._values = by.getter()
        self._keys: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for key, header in entries:
            for value in self._values(header):
                self._keys[value][key] = None

    def __len__(self) -> int:
        """How many values there are."""
        return len(self._keys)

    def put(self, key: str, old: ObjectHeader | None, new: ObjectHeader | None) -> None:
        """The object changed from the one to the other; None where it does not exist."""
        after = () if new is None else self._values(new)
        for value in () if old is None else self._values(old):
            keys = self._keys[value]
            # taken out also where it comes back, at the end: as in the store
            del keys[key]
            if not keys and value not in after:
                del self._keys[value]
        for value in after:
            self._keys[value][key] = None

    def count(self, values: Iterable[str]) -> int:
        """How many objects have one of the values; one that has several counts as several."""
        return sum(len(self._keys.get(value, ())) for value in values)

    def find(self, values: Collection[str]) -> Collection[str]:
        """The keys of the objects with one of the values; in order where it is one value."""
        found = [self._keys.get(value, {}) for value in values]
        return found[0] if len(found) == 1 else frozenset().union(*found)


class Indexes:
    """Those of one store; the one that was not used for longest is forgotten when there are too many."""

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._indexes: dict[By, Index] = {}

    def __len__(self) -> int:
        return len(self._indexes)

    def get(self, by: By, entries: Entries) -> Index:
        """The index, built of all of a store's entries where there is none yet."""
        index = self._indexes.pop(by, None)
        if index is None:
            index = Index(by, entries)
        self._indexes[by] = index
        if len(self._indexes) > self._most:
            del self._indexes[next(iter(self._indexes))]
        return index

    def put(self, key: str, old: ObjectHeader | None, new: ObjectHeader | None) -> None:
        """Tell all of a change, as :meth:`Index.put`."""
        for index in self._indexes.values():
            index.put(key, old, new)

    def clear(self) -> None:
        """Forget them: everything is another."""
        self._indexes.clear()
