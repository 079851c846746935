"""The vocabulary of subscriptions: the scope of a query, and the events that answer it."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

__all__ = ["EventType", "ObjectEvent", "Scope"]


class EventType(StrEnum):
    """The type of an event; the values equal GraphQL's ``WatchEventType``."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    SYNCED = "SYNCED"


@dataclass(frozen=True, slots=True, weakref_slot=True)
class ObjectEvent:
    """One event; all subscribers with the same filter share one instance.

    ``object`` is the object's JSON, None for ``SYNCED``. ``resource_version`` is the position to resume from.
    ``key`` is ``namespace/name``, or the name of a cluster-scoped object. ``previous`` is the JSON that this
    subscriber received last for the object: a reader may drop a ``MODIFIED`` whose selected fields are equal
    in both. It is None for ``ADDED`` and ``SYNCED``, and if the subscriber may not have received the object.
    ``received`` is a change's arrival time by :func:`time.monotonic`; 0 for initial and replayed events.
    """

    type: EventType
    object: bytes | None = field(repr=False)
    resource_version: str
    uid: str = ""
    key: str = ""
    previous: bytes | None = field(default=None, repr=False)
    received: float = field(default=0.0, compare=False)

    @property
    def size(self) -> int:
        """The bytes that the event keeps alive."""
        return len(self.object or b"") + len(self.previous or b"")

    def without_previous(self) -> "ObjectEvent":
        """The event for a subscriber that may not have received the object."""
        return replace(self, previous=None) if self.previous else self

    def replayed(self) -> "ObjectEvent":
        """The event for a subscriber that was disconnected when it happened: no previous state, no lag."""
        return replace(self, previous=None, received=0.0)


@dataclass(frozen=True, slots=True)
class Scope:
    """All objects of a resource, the objects of one namespace, one object, or the objects of one name.

    A single object of a cluster-scoped resource has a name and no namespace. For a namespaced resource that
    is the objects of this name in all namespaces.
    """

    namespace: str | None = None
    name: str | None = None

    @property
    def key(self) -> str:
        """The key (``namespace/name``, or the name) of a scope of one object."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name or ""

    @property
    def covering(self) -> "tuple[Scope, ...]":
        """Every scope that contains this one: the widest first, this one last."""
        candidates = (Scope(), Scope(self.namespace), self)
        return tuple(dict.fromkeys(candidates))
