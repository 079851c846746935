"""The cache of encoded selections: (selection, object version) -> JSON bytes.

Encoding one selection of one object costs tens of microseconds; a list has thousands of objects and an event
thousands of subscribers. So each selection is encoded once per object version, and cached lists, single
cached objects and subscriptions read the same entries: a list warms the cache of a subscription and the
other way round. There are two kinds of table:

- :class:`ObjectTable`: one :class:`~schema.selection.Selection`; an entry per object, for its two
  most recent versions.
- :class:`EventTable`: one subscription selection; an entry per event, which is the complete payload. The
  informer gives all subscribers with one filter the same event instance, so the second subscriber and all
  later ones need one dict lookup.

**Identity of a version.** A version is the hash of the object's JSON: a 64-bit keyed hash (SipHash) that
CPython computes once and keeps in the bytes object. The cache therefore keeps no object alive, informers of
different callers share entries for equal objects, and the metadata-only and the complete form of one resource
version are different versions. Resource versions cannot be the identity: they repeat after an etcd restore.

**Lifetime.** The entries of all tables together are bounded by bytes. The least recently used table is
evicted first, its oldest entries first. Besides:

- The ``DELETED`` event or the next list removes the entry of a deleted object.
- The entry of an event goes when the last subscriber's queue releases the event.
- A table goes with its last subscriber; a table that lists have used stays until the informers of those
  lists are gone, too.
"""

import weakref
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Generic, TypeVar

from gateway.concurrency import LoopYielder
from gateway.informers import Informer, ObjectEvent, Scope, StoredObject
from schema.selection import Compiled, EventSelection, Selection, SharedSource

__all__ = ["EncodedSelections", "EventTable", "ObjectTable", "Payload"]

Payload = SharedSource | Compiled
"""The value of a subscription field for one event: graphql-core executes it, or it is encoded already."""

MAX_BYTES = 64 << 20
MAX_OBJECT_BYTES = 256 << 20
BYTES_PER_YIELD = 1 << 20
"""Bytes of objects to encode before other tasks of the event loop run: 1 MiB takes 1 to 2 ms."""
ENTRY_BYTES = 200
IDLE_TABLE_BYTES = 32 << 10
"""Memory that an entry takes beside its bytes, and that an unused table takes: it keeps a compiled
selection."""

Entry = TypeVar("Entry")


class _Table(ABC, Generic[Entry]):
    """Entries, the oldest first; ``size`` is their weight in bytes. ``users`` counts the current readers.

    ``name`` is the selection.
    """

    def __init__(self, owner: "EncodedSelections", name: Hashable) -> None:
        self.name = name
        self.entries: dict[Hashable, Entry] = {}
        self.size = 0
        self.users = 0
        self.informers: dict[weakref.ref[Informer], int] = {}
        self._owner = owner

    def __len__(self) -> int:
        return len(self.entries)

    def remove(self, key: Hashable) -> None:
        """Remove the entry with that key, if there is one."""
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.resize(-self._weigh(entry))
            self._on_removed(entry)

    def remove_oldest(self) -> None:
        self.remove(next(iter(self.entries)))

    def clear(self) -> None:
        while self.entries:
            self.remove_oldest()

    def resize(self, difference: int) -> None:
        self.size += difference
        self._owner.size += difference

    def _put(self, key: Hashable, entry: Entry) -> None:
        self.remove(key)
        self.entries[key] = entry
        self.resize(self._weigh(entry))
        self._owner.mark_used(self)
        self._owner.evict()

    @abstractmethod
    def _weigh(self, entry: Entry) -> int:
        """The bytes that the entry counts."""

    def _on_removed(self, entry: Entry) -> None:
        pass


_UNKNOWN = b""
"""In place of an object that is to be encoded; no JSON is empty."""

ObjectEntry = tuple[int, bytes, int, bytes | None]
"""The newest version and its encoding, the version before it and its encoding (None: there is none)."""


