"""What a reader sees of an informer's store: the part that a scope and selectors leave."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

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
        if self.filter == Filter(self.informer.scope):
            return self.informer.by_key()
        selected = self.informer.select(self.filter)
        if selected is None:
            return [each for each in self.informer.by_key() if self.filter.selects(each)]
        return self._sorted(selected)

    def owned_by(self, uid: str) -> Sequence[StoredObject]:
        """Those of the objects that have that owner."""
        return self._sorted(self.informer.owned_by(uid))

    def _sorted(self, objects: Iterable[StoredObject]) -> Sequence[StoredObject]:
        return sorted(filter(self.filter.selects, objects), key=attrgetter("key"))
