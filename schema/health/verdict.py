"""The result of a health rule: a status, a reason in CamelCase, a message in one sentence."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Health", "HealthStatus", "worst_status"]


class HealthStatus(StrEnum):
    """The states of an object, best first; kstatus' names, in the upper case of GraphQL's enums."""

    CURRENT = "CURRENT"
    TERMINATING = "TERMINATING"
    IN_PROGRESS = "IN_PROGRESS"
    UNKNOWN = "UNKNOWN"
    FAILED = "FAILED"


_RANKS = {status: rank for rank, status in enumerate(HealthStatus)}


@dataclass(frozen=True, slots=True)
class Health:
    """The health of one object. ``reason`` is the controller's own word if it gave one."""

    status: HealthStatus
    reason: str | None = None
    message: str | None = None

    @classmethod
    def current(cls, message: str | None = None, reason: str | None = None) -> "Health":
        """The object has the state that its spec asks for."""
        return cls(HealthStatus.CURRENT, reason, message)

    @classmethod
    def in_progress(cls, reason: str, message: str | None = None) -> "Health":
        """The object is on the way to its spec."""
        return cls(HealthStatus.IN_PROGRESS, reason or None, message or None)

    @classmethod
    def failed(cls, reason: str, message: str | None = None) -> "Health":
        """The object does not reach its spec without help."""
        return cls(HealthStatus.FAILED, reason or None, message or None)

    @classmethod
    def terminating(cls, message: str, reason: str = "Terminating") -> "Health":
        """The object is being deleted."""
        return cls(HealthStatus.TERMINATING, reason, message)

    @classmethod
    def unknown(cls, reason: str, message: str | None = None) -> "Health":
        """The object does not show its state."""
        return cls(HealthStatus.UNKNOWN, reason or None, message or None)


def worst_status(statuses: Iterable[HealthStatus]) -> HealthStatus:
    """The worst of the states, ``CURRENT`` if there are none.

    From best to worst: ``CURRENT``, ``TERMINATING``, ``IN_PROGRESS``, ``UNKNOWN``, ``FAILED``.
    """
    return max(statuses, key=_RANKS.__getitem__, default=HealthStatus.CURRENT)
