"""What a reader sees of an informer's store: the part that a scope and selectors leave."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.informers.changes import Filter
from gateway.informers.informer import Informer
from gateway.informers.store import StoredObject

__all__ = ["View"]


@dataclass(frozen=True, slots=True)
class View:
    """An informer through a filter; good for reading at once, not for keeping."""

    informer: Informer
    filter: Filter

    @property
    def resource_version(self) -> str:
        return self.informer.resource_version

    def objects(self) -> Sequence[StoredObject]:
        """The objects as of :attr:`resource_version`, in the order in which an API server lists them."""
        objects = self.informer.by_key()
        if self.filter == Filter(self.informer.scope):
            return objects
        return [each for each in objects if self.filter.selects(each)]
