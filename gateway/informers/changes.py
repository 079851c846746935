"""One change of one object, and what it is to somebody who sees only a part of the objects."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.informers.events import EventType, ObjectEvent, Scope
from gateway.informers.fields import value_of
from gateway.informers.indexes import By, Kind, Term
from gateway.informers.store import StoredObject
from gateway.kube.received import with_resource_version
from schema.selectors import FieldSelector, LabelSelector, Operator

__all__ = ["Change", "Filter"]


@dataclass(slots=True)
class Change:
    """An object's state before and after; None where it did not exist.

    ``resource_version`` is where somebody who knows of this change resumes. ``final`` is the last state
    of a deleted object. ``received`` is when it was learned of, by :func:`time.monotonic`.
    """

    old: StoredObject | None
    new: StoredObject | None
    resource_version: str
    final: bytes = b""
    received: float = field(default=0.0, compare=False)
    _departed: bytes | None = field(default=None, init=False, repr=False)

    @property
    def subject(self) -> StoredObject:
        """The object that changed; at least one of its states exists."""
        stored = self.new or self.old
        if stored is None:
            raise ValueError("a change without an object")
        return stored

    @property
    def size(self) -> int:
        """The bytes that it keeps alive: the state after it is in the store, or before another change."""
        old = self.old.object if self.old is not None else b""
        return len(old) + (len(self.final) if self.final is not old else 0)

    def departed(self) -> bytes:
        """The old state at the new resource version: what those get whose selection it left."""
        if self.new is None:
            return self.final
        if self._departed is None:
            self._departed = (
                with_resource_version(self.old.object, self.resource_version) if self.old else b""
            )
        return self._departed


@dataclass(frozen=True, slots=True)
class Filter:
    """What a subscriber sees: a scope, and selectors on labels and on fields that the store has."""

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
        """What an index can tell of the objects that it selects, of all those in a scope."""
        if self.scope.namespace is not None and scope.namespace is None:
            yield Term(By(Kind.NAMESPACE), frozenset((self.scope.namespace,)))
        for label in self.labels.requirements:
            if label.operator in (Operator.IN, Operator.EQUALS):
                yield Term(By(Kind.LABEL, label.key), label.values)
        for term in self.fields.requirements:
            if not term.negated:
                yield Term(By(Kind.FIELD, term.field), frozenset((term.value,)))

    def event(self, change: Change) -> ObjectEvent | None:
        """The change as it looks through this filter; None where it cannot be seen."""
        before = change.old is not None and self.selects(change.old)
        after = change.new is not None and self.selects(change.new)
        if change.new is not None and after:
            kind, body = (EventType.MODIFIED if before else EventType.ADDED), change.new.object
        elif before:
            kind, body = EventType.DELETED, change.departed()
        else:
            return None
        subject = change.subject
        previous = change.old.object if change.old is not None and before else None
        return ObjectEvent(
            kind, body, change.resource_version, subject.uid, subject.key, previous, change.received
        )

    def initial(self, stored: StoredObject) -> ObjectEvent | None:
        """The object as an initial event; None where it cannot be seen."""
        if not self.selects(stored):
            return None
        return ObjectEvent(EventType.ADDED, stored.object, stored.resource_version, stored.uid, stored.key)
