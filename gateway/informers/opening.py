"""How a subscription begins: with everything, or with what was missed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.informers.changes import Change, Filter
from gateway.informers.events import EventType, ObjectEvent
from gateway.informers.store import StoredObject, version_number

__all__ = ["Resume", "initial", "replay"]


@dataclass(frozen=True, slots=True)
class Resume:
    """From where a subscriber wants to go on, and whether it takes everything afresh instead.

    ``upstream`` is the resource version that the API server itself has reached, where that was asked.
    """

    resource_version: str | None = None
    send_initial_events: bool = True
    upstream: int = 0

    @property
    def number(self) -> int:
        """The resource version as a number; 0 where there is none to resume from."""
        return version_number(self.resource_version or "") or 0


def replay(filter_: Filter, changes: Iterable[Change], resource_version: str) -> Iterator[ObjectEvent | None]:
    """SYNCED at the resource version that was asked for, then what was missed since."""
    yield ObjectEvent(EventType.SYNCED, None, resource_version)
    for change in changes:
        event = filter_.event(change)
        # the subscriber may have been cut off in its initial events, before it was told of the object
        yield event and event.past()


def initial(
    filter_: Filter, objects: Iterable[StoredObject], resource_version: str
) -> Iterator[ObjectEvent | None]:
    """The whole set, then SYNCED."""
    for stored in objects:
        yield filter_.initial(stored)
    yield ObjectEvent(EventType.SYNCED, None, resource_version)
