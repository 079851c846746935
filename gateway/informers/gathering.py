"""A whole set of objects, while it is put together."""

from collections.abc import Iterable

from gateway.informers.store import StoredObject, version_number
from gateway.kube.watch import WatchEvent

__all__ = ["Gathered"]


class Gathered:
    """The objects of a LIST, or of a watch's initial events, and each change since.

    ``whole`` says that they are the whole set, as of ``resource_version``.
    """

    def __init__(self) -> None:
        self.resource_version = ""
        self.whole = False
        self._objects: dict[str, StoredObject] = {}

    @property
    def objects(self) -> Iterable[StoredObject]:
        return self._objects.values()

    def load(self, objects: Iterable[StoredObject], resource_version: str) -> None:
        """Take a LIST."""
        self._objects = {each.key: each for each in objects}
        self.resource_version, self.whole = resource_version, True

    def clear(self) -> None:
        """Let go of the objects, which somebody else has now."""
        self._objects = {}

    def take(self, event: WatchEvent) -> None:
        """Take an event of a watch; one that comes before the end of the initial ones may be a change."""
        if event.type == "BOOKMARK":
            self.whole = self.whole or event.initial_events_end
        else:
            stored = StoredObject.of(event.received)
            if event.type == "DELETED":
                self._objects.pop(stored.key, None)
            else:
                self._objects[stored.key] = stored
        if self.whole:
            self._advance(event.resource_version)

    def _advance(self, resource_version: str) -> None:
        # not every aggregated API server gives a deletion a resource version of its own
        own, number = version_number(self.resource_version), version_number(resource_version)
        if own is None or number is None or number > own:
            self.resource_version = resource_version
