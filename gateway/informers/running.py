"""An informer together with what keeps it running."""

import asyncio
from dataclasses import dataclass, field

from gateway.informers.informer import Informer
from gateway.informers.reflector import Reflector
from gateway.informers.source import Source
from schema.resources import GroupVersionResource

__all__ = ["Family", "Running"]

Family = tuple[str, GroupVersionResource, str]
"""What informers of different scopes share: identity, resource, field selector upstream."""


@dataclass(slots=True, eq=False)
class Running:
    """An informer that has a task, and how many use it; ``stopping`` counts its grace period.

    ``reflector`` is the one that keeps it; ``successor`` is there while that is to change.
    """

    family: Family
    informer: Informer
    reflector: Reflector
    successor: Reflector | None = None
    users: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    stopping: asyncio.Task[None] | None = field(default=None)

    @property
    def source(self) -> Source:
        """What the informer has."""
        return self.reflector.source

    def serves(self, wanted: Source) -> bool:
        """Whether somebody who wants that may join, whose scope this one's covers.

        A look at one namespace's complete objects does not make an informer of all namespaces fetch them.
        """
        return wanted.metadata_only or not self.source.metadata_only or wanted.scope == self.informer.scope

    def succeed(self) -> None:
        """Let the successor keep the informer from here on; the reflector before it closes its watch."""
        if self.successor is not None:
            self.reflector.stop()
            self.reflector, self.successor = self.successor, None

    def cancel(self) -> None:
        """Cancel every task of it, but for the one that asks."""
        for task in self.tasks - {asyncio.current_task()}:
            task.cancel()
