"""What subscribers ask for and what they get."""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

__all__ = ["EventType", "ObjectEvent", "Scope"]


class EventType(StrEnum):
    """What happened; the values are GraphQL's ``WatchEventType``."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    SYNCED = "SYNCED"


@dataclass(frozen=True, slots=True, weakref_slot=True)
class ObjectEvent:
    """One event; subscribers with the same filter get the very same instance.

    ``object`` is the object's JSON, None for ``SYNCED``. ``resource_version`` is where to resume from;
    ``key`` is ``namespace/name``, or the name of a cluster-scoped object. ``previous`` is the object's JSON
    as this subscriber was told of it last: a ``MODIFIED`` in which nothing changed that somebody looks at
    need not be told. It is None for ``ADDED`` and ``SYNCED``, and where it is not certain that the
    subscriber was told at all. ``received`` is when a change came from the API server, by
    :func:`time.monotonic`; 0 for what is told of the past. ``made`` is for readers: what one of them has
    made of this instance, all others need not make again. They bound what is in it, over all events.
    """

    type: EventType
    object: bytes | None
    resource_version: str
    uid: str = ""
    key: str = ""
    previous: bytes | None = None
    received: float = field(default=0.0, compare=False)
    made: dict[Hashable, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def size(self) -> int:
        """The bytes that it keeps alive."""
        return len(self.object or b"") + len(self.previous or b"")

    def unsure(self) -> "ObjectEvent":
        """The same for a subscriber that may not know the object yet."""
        return replace(self, previous=None) if self.previous else self

    def past(self) -> "ObjectEvent":
        """The same for a subscriber that was away when it happened, and may not know the object."""
        return replace(self, previous=None, received=0.0)


@dataclass(frozen=True, slots=True)
class Scope:
    """All objects of a resource, those of one namespace, or one object.

    The one object of a cluster-scoped resource has a name and no namespace.
    """

    namespace: str | None = None
    name: str | None = None

    @property
    def key(self) -> str:
        """The key of the one object (``namespace/name``, or the name), where it is one."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name or ""

    @property
    def covering(self) -> "tuple[Scope, ...]":
        """Every scope that contains this one, the widest first, itself last."""
        candidates = (Scope(), Scope(self.namespace), self)
        return tuple(dict.fromkeys(candidates))
