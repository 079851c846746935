"""What one subscriber waits for: its initial events, then a bounded queue of changes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace

from gateway.errors import GatewayError, SubscriberTooSlow
from gateway.informers.events import EventType, ObjectEvent

__all__ = ["Limits", "Subscription", "collapse"]

# a reader that is never made to wait would keep the event loop to itself
STEPS_BETWEEN_PAUSES = 128


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may wait for one subscriber: distinct objects, and bytes of their JSON.

    Of each the newest state, and the one that the subscriber was told of last.
    """

    objects: int = 1024
    bytes: int = 32 << 20


def collapse(waiting: ObjectEvent, newer: ObjectEvent) -> ObjectEvent | None:
    """The one event that does what both do, of the same object in this order; None where that is nothing."""
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

    ``opening`` are the events that come before all changes; it is read lazily and not counted, None in it
    stands for an object that is not selected. The subscriber knows all changes up to the resource version
    ``skip_until``; up to ``unsure_until`` it cannot be said which objects it was told of.
    """

    def __init__(
        self,
        opening: Iterable[ObjectEvent | None] = (),
        *,
        limits: Limits | None = None,
        skip_until: int = 0,
        unsure_until: int = 0,
        on_too_slow: Callable[[], None] = lambda: None,
    ) -> None:
        self.skip_until = skip_until
        self.unsure_until = unsure_until
        self._opening = iter(opening)
        self._limits = limits or Limits()
        self._on_too_slow = on_too_slow
        # by uid, in the order of the newest resource version: a resume never skips a waiting event
        self._waiting: dict[str, ObjectEvent] = {}
        self._bytes = 0
        self._steps = 0
        self._ended = False
        self._error: GatewayError | None = None
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many events wait, the initial ones aside."""
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes they keep alive at most: others may share them."""
        return self._bytes

    def offer(self, event: ObjectEvent) -> None:
        """Put a change into the queue; over its bound the subscription ends with SubscriberTooSlow."""
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
            self._check()
        self._wake.set()

    def _check(self) -> None:
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
        """End it now: with an error, or as a stream that is complete."""
        if self._ended:
            return
        self._ended = True
        self._error = error
        self._opening = iter(())
        self._waiting.clear()
        self._bytes = 0
        self._wake.set()

    async def __anext__(self) -> ObjectEvent:
        """The next event; raises the error that ended the subscription, again each time."""
        event = await self._next_opening()
        while event is None:
            if self._ended:
                # many subscriptions raise the same instance: its traceback must not grow with each
                raise self._error.with_traceback(None) if self._error else StopAsyncIteration
            event = self._take()
            if event is None:
                self._wake.clear()
                await self._wake.wait()
        return event

    async def _next_opening(self) -> ObjectEvent | None:
        while not self._ended:
            self._steps += 1
            if self._steps % STEPS_BETWEEN_PAUSES == 0:
                # before the next one is taken, so that a reader cancelled here loses nothing
                await asyncio.sleep(0)
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
