"""One informer: a cache that a reflector updates, the subscriptions to its changes, and its waiters."""

import asyncio
import logging
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from gateway.concurrency import LoopYielder, Notifier
from gateway.errors import (
    GatewayError,
    Gone,
    ServerFailure,
    Status,
    StatusError,
    UpstreamUnavailable,
)
from gateway.informers.broadcaster import Broadcaster
from gateway.informers.cache import ObjectCache
from gateway.informers.changes import Change, Filter
from gateway.informers.events import ObjectEvent, Scope
from gateway.informers.history import History
from gateway.informers.store import StoredObject, version_number
from gateway.informers.subscription import Limits, Resume, Subscription, initial_events, replayed_events
from gateway.kube.watch import WatchEvent

__all__ = ["LAG_BOUNDS", "Counters", "Informer", "Lag"]

logger = logging.getLogger(__name__)

_CHANGES_BETWEEN_YIELDS = 64

LAG_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the lag histogram's buckets in seconds, without the last one (infinity)."""


@dataclass(slots=True)
class Lag:
    """A histogram of the seconds from a change's arrival to its hand-over to a subscriber's socket.

    ``buckets`` counts each value once, in the first bucket whose bound it does not exceed.
    """

    buckets: list[int] = field(default_factory=lambda: [0] * (len(LAG_BOUNDS) + 1))
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        """Count one change that was handed over."""
        self.buckets[bisect_left(LAG_BOUNDS, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class Counters:
    """Totals over all informers: changes, re-lists, subscriptions that were ended as too slow; and the lag.

    A LIST of complete objects that replaces metadata does not count as a re-list.
    """

    events: int = 0
    relists: int = 0
    too_slow: int = 0
    lag: Lag = field(default_factory=Lag)


class Informer:
    """The objects of one scope as the API server sent them last, and the subscriptions to their changes.

    A reflector calls ``replace``, ``apply`` and ``advance``, one at a time; the owner of the reflector calls
    ``end``. Reads and subscriptions never wait; ``settled``, ``reached`` and ``finished`` do.
    """

    def __init__(
        self, scope: Scope, limits: Limits, counters: Counters, history: History | None = None
    ) -> None:
        self.cache = ObjectCache(scope, history)
        self.error: GatewayError | None = None
        self.ended = False
        self._limits = limits
        self._counters = counters
        self._broadcaster = Broadcaster()
        self._refusal: GatewayError | None = None
        self._failure: GatewayError | None = None
        self._moved = Notifier()

    # reads

    @property
    def scope(self) -> Scope:
        return self.cache.scope

    @property
    def resource_version(self) -> str:
        return self.cache.resource_version

    @property
    def metadata_only(self) -> bool:
        """Whether objects may lack everything but their metadata."""
        return self.cache.metadata_only

    @property
    def synced(self) -> bool:
        """Whether the cache is a whole set as of ``resource_version``."""
        return self.cache.settled and not self.ended

    def get(self, key: str) -> StoredObject | None:
        """The object with that key (``namespace/name``, or the name)."""
        return self.cache.get(key)

    def items(self) -> Sequence[StoredObject]:
        """All objects, as of ``resource_version``."""
        return self.cache.items()

    def by_key(self) -> Sequence[StoredObject]:
        """All objects in the order in which an API server lists them."""
        return self.cache.by_key()

    # waits

    async def settled(self, *, metadata_only: bool = False, deadline: float | None = None) -> None:
        """Wait until the cache is a whole set, or the informer has ended; raises the error it ended with.

        Raises ServerFailure or UpstreamUnavailable if LISTs have failed and the event loop's time is over
        ``deadline``. A slow LIST that has not failed is waited for without a bound.

        Unless ``metadata_only`` is enough, waits for complete objects and raises the refusal of those.
        """
        while not self.ended and not (self.cache.settled and (metadata_only or not self.metadata_only)):
            if self._refusal is not None and not metadata_only:
                raise self._refusal.with_traceback(None)
            await self._wait_for_progress(deadline)
        if self.error is not None:
            raise self.error.with_traceback(None)

    async def _wait_for_progress(self, deadline: float | None) -> None:
        if self._failure is None or deadline is None:
            await self._moved.wait()
            return
        if asyncio.get_running_loop().time() >= deadline:
            raise _unavailable(self._failure)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._moved.wait()

    def note_failure(self, error: GatewayError) -> None:
        """Remember why there is no whole set yet, until there is one."""
        self._failure = error
        self._moved.notify()

    async def reached(self, number: int) -> bool:
        """Wait for a whole set at that resource version or a later one; False if it cannot come any more.

        There is no bound on the wait: the next event of a watch may be hours away. The caller sets a timeout.
        """
        while not self.ended and (own := version_number(self.resource_version)) is not None:
            if self.synced and own >= number:
                return True
            await self._moved.wait()
        return False

    async def finished(self) -> None:
        """Wait until the informer has ended; raises the error it ended with."""
        while not self.ended:
            await self._moved.wait()
        if self.error is not None:
            raise self.error.with_traceback(None)

    # subscriptions

    @property
    def subscribers(self) -> int:
        return len(self._broadcaster)

    @property
    def waiting(self) -> int:
        """The number of events in the queues of all subscriptions."""
        return self._broadcaster.waiting

    def is_behind(self, resume: Resume) -> bool:
        """Whether that resource version is newer than the cache."""
        own = version_number(self.resource_version)
        return own is not None and resume.number > own

    def subscribe(self, filter_: Filter, resume: Resume) -> Subscription:
        """Begin a subscription; the informer must be synced. Raises Gone as :class:`Resume` describes."""
        opening = self._opening(filter_, resume)
        ahead = self.is_behind(resume) and resume.number <= resume.upstream
        subscription = Subscription(
            opening,
            limits=self._limits,
            skip_until=resume.number if ahead else 0,
            maybe_unknown_until=resume.upstream if ahead else 0,
            on_too_slow=self._count_too_slow,
        )
        if self.ended:
            subscription.end(self.error)
        self._broadcaster.add(filter_, subscription)
        return subscription

    def unsubscribe(self, filter_: Filter, subscription: Subscription) -> None:
        self._broadcaster.discard(filter_, subscription)
        subscription.end()

    def _opening(self, filter_: Filter, resume: Resume) -> Iterator[ObjectEvent | None]:
        if resume.number:
            missed = self._missed(resume)
            if missed is not None:
                return replayed_events(filter_, missed, resume.resource_version or "")
            if not resume.send_initial_events:
                age = "new" if self.is_behind(resume) else "old"
                message = f"too {age} resource version: {resume.resource_version}"
                raise Gone(Status(410, "Expired", message))
        selected = self.cache.select(filter_) if resume.send_initial_events else ()
        objects = self.cache.items() if selected is None else selected
        return initial_events(filter_, objects, self.resource_version)

    def _missed(self, resume: Resume) -> Iterable[Change] | None:
        if self.is_behind(resume):
            return () if resume.number <= resume.upstream else None
        return self.cache.changes_since(resume.number)

    def _count_too_slow(self) -> None:
        self._counters.too_slow += 1

    # updates, by the reflector

    async def replace(
        self, objects: Iterable[StoredObject], resource_version: str, *, metadata_only: bool = False
    ) -> None:
        """Apply a LIST and publish its differences; no subscription can begin until all are published."""
        # A thread, because sorting and comparing 100,000 objects blocks the event loop for too long.
        replacement = await asyncio.to_thread(
            self.cache.prepare, objects, resource_version, metadata_only=metadata_only
        )
        if self.cache.settled:
            self._counters.relists += not replacement.grown
            # The list does not show when an object was deleted: none of its deletions may be skipped.
            self._broadcaster.clear_skips()
        yielder = LoopYielder(every=_CHANGES_BETWEEN_YIELDS)
        for change in self.cache.replace(replacement):
            self._publish(change)
            await yielder.after()
        self._failure = None
        self._moved.notify()

    def apply(self, event: WatchEvent) -> None:
        """Apply one event of a watch and publish its changes. Raises ResourceVersionRegressed."""
        for change in self.cache.apply(event):
            self._publish(change)
        self._moved.notify()

    def advance(self, resource_version: str) -> None:
        """Apply a bookmark. Raises ResourceVersionRegressed."""
        self.cache.advance(resource_version)
        self._moved.notify()

    def _publish(self, change: Change) -> None:
        change.received = time.monotonic()
        self._counters.events += 1
        self._broadcaster.publish(change)

    # the end, by the owner of the reflector

    def refuse(self, error: GatewayError | None) -> None:
        """Fail the waiters for complete objects of a ``metadata_only`` informer.

        None withdraws the refusal.
        """
        self._refusal = error
        self._moved.notify()

    def end(self, error: GatewayError | None = None) -> None:
        """End every current and later subscription: with the error, or as complete. Idempotent."""
        if self.ended:
            return
        self.ended = True
        self.error = error
        self._moved.notify()
        self._broadcaster.end(error)


def _unavailable(failure: GatewayError) -> GatewayError:
    """The error for a reader, with the code UPSTREAM_UNAVAILABLE and the Status that the API server sent."""
    message = f"the API server cannot list the objects: {failure.message}"
    if isinstance(failure, StatusError):
        return ServerFailure(replace(failure.status, message=message))
    return UpstreamUnavailable(message)
