"""The objects, their versions and the bounded history of their changes.

One counter numbers every change of every resource, as etcd's revision does. A stored object is never
modified in place: a reference to it is a consistent snapshot. Objects are stored without ``kind`` and
``apiVersion``, which depend on the requested version.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

__all__ = ["Change", "ChangeType", "CompactedError", "Storage", "Stored", "object_key", "preview"]

Object = dict[str, Any]


METADATA = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)


class CompactedError(Exception):
    """The requested version has been compacted; ``oldest`` is the oldest available one."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {asked} ({oldest})")
        self.asked = asked
        self.oldest = oldest


class ChangeType(StrEnum):
    """The type of a change, as in watch events."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Stored:
    """An object at one version; ``raw`` is its JSON."""

    key: str
    revision: int
    object: Object = field(repr=False)
    raw: bytes = field(repr=False)

    @property
    def labels(self) -> Mapping[str, str]:
        labels: Mapping[str, str] = self.object["metadata"].get("labels") or {}
        return labels

    @property
    def namespace(self) -> str:
        return self.key.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    def with_version(self, revision: int) -> "Stored":
        """The same object with another resource version."""
        return encode(self.key, revision, self.object)


def object_key(namespace: str, name: str) -> str:
    """The key of an object in its table; keys sort as etcd's do."""
    return f"{namespace}/{name}" if namespace else name


def encode(key: str, revision: int, value: Object) -> Stored:
    """The stored form of an object, its metadata in the API server's order."""
    metadata = {**value["metadata"], "resourceVersion": str(revision)}
    ordered = {item: metadata.pop(item) for item in METADATA if item in metadata}
    versioned = {"metadata": {**ordered, **metadata}, **{k: v for k, v in value.items() if k != "metadata"}}
    return Stored(key, revision, versioned, msgspec.json.encode(versioned))


def preview(key: str, value: Object) -> Stored:
    """The response object of a dry run: not stored, its version unchanged."""
    return Stored(key, 0, value, msgspec.json.encode(value))


@dataclass(frozen=True, slots=True)
class Change:
    """One change; for a deletion ``new`` is the last state, at the version of the deletion."""

    type: ChangeType
    table: str
    old: Stored | None
    new: Stored

    @property
    def revision(self) -> int:
        return self.new.revision


class Storage:
    """All tables (one per resource, whatever its versions) and the last ``history`` changes."""

    def __init__(self, *, history: int = 4096) -> None:
        self.revision = 1
        self.oldest = 1
        self.tables: dict[str, dict[str, Stored]] = {}
        self.changes: deque[Change] = deque()
        self.history = history
        self.listeners: list[Callable[[Change], None]] = []

    def get(self, table: str, key: str) -> Stored | None:
        return self.tables.get(table, {}).get(key)

    def all(self, table: str) -> Mapping[str, Stored]:
        """The current objects of a table."""
        return self.tables.get(table, {})

    def put(self, table: str, key: str, value: Object) -> Stored:
        """Store a new object or a new version of one; the storage takes ownership of the object."""
        self.revision += 1
        objects = self.tables.setdefault(table, {})
        old = objects.get(key)
        new = objects[key] = encode(key, self.revision, value)
        self._record(Change(ChangeType.MODIFIED if old else ChangeType.ADDED, table, old, new))
        return new

    def delete(self, table: str, key: str) -> Stored:
        """Remove an object and return its last state; raises KeyError if it does not exist."""
        old = self.tables[table].pop(key)
        self.revision += 1
        gone = old.with_version(self.revision)
        self._record(Change(ChangeType.DELETED, table, old, gone))
        return gone

    def at(self, table: str, revision: int) -> Mapping[str, Stored]:
        """The objects of a table at a version; raises CompactedError for a compacted version."""
        if revision < self.oldest:
            raise CompactedError(revision, self.oldest)
        objects = dict(self.all(table))
        for change in reversed(self.changes):
            if change.revision <= revision:
                break
            if change.table != table:
                continue
            if change.old is None:
                del objects[change.new.key]
            else:
                objects[change.old.key] = change.old
        return objects

    def since(self, table: str, revision: int) -> list[Change]:
        """The changes of a table after a version; raises CompactedError for a compacted version."""
        if revision < self.oldest:
            raise CompactedError(revision, self.oldest)
        return [item for item in self.changes if item.table == table and item.revision > revision]

    def compact(self) -> None:
        """Compact the history up to the current version."""
        self.changes.clear()
        self.oldest = self.revision

    def drop(self, table: str) -> None:
        """Remove every object of a table, with one change per object."""
        for key in list(self.all(table)):
            self.delete(table, key)

    def _record(self, change: Change) -> None:
        self.changes.append(change)
        while len(self.changes) > self.history:
            self.oldest = self.changes.popleft().revision
        for listener in tuple(self.listeners):
            listener(change)