class ObjectTable(_Table[ObjectEntry]):
    """One selection of objects; the keys are those of the objects (``namespace/name``, or the name).

    It keeps two versions of an object, because a ``MODIFIED`` is compared with the state before it once for
    each filter that subscribers have.
    """

    def __init__(self, owner: "EncodedSelections", selection: Selection) -> None:
        super().__init__(owner, selection)
        self._encode = selection.encode

    def encode(self, key: str, body: bytes) -> bytes:
        """The selection of the object as JSON. Raises SelectionMismatch, AnswerTooLarge."""
        version = hash(body)
        newest, encoded, before, encoded_before = self.entries.get(key, (0, None, 0, None))
        if newest == version and encoded is not None:
            return encoded
        if before == version and encoded_before is not None:
            return encoded_before
        fresh = self._encode(body, self._owner.max_object_bytes)
        self._put(key, (version, fresh, newest, encoded))
        return fresh

    def remove_deleted(self, informer: Informer) -> None:
        """Remove the entries in the informer's scope whose objects the informer no longer has.

        The table may have entries of other scopes, too. It is searched when it has more entries than the
        informer has objects, plus twice the entries that the last search found in other scopes: this makes
        the cost per new entry constant.
        """
        reference = weakref.ref(informer)
        if len(self.entries) <= len(informer.items()) + 2 * self.informers.get(reference, 0):
            return
        inside = [key for key in map(str, self.entries) if _is_inside(key, informer.scope)]
        if reference in self.informers:
            self.informers[reference] = len(self.entries) - len(inside)
        for key in inside:
            if informer.get(key) is None:
                self.remove(key)

    def _weigh(self, entry: ObjectEntry) -> int:
        return ENTRY_BYTES + len(entry[1]) + len(entry[3] or b"")


class _EventEntry:
    """The payload of one event, None for a suppressed one; the weight grows with each result it keeps."""

    __slots__ = ("payload", "reference", "weight")

    def __init__(self, reference: weakref.ref[ObjectEvent], payload: Payload | None, weight: int) -> None:
        self.reference = reference
        self.payload = payload
        self.weight = weight


class EventTable(_Table[_EventEntry]):
    """The payloads of one subscription selection; the keys are the ids of the event instances.

    ``objects`` are the tables of the parts that the selection takes from an event's object.
    """

    def __init__(
        self, owner: "EncodedSelections", selection: EventSelection | None, objects: Sequence[ObjectTable]
    ) -> None:
        super().__init__(owner, selection)
        self.selection = selection
        self.objects = tuple(objects)

    def get(
        self, event: ObjectEvent, build: "Callable[[EventTable, ObjectEvent], Payload | None]"
    ) -> Payload | None:
        """The payload of the event; ``build`` makes it for the first subscriber that gets this instance."""
        entry = self.entries.get(id(event))
        if entry is not None:
            return entry.payload
        payload = build(self, event)
        # only one subscriber gets an initial or a replayed event
        if event.received:
            self._keep(event, payload)
        return payload

    def _keep(self, event: ObjectEvent, payload: Payload | None) -> None:
        key = id(event)
        weight = ENTRY_BYTES
        if type(payload) is Compiled:
            weight += memoryview(payload.value).nbytes
        elif isinstance(payload, SharedSource):
            payload.on_kept = partial(self._add_weight, key)
        # the entry goes before the event's id can be used again
        reference = weakref.ref(event, lambda _: self.remove(key))
        self._put(key, _EventEntry(reference, payload, weight))

    def _add_weight(self, key: int, size: int) -> None:
        entry = self.entries.get(key)
        if entry is not None:
            entry.weight += size
            self.resize(size)
            self._owner.evict()

    def _weigh(self, entry: _EventEntry) -> int:
        return entry.weight

    def _on_removed(self, entry: _EventEntry) -> None:
        # a slow subscriber may still have the payload: results that it keeps from now on are not counted
        if isinstance(entry.payload, SharedSource):
            entry.payload.forget()


Table = TypeVar("Table", ObjectTable, EventTable)


