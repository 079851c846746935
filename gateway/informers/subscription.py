"""The queue of one subscriber: its first events, then a bounded, collapsing queue of changes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from gateway.concurrency import LoopYielder
from gateway.errors import GatewayError, SubscriberTooSlow
from gateway.informers.changes import Change, Filter
from gateway.informers.events import EventType, ObjectEvent
from gateway.informers.store import StoredObject, version_number

__all__ = ["Limits", "Resume", "Subscription", "collapse", "initial_events", "replayed_events"]

# A reader that finds an event at each step never suspends by itself.
_STEPS_BETWEEN_YIELDS = 128


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one subscriber's queue: distinct objects, and bytes of JSON.

    The bytes are those of each object's newest state and of the state that was delivered last.
    """

    objects: int = 1024
    bytes: int = 32 << 20


@dataclass(frozen=True, slots=True)
class Resume:
    """The position a subscriber resumes from.

    Without ``send_initial_events`` a position that is too old is an error instead of a new set of initial
    events. ``upstream`` is the resource version of the API server itself, 0 where that was not requested.
    """

    resource_version: str | None = None
    send_initial_events: bool = True
    upstream: int = 0

    @property
    def number(self) -> int:
        """The resource version as an integer; 0 without one, or for an opaque one."""
        return version_number(self.resource_version or "") or 0


def initial_events(
    filter_: Filter, objects: Iterable[StoredObject], resource_version: str
) -> Iterator[ObjectEvent | None]:
    """The whole set, then SYNCED; None for each object that is not selected."""
    for stored in objects:
        yield filter_.initial(stored)
    yield ObjectEvent(EventType.SYNCED, None, resource_version)


def replayed_events(
    filter_: Filter, changes: Iterable[Change], resource_version: str
) -> Iterator[ObjectEvent | None]:
    """SYNCED at the requested resource version, then the missed changes; None for each unselected one."""
    yield ObjectEvent(EventType.SYNCED, None, resource_version)
    for change in changes:
        event = filter_.event(change)
        # The subscriber may have been cut off in its initial events, before the object was delivered.
        yield event and event.replayed()


def collapse(waiting: ObjectEvent, newer: ObjectEvent) -> ObjectEvent | None:
    """One event with the effect of two successive events of the same object; None if they cancel out."""
    match waiting.type, newer.type:
        case EventType.ADDED, EventType.DELETED:
            return None
        case EventType.ADDED, EventType.MODIFIED:
            return replace(newer, type=EventType.ADDED, previous=None)
        case EventType.DELETED, EventType.ADDED:
            return replace(newer, type=EventType.MODIFIED, previous=waiting.previous)
        case _:
            return replace(newer, previous=waiting.previous)


class Subscription(AsyncIterator[ObjectEvent]):
    """An async iterator over events, for one reader.

    ``opening`` holds the events before all changes. It is read lazily and does not count towards the limits;
    None stands for an object that is not selected. The subscriber has seen all changes up to the resource
    version ``skip_until``. Up to ``maybe_unknown_until`` it may or may not have seen an object.
    """

    def __init__(
        self,
        opening: Iterable[ObjectEvent | None] = (),
        *,
        limits: Limits | None = None,
        skip_until: int = 0,
        maybe_unknown_until: int = 0,
        on_too_slow: Callable[[], None] = lambda: None,
    ) -> None:
        self.skip_until = skip_until
        self.maybe_unknown_until = maybe_unknown_until
        self._opening = iter(opening)
        self._limits = limits or Limits()
        self._on_too_slow = on_too_slow
        # By uid, in the order of the newest resource versions: a resume never skips a waiting event.
        self._waiting: dict[str, ObjectEvent] = {}
        self._bytes = 0
        self._yielder = LoopYielder(every=_STEPS_BETWEEN_YIELDS)
        self._ended = False
        self._error: GatewayError | None = None
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """The number of waiting events, without the opening."""
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """The bytes of the waiting events; other subscriptions and the store may share them."""
        return self._bytes

    def offer(self, event: ObjectEvent) -> None:
        """Queue a change; over the limits the subscription ends with SubscriberTooSlow."""
        if self._ended:
            return
        identity = event.uid or event.key
        waiting = self._waiting.pop(identity, None)
        if waiting is not None:
            self._bytes -= waiting.size
        pending = event if waiting is None else collapse(waiting, event)
        if pending is not None:
            self._waiting[identity] = pending
            self._bytes += pending.size
            self._check_limits()
        self._wake.set()

    def _check_limits(self) -> None:
        if len(self._waiting) <= self._limits.objects and self._bytes <= self._limits.bytes:
            return
        self._on_too_slow()
        self.end(
            SubscriberTooSlow(
                f"more than {self._limits.objects} objects or {self._limits.bytes} bytes waited to be read;"
                " subscribe again with the resourceVersion of the last event"
            )
        )

    def end(self, error: GatewayError | None = None) -> None:
        """Discard all waiting events and end: with the error, or as a complete stream. Idempotent."""
        if self._ended:
            return
        self._ended = True
        self._error = error
        self._opening = iter(())
        self._waiting.clear()
        self._bytes = 0
        self._wake.set()

    async def __anext__(self) -> ObjectEvent:
        """The next event; raises the error that ended the subscription, on every later call, too."""
        event = await self._next_opening()
        while event is None:
            if self._ended:
                # Many subscriptions raise one instance: its traceback must not grow with each.
                raise self._error.with_traceback(None) if self._error else StopAsyncIteration
            event = self._take()
            if event is None:
                self._wake.clear()
                await self._wake.wait()
        return event

    async def _next_opening(self) -> ObjectEvent | None:
        while not self._ended:
            # Before the next event is taken: a reader that is cancelled here loses nothing.
            await self._yielder.after()
            try:
                event = next(self._opening)
            except StopIteration:
                return None
            if event is not None:
                return event
        return None

    def _take(self) -> ObjectEvent | None:
        for identity in self._waiting:
            event = self._waiting.pop(identity)
            self._bytes -= event.size
            return event
        return None
