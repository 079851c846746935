"""Limits of the operations and subscriptions in progress, of one identity and of all together.

An operation counts from before its document is parsed until its response is complete; a subscription counts
as such from when its document is known. Each worker process counts its own.
"""

from dataclasses import dataclass

from gateway.errors import Busy

__all__ = ["ConcurrencyLimits", "InProgress", "Place"]


@dataclass(frozen=True, slots=True)
class ConcurrencyLimits:
    """The most operations and subscriptions in progress, and websockets before ``connection_init``.

    ``connection_init_timeout`` is in seconds.
    """

    operations: int = 1_000
    operations_per_identity: int = 200
    subscriptions: int = 10_000
    subscriptions_per_identity: int = 5_000
    pending_connections: int = 1_000
    connection_init_timeout: float = 10.0


class _Counted:
    """The things of one kind in progress. ``name`` is their word in messages and in the settings' names."""

    def __init__(self, name: str, most: int, most_per_identity: int) -> None:
        self._name = name
        self._most = most
        self._most_per_identity = most_per_identity
        self._by_identity: dict[str, int] = {}
        self._total = 0

    def enter(self, identity: str) -> None:
        """Count one. Raises Busy at a limit."""
        of_identity = self._by_identity.get(identity, 0)
        if of_identity >= self._most_per_identity:
            raise Busy(
                f"{self._most_per_identity} {self._name} of this identity are in progress, the limit "
                f"(--max-{self._name}-per-identity); wait until one ends"
            )
        if self._total >= self._most:
            raise Busy(
                f"{self._most} {self._name} are in progress, the limit (--max-{self._name}); "
                "wait until one ends"
            )
        self._by_identity[identity] = of_identity + 1
        self._total += 1

    def leave(self, identity: str) -> None:
        """Count one less; an identity without any takes no memory."""
        self._total -= 1
        of_identity = self._by_identity.pop(identity) - 1
        if of_identity > 0:
            self._by_identity[identity] = of_identity

    def __len__(self) -> int:
        return self._total


class InProgress:
    """All operations and subscriptions in progress."""

    def __init__(self, limits: ConcurrencyLimits | None = None) -> None:
        self.limits = limits or ConcurrencyLimits()
        self.operations = _Counted("operations", self.limits.operations, self.limits.operations_per_identity)
        self.subscriptions = _Counted(
            "subscriptions", self.limits.subscriptions, self.limits.subscriptions_per_identity
        )

    def place(self, identity: str) -> "Place":
        """The place of one operation of ``identity``, not yet taken."""
        return Place(self, identity)


class Place:
    """The place of one operation among the operations in progress; free again after :meth:`leave`."""

    __slots__ = ("_counted", "_identity", "_in_progress")

    def __init__(self, in_progress: InProgress, identity: str) -> None:
        self._in_progress = in_progress
        self._identity = identity
        self._counted: _Counted | None = None

    def take(self) -> None:
        """Take the place of an operation. Raises Busy."""
        self._move_to(self._in_progress.operations)

    def become_subscription(self) -> None:
        """Take the place of a subscription instead. Raises Busy."""
        self._move_to(self._in_progress.subscriptions)

    def _move_to(self, counted: _Counted) -> None:
        self.leave()
        counted.enter(self._identity)
        self._counted = counted

    def leave(self) -> None:
        """Free the place. Idempotent."""
        if self._counted is not None:
            self._counted.leave(self._identity)
            self._counted = None