class EncodedSelections:
    """The cache, bounded by ``max_bytes``; ``size`` is the number of bytes that it holds now.

    ``max_object_bytes`` bounds one encoded object.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, max_object_bytes: int = MAX_OBJECT_BYTES) -> None:
        self.size = 0
        self.max_object_bytes = max_object_bytes
        self._max_bytes = max_bytes
        # by selection, the least recently used first
        self._tables: OrderedDict[Hashable, ObjectTable | EventTable] = OrderedDict()

    def __len__(self) -> int:
        """The number of tables."""
        return len(self._tables)

    async def encode_list(
        self,
        informer: Informer,
        selection: Selection,
        objects: Sequence[StoredObject],
        count: Callable[[int], object] = int,
    ) -> bytes:
        """:meth:`encode_each`, separated by commas."""
        return b",".join(await self.encode_each(informer, selection, objects, count))

    async def encode_each(
        self,
        informer: Informer,
        selection: Selection,
        objects: Sequence[StoredObject],
        count: Callable[[int], object] = int,
    ) -> list[bytes]:
        """The selection of each of these objects of the informer as JSON.

        Yields to the event loop while it encodes new versions, and calls ``count`` with the size of each.
        Raises SelectionMismatch, AnswerTooLarge.
        """
        with self.objects(informer, selection) as table:
            yielder, known = LoopYielder(BYTES_PER_YIELD), table.entries.get
            # the check of table.encode, inlined: 5,000 calls cost as much as the rest of a warm list
            encoded = [
                entry[1] if (entry := known(stored.key)) and entry[0] == hash(stored.object) else _UNKNOWN
                for stored in objects
            ]
            if _UNKNOWN in encoded:
                for index, stored in enumerate(objects):
                    if encoded[index] is _UNKNOWN:
                        encoded[index] = table.encode(stored.key, stored.object)
                        count(len(encoded[index]))
                        await yielder.after(len(stored.object))
            table.remove_deleted(informer)
        return encoded

    def encode_object(self, informer: Informer, selection: Selection, stored: StoredObject) -> bytes:
        """The selection of one object of the informer as JSON. Raises SelectionMismatch, AnswerTooLarge."""
        with self.objects(informer, selection) as table:
            return table.encode(stored.key, stored.object)

    @contextmanager
    def objects(self, informer: Informer, selection: Selection) -> Iterator[ObjectTable]:
        """The table of a selection of the informer's objects, while the block runs."""
        with self._used(self._object_table(selection)) as table:
            self._bind(table, informer)
            yield table

    @contextmanager
    def subscription(self, selection: EventSelection | None) -> Iterator[EventTable]:
        """The table of a subscription, while the block runs.

        None stands for every selection that graphql-core executes: their payloads are the same.
        """
        table = self._tables.get(selection)
        if not isinstance(table, EventTable):
            objects = [] if selection is None else [self._object_table(part) for part in selection.objects]
            table = self._add(EventTable(self, selection, objects))
        with ExitStack() as tables:
            for part in table.objects:
                tables.enter_context(self._used(part))
            yield tables.enter_context(self._used(table))

    def mark_used(self, table: _Table[Any]) -> None:
        """Make the table the most recently used one."""
        self._tables.move_to_end(table.name)

    def evict(self) -> None:
        """Evict entries, and tables without users, until the bound holds."""
        if self.size <= self._max_bytes:
            return
        for table in tuple(self._tables.values()):
            while table.entries and self.size > self._max_bytes:
                table.remove_oldest()
            if self.size <= self._max_bytes:
                return
            if not table.users:
                self._drop(table)

    def _object_table(self, selection: Selection) -> ObjectTable:
        table = self._tables.get(selection)
        return table if isinstance(table, ObjectTable) else self._add(ObjectTable(self, selection))

    def _add(self, table: Table) -> Table:
        self._tables[table.name] = table
        table.resize(IDLE_TABLE_BYTES)
        return table

    @contextmanager
    def _used(self, table: Table) -> Iterator[Table]:
        if not table.users:
            table.resize(-IDLE_TABLE_BYTES)
        table.users += 1
        self.mark_used(table)
        try:
            yield table
        finally:
            table.users -= 1
            if not table.users:
                table.resize(IDLE_TABLE_BYTES)
                self._drop_if_unused(table)
                self.evict()

    def _bind(self, table: ObjectTable, informer: Informer) -> None:
        """Keep the table as long as the informer exists."""
        if weakref.ref(informer) not in table.informers:

            def release(reference: weakref.ref[Informer]) -> None:
                del table.informers[reference]
                self._drop_if_unused(table)

            table.informers[weakref.ref(informer, release)] = 0

    def _drop_if_unused(self, table: ObjectTable | EventTable) -> None:
        if not table.users and not table.informers:
            self._drop(table)

    def _drop(self, table: ObjectTable | EventTable) -> None:
        if self._tables.pop(table.name, None) is not None:
            table.informers.clear()
            table.clear()
            table.resize(-table.size)


def _is_inside(key: str, scope: Scope) -> bool:
    if scope.name is not None:
        return key == scope.key or (scope.namespace is None and key.endswith(f"/{scope.name}"))
    return scope.namespace is None or key.startswith(f"{scope.namespace}/")
