"""An informer together with what keeps it running."""

import asyncio
from dataclasses import dataclass, field, replace

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

    ``source`` is what its reflector is to follow.
    """

    family: Family
    source: Source
    informer: Informer
    reflector: Reflector | None = None
    users: int = 0
    task: asyncio.Task[None] | None = field(default=None)
    stopping: asyncio.Task[None] | None = field(default=None)

    def serves(self, wanted: Source) -> bool:
        """Whether somebody who wants that may join, whose scope this one's covers.

        A look at one namespace's complete objects does not make an informer of all namespaces fetch them.
        """
        return wanted.metadata_only or not self.source.metadata_only or wanted.scope == self.informer.scope

    def complete(self) -> None:
        """Change over to complete objects, for good; the informer's subscribers do not notice.

        The reflector stops and closes its watch; one that lists and watches complete objects follows it.
        """
        if self.source.metadata_only:
            self.source = replace(self.source, metadata_only=False)
            if self.reflector is not None:
                self.reflector.stop()
