"""The synchronous half of an informer: objects, recent changes, and the resource version they are as of.

The cache does no I/O and does not use asyncio. Each update returns the changes it made; the caller publishes
them.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from gateway.errors import GatewayError
from gateway.informers.changes import Change, Filter, compute_changes
from gateway.informers.events import Scope
from gateway.informers.history import History
from gateway.informers.indexes import OWNER, Term
from gateway.informers.store import Store, StoredObject, in_order, version_number
from gateway.kube.received import metadata_bytes
from gateway.kube.watch import WatchEvent

__all__ = ["ObjectCache", "Replacement", "ResourceVersionRegressed"]

logger = logging.getLogger(__name__)

# Each term may need an index to be built.
_MOST_TERMS = 3
_HISTORY_CHANGES = 4096
_HISTORY_BYTES = 32 << 20


class ResourceVersionRegressed(GatewayError):
    """A resource version is lower than an earlier one: only a new LIST shows the current state."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A LIST that is compared with the cache but not applied; ``changes`` lead from the one to the other.

    ``grown``: complete objects replace objects that had only metadata. ``regressed``: the list's resource
    version is lower than that of the cache.
    """

    objects: Sequence[StoredObject]
    resource_version: str
    metadata_only: bool
    grown: bool
    regressed: bool
    changes: Sequence[Change]


class ObjectCache:
    """The objects of one scope, the changes that led to them, and their position.

    ``resource_version`` is the position; bookmarks advance it, too. ``changed_at`` is the position of the
    newest LIST or change, ``lists`` the number of LISTs. ``settled`` says whether the objects are a whole set
    as of the position. While ``metadata_only``, objects may lack everything but their metadata.
    """

    def __init__(self, scope: Scope, history: History | None = None) -> None:
        self.scope = scope
        self.resource_version = ""
        self.changed_at = ""
        self.lists = 0
        self.metadata_only = False
        self.settled = False
        self._store = Store()
        self._history = history or History(most_changes=_HISTORY_CHANGES, most_bytes=_HISTORY_BYTES)
        self._ordered = True
        self._regressed = False

    # reads

    @property
    def ordered(self) -> bool:
        """Whether resource versions are comparable integers here."""
        return self._ordered and version_number(self.resource_version) is not None

    def get(self, key: str) -> StoredObject | None:
        """The object with that key (``namespace/name``, or the name)."""
        return self._store.get(key)

    def items(self) -> Sequence[StoredObject]:
        """All objects in the order of their resource versions, as of ``resource_version``."""
        return self._store.snapshot()

    def by_key(self) -> Sequence[StoredObject]:
        """All objects in the order in which an API server lists them."""
        return self._store.by_key()

    def select(self, filter_: Filter) -> Sequence[StoredObject] | None:
        """A superset of the objects that the filter selects, in the order of :meth:`items`.

        None if no index narrows the search, so that all objects have to be filtered.
        """
        if filter_.scope.name is not None:
            stored = self._store.get(filter_.scope.key)
            return () if stored is None else (stored,)
        terms = tuple(islice(filter_.terms(self.scope), _MOST_TERMS))
        return self._store.find(terms) if terms else None

    def owned_by(self, *uids: str) -> Sequence[StoredObject]:
        """The objects with one of these owners (``metadata.ownerReferences``); of one owner in order."""
        return self._store.find((Term(OWNER, frozenset(uids)),))

    def changes_since(self, number: int) -> Iterable[Change] | None:
        """The changes after that resource version; None if the history does not hold all of them."""
        return self._history.since(number)

    # updates

    def prepare(
        self, objects: Iterable[StoredObject], resource_version: str, *, metadata_only: bool = False
    ) -> Replacement:
        """Compare a LIST with the cache.

        Changes nothing, so that a thread may do it while nothing else updates.
        """
        ordered = in_order(objects)
        grown = self.settled and self.metadata_only and not metadata_only
        regressed = self._is_back(resource_version)
        compared: Callable[[bytes], bytes] | None = None
        if regressed:
            # After a restore from a backup an unchanged resource version does not prove an unchanged object.
            compared = metadata_bytes if grown else bytes
        changes = (
            compute_changes(self._store, ordered, self.resource_version, resource_version, compared=compared)
            if self.settled
            else ()
        )
        return Replacement(ordered, resource_version, metadata_only, grown, regressed, changes)

    def replace(self, replacement: Replacement) -> Iterator[Change]:
        """Apply a LIST, change by change: each change is in the cache when it is yielded.

        The first LIST yields no change. ``settled`` is False until the iterator is exhausted. The list is
        authoritative, even with a lower resource version: etcd may have been restored from a backup.
        """
        if self._regressed and not replacement.regressed:
            logger.warning("resource versions are not ordered here; subscribers cannot resume")
            self._ordered = False
        self._regressed = False
        if self.settled:
            self.settled = False
            yield from self._apply_list(replacement)
        else:
            self._store.load(replacement.objects)
            self._history.restart(replacement.resource_version)
        self.resource_version = self.changed_at = replacement.resource_version
        self.lists += 1
        self.metadata_only = replacement.metadata_only
        self.settled = True

    def _apply_list(self, replacement: Replacement) -> Iterator[Change]:
        if replacement.regressed:
            self._history.restart("")
        after, before = version_number(self.resource_version), version_number(replacement.resource_version)
        if after is not None and before is not None:
            self._history.mark_gap(after, before)
        for change in replacement.changes:
            self._record(change)
            yield change
        if replacement.grown:
            # The history holds objects without their data: no subscriber may resume from it.
            self._store.load(replacement.objects)
        if replacement.regressed or replacement.grown or not self._ordered:
            self._history.restart(replacement.resource_version if self._ordered else "")

    def apply(self, event: WatchEvent) -> Sequence[Change]:
        """Apply one event of a watch; returns no change for a state that is known already.

        Raises ResourceVersionRegressed.
        """
        stored = StoredObject.of(event.received)
        old = self._store.get(stored.key)
        deleted = event.type == "DELETED"
        if not deleted and old is not None and old.resource_version == stored.resource_version:
            return ()
        position = stored.resource_version
        if self._ordered and self._is_back(position):
            if not deleted:
                self._regressed = True
                raise ResourceVersionRegressed(
                    f"resource version {position} came after {self.resource_version}"
                )
            # Some aggregated API servers do not give a deletion its own resource version.
            position = self.resource_version
        changes = _changes(old, stored, position, deleted=deleted)
        for change in changes:
            self._record(change)
        self.resource_version = self.changed_at = position
        return changes

    def advance(self, resource_version: str) -> None:
        """Apply a bookmark: nothing changed up to that version. Raises ResourceVersionRegressed."""
        if self._ordered and self._is_back(resource_version):
            self._regressed = True
            raise ResourceVersionRegressed(
                f"a bookmark at {resource_version} came after {self.resource_version}"
            )
        self.resource_version = resource_version

    def _is_back(self, resource_version: str) -> bool:
        number, own = version_number(resource_version), version_number(self.resource_version)
        return number is not None and own is not None and number < own

    def _record(self, change: Change) -> None:
        if change.new is None:
            self._store.remove(change.subject.key)
        else:
            self._store.put(change.new)
        if self._ordered:
            self._history.record(change)


def _changes(
    old: StoredObject | None, stored: StoredObject, position: str, *, deleted: bool
) -> Sequence[Change]:
    if deleted:
        return (Change(old, None, position, stored.object),) if old is not None else ()
    if old is not None and not old.same_instance(stored):
        return (Change(old, None, position, old.object), Change(None, stored, position))
    return (Change(old, stored, position),)
