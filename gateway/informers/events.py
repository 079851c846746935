"""What subscribers ask for and what they get."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["EventType", "ObjectEvent", "Scope"]


class EventType(StrEnum):
    """What happened; the values are GraphQL's ``WatchEventType``."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    SYNCED = "SYNCED"


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """One event; subscribers with the same filter get the very same instance.

    ``object`` is the object's JSON, None for ``SYNCED``. ``resource_version`` is where to resume from;
    ``key`` is ``namespace/name``, or the name of a cluster-scoped object. ``previous`` is the object's JSON
    as this subscriber was told of it last: a ``MODIFIED`` in which nothing changed that somebody looks at
    need not be told. It is None for ``ADDED`` and ``SYNCED``.
    """

    type: EventType
    object: bytes | None
    resource_version: str
    uid: str = ""
    key: str = ""
    previous: bytes | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """All objects of a resource, those of one namespace, or one object.

    The one object of a cluster-scoped resource has a name and no namespace.
    """

    namespace: str | None = None
    name: str | None = None

    @property
    def covering(self) -> "tuple[Scope, ...]":
        """Every scope that contains this one, the widest first, itself last."""
        candidates = (Scope(), Scope(self.namespace), self)
        return tuple(dict.fromkeys(candidates))
