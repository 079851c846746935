"""Changes of objects: one change, its view through a filter, and the changes between a store and a LIST."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from gateway.informers.events import EventType, ObjectEvent, Scope
from gateway.informers.fields import value_of
from gateway.informers.indexes import IndexKey, IndexType, Term
from gateway.informers.store import Store, StoredObject, version_number
from gateway.kube.received import with_resource_version
from schema.selectors import FieldSelector, LabelSelector, Operator

__all__ = ["Change", "Filter", "compute_changes"]


@dataclass(slots=True)
class Change:
    """An object's state before and after; None where it did not exist.

    ``resource_version`` is the version from which a subscriber that has seen the change resumes. ``final`` is
    the last state of a deleted object. ``received`` is the arrival time, by :func:`time.monotonic`.
    """

    old: StoredObject | None
    new: StoredObject | None
    resource_version: str
    final: bytes = field(default=b"", repr=False)
    received: float = field(default=0.0, compare=False)
    _deleted_body: bytes | None = field(default=None, init=False, repr=False)

    @property
    def subject(self) -> StoredObject:
        """The new state, else the old one. Raises ValueError if neither exists."""
        stored = self.new or self.old
        if stored is None:
            raise ValueError("a change without an object")
        return stored

    @property
    def size(self) -> int:
        """Bytes that this change alone keeps alive.

        The new state belongs to the store or to a later change.
        """
        old = self.old.object if self.old is not None else b""
        return len(old) + (len(self.final) if self.final is not old else 0)

    def deleted_body(self) -> bytes:
        """The body of ``DELETED`` for a subscriber whose selection the object left, as from an API server.

        That is the last matching state with the resource version of the change. It is computed once.
        """
        if self.new is None:
            return self.final
        if self._deleted_body is None:
            self._deleted_body = (
                with_resource_version(self.old.object, self.resource_version) if self.old else b""
            )
        return self._deleted_body


@dataclass(frozen=True, slots=True)
class Filter:
    """The part of an informer that a subscriber sees: a scope, labels, and fields that the store has."""

    scope: Scope = field(default_factory=Scope)
    labels: LabelSelector = field(default_factory=LabelSelector)
    fields: FieldSelector = field(default_factory=FieldSelector)

    def selects(self, stored: StoredObject) -> bool:
        metadata = stored.header.metadata
        return (
            (self.scope.namespace is None or self.scope.namespace == metadata.namespace)
            and (self.scope.name is None or self.scope.name == metadata.name)
            and (self.labels.empty or self.labels.matches(stored.labels))
            and (self.fields.empty or self.fields.matches(value_of(stored.header)))
        )

    def terms(self, scope: Scope) -> Iterator[Term]:
        """The conditions that an index of an informer of ``scope`` can answer."""
        if self.scope.namespace is not None and scope.namespace is None:
            yield Term(IndexKey(IndexType.NAMESPACE), frozenset((self.scope.namespace,)))
        for label in self.labels.requirements:
            if label.operator in (Operator.IN, Operator.EQUALS):
                yield Term(IndexKey(IndexType.LABEL, label.key), label.values)
        for term in self.fields.requirements:
            if not term.negated:
                yield Term(IndexKey(IndexType.FIELD, term.field), frozenset((term.value,)))

    def event(self, change: Change) -> ObjectEvent | None:
        """The change as seen through this filter; None if neither state is selected."""
        before = change.old is not None and self.selects(change.old)
        after = change.new is not None and self.selects(change.new)
        if change.new is not None and after:
            event_type, body = (EventType.MODIFIED if before else EventType.ADDED), change.new.object
        elif before:
            event_type, body = EventType.DELETED, change.deleted_body()
        else:
            return None
        subject = change.subject
        previous = change.old.object if change.old is not None and before else None
        return ObjectEvent(
            event_type, body, change.resource_version, subject.uid, subject.key, previous, change.received
        )

    def initial(self, stored: StoredObject) -> ObjectEvent | None:
        """The object as an initial event; None if it is not selected."""
        if not self.selects(stored):
            return None
        return ObjectEvent(EventType.ADDED, stored.object, stored.resource_version, stored.uid, stored.key)


_Pair = tuple[StoredObject | None, StoredObject | None]


def compute_changes(
    store: Store,
    objects: Sequence[StoredObject],
    before: str,
    after: str,
    *,
    compared: Callable[[bytes], bytes] | None = None,
) -> list[Change]:
    """The changes that lead from ``store`` (as of ``before``) to ``objects`` (sorted, as of ``after``).

    Deletions come first, because a new object may have the name of a deleted one; the other changes follow in
    the order of their resource versions. Each change gets a resource version in that order, only the last one
    gets ``after``: a subscriber that saw a part of the changes is distinguishable from one that saw all.

    An unchanged resource version normally proves an unchanged object. With ``compared`` it does not: the
    results of ``compared`` for both bodies are compared, too.
    """
    pairs = [*_deletions(store, objects), *_additions(store, objects, compared)]
    versions = _versions(pairs, version_number(before), version_number(after), after)
    return [
        Change(old, new, version, old.object if old is not None and new is None else b"")
        for (old, new), version in zip(pairs, versions, strict=True)
    ]


def _deletions(store: Store, objects: Sequence[StoredObject]) -> Iterator[_Pair]:
    listed = {stored.key: stored for stored in objects}
    for old in store.snapshot():
        new = listed.get(old.key)
        if new is None or not old.same_instance(new):
            yield old, None


def _additions(
    store: Store, objects: Sequence[StoredObject], compared: Callable[[bytes], bytes] | None
) -> Iterator[_Pair]:
    for new in objects:
        old = store.get(new.key)
        if old is None or not old.same_instance(new):
            yield None, new
        elif old.resource_version != new.resource_version or (
            compared is not None and compared(old.object) != compared(new.object)
        ):
            yield old, new


def _versions(pairs: Sequence[_Pair], before: int | None, after: int | None, last: str) -> Iterator[str]:
    for index, (_, new) in enumerate(pairs, 1):
        if index == len(pairs) or before is None or after is None or after <= before:
            yield last
            continue
        own = version_number(new.resource_version) if new is not None else None
        # Strictly between the two versions, where History.mark_gap refuses resumes.
        yield str(max(before + 1, min(own or 0, after - 1)))
