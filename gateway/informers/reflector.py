"""Keeps an informer as the API server is: LIST, WATCH, and the recovery from every failure of the two.

One attempt is a whole list with the watch that follows it, or a watch alone; :meth:`Reflector._attempt` holds
the decision for each way in which an attempt ends. In short:

- The watch ends after its ``timeoutSeconds``: renew it at once, from the last resource version.
- The connection breaks or falls silent, 429, 5xx: the same after a jittered, exponential back-off.
- 410, or resource versions that went back: LIST again and publish only the differences.
- Any other refusal of the first list is raised, and the informer ends with it. Later ones are retried until
  :mod:`gateway.informers.refusals` decides that they are final.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass

from gateway.concurrency import Backoff, Clock, Stopped, TimeSlice
from gateway.errors import (
    CredentialsError,
    GatewayError,
    Gone,
    ServerFailure,
    ServerTimeout,
    StatusError,
    TooManyRequests,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.informers.cache import ResourceVersionRegressed
from gateway.informers.changeover import Feed
from gateway.informers.refusals import Refusals
from gateway.informers.source import Source
from gateway.informers.store import StoredObject, version_number
from gateway.kube.watch import WatchEvent, watch_events

__all__ = ["ListSnapshot", "Reflector", "Timing"]

logger = logging.getLogger(__name__)

_RETRIED = (Gone, TooManyRequests, ServerFailure, ServerTimeout)
# The answers of an API server that has no WatchList, or whose etcd does not support it.
_NO_WATCH_LIST = frozenset((400, 405, 406, 415, 422, 500, 501))
_REQUEST_TIMEOUT = 408
_POSITION_TIMEOUT_SECONDS = 10.0
_CONFIRMATION_SECONDS = 1.0
"""The shortest delay after a refusal, so that two confirmations do not fall into one moment."""
_INITIAL_EVENTS = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}


@dataclass(frozen=True, slots=True)
class Timing:
    """Ranges in seconds; each use draws from its range, so that reflectors do not act in step."""

    first_retry: tuple[float, float] = (0.0, 0.2)
    shortest_backoff: float = 0.5
    longest_backoff: float = 30.0
    silence: tuple[float, float] = (52.0, 58.0)
    """A watch without a byte for that long is treated as dead; a dead one is noticed within a minute."""
    renewal: tuple[float, float] = (40.0, 50.0)
    """The requested duration of a watch (``timeoutSeconds``); less than ``silence``.

    An idle watch shows no sign of life but its end: kube-apiserver sends a bookmark each minute and 2 s
    before the end, but only if its watch cache is ahead of the version at which the watch began (1.36: often
    not for ten minutes). A renewal costs it about 1 ms of CPU.
    """
    initial: tuple[float, float] = (300.0, 600.0)
    """The requested duration of a watch that begins with a whole list, which may take long."""
    steady: float = 5.0
    """A watch of that length counts as a success and resets the back-off, even without an event."""
    refusal: float = 60.0
    """Refusals of an informer that has synced before are final after that time, if nothing confirms them."""


class ListSnapshot:
    """A whole set in the making: the objects of a LIST or of a watch's initial events, and later changes.

    ``whole`` says that the set is complete as of ``resource_version``.
    """

    def __init__(self) -> None:
        self.resource_version = ""
        self.whole = False
        self._objects: dict[str, StoredObject] = {}

    @property
    def objects(self) -> Iterable[StoredObject]:
        return self._objects.values()

    def load(self, objects: Iterable[StoredObject], resource_version: str) -> None:
        """Take all objects of a LIST."""
        self._objects = {stored.key: stored for stored in objects}
        self.resource_version, self.whole = resource_version, True

    def clear(self) -> None:
        """Drop our references; the informer owns the objects now."""
        self._objects = {}

    def apply(self, event: WatchEvent) -> None:
        """Apply an event of a watch; changes may come before the end of the initial events."""
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
        # Some aggregated API servers do not give a deletion its own resource version.
        own, number = version_number(self.resource_version), version_number(resource_version)
        if own is None or number is None or number > own:
            self.resource_version = resource_version


class Reflector:
    """Feeds one informer from one source until it is stopped or the API server refuses the source.

    ``no_watch_list`` is shared by all reflectors: the URLs of API servers without WatchList.
    """

    def __init__(
        self, source: Source, feed: Feed, *, clock: Clock, timing: Timing, no_watch_list: set[str]
    ) -> None:
        self.source = source
        self._feed = feed
        self._stop_signal = feed.stop_signal
        self._clock = clock
        self._timing = timing
        self._no_watch_list = no_watch_list
        self._backoff = Backoff(
            clock,
            first=timing.first_retry,
            shortest=timing.shortest_backoff,
            longest=timing.longest_backoff,
        )
        self._snapshot = ListSnapshot()
        self._refusals = Refusals(source, timing.refusal)
        self._verb = "list"
        self._synced_once = False
        self._listed = False
        self._interrupted = False
        self._slice = TimeSlice(clock)

    async def run(self) -> None:
        """Returns when the feed is stopped; raises a refusal that a retry cannot change."""
        with suppress(Stopped):
            while True:
                delay = await self._attempt()
                if delay > 0:
                    await self._stop_signal.wait(self._clock.sleep(delay))

    async def _attempt(self) -> float:
        """List or watch until that ends; returns the delay before the next attempt, in seconds."""
        began = self._clock.now()
        try:
            await (self._watch() if self._listed else self._list())
        except (Gone, ResourceVersionRegressed) as error:
            # 410: the API server (its watch cache, or etcd after a compaction) has forgotten the changes
            # between our resource version and its oldest one, so no watch can bridge them. Only a new LIST
            # can. The informer compares it with its cache and publishes the differences, deletions included:
            # subscribers see what changed meanwhile, each change once, and notice nothing else. Never resume
            # from the expired version, never drop the cache first.
            self._listed = False
            logger.info("listing %s again: %s", self.source.path, error)
        except (UpstreamError, StatusError, CredentialsError) as error:
            self._interrupted = True
            if not _is_retried(error):
                return await self._retry_refusal(error)
            self._refusals.interrupt()
            logger.info("watching %s is interrupted: %s", self.source.path, error)
            if not self._listed:
                self._feed.note_failure(await self._reason(error))
            retry_after = error.status.retry_after_seconds if isinstance(error, StatusError) else None
            if retry_after is not None:
                return self._backoff.delay(retry_after)
        else:
            self._refusals.reset()
            if self._clock.now() - began >= self._timing.steady:
                self._backoff.reset()
                return 0.0
        finally:
            self._feed.release()
        return self._backoff.delay()

    async def _reason(self, error: GatewayError) -> GatewayError:
        """Why there is no whole set: for a timeout the error of a LIST of one object, if it fails, too.

        kube-apiserver answers the WatchList of a kind whose conversion webhook is gone with "Too large
        resource version", because its watch cache stays empty. The LIST is answered from etcd.
        """
        if isinstance(error, ServerTimeout):
            with suppress(UpstreamError, TimeoutError):
                try:
                    await self._fetch_current_version()
                except StatusError as reason:
                    return reason
        return error

    async def _retry_refusal(self, error: GatewayError) -> float:
        """The delay before the next attempt after a refusal; raises one that is final."""
        if not self._synced_once:
            raise error
        if await self._stop_signal.wait(self._refusals.is_final(error, self._verb, self._clock.now())):
            raise error
        logger.warning("%s is refused, which is not confirmed yet: %s", self.source.path, error)
        return max(self._backoff.delay(), _CONFIRMATION_SECONDS)

    @property
    def _position(self) -> str:
        """The resource version at which the next watch begins."""
        return self._feed.resource_version if self._listed else self._snapshot.resource_version

    async def _watch(self) -> None:
        """Watch from the position of the informer, or of the snapshot that is not applied yet."""
        began, position = self._clock.now(), self._position
        try:
            await self._stream({"resourceVersion": position}, self._timing.renewal)
        except UpstreamTimeout as error:
            logger.info("no sign of life of %s: %s", self.source.path, error)
            await self._check_position()
            raise
        if self._interrupted and self._position == position:
            await self._check_position()
        self._interrupted = self._clock.now() - began < self._timing.renewal[0]

    async def _check_position(self) -> None:
        """Raise ResourceVersionRegressed if the API server is behind us, as after a restore of etcd.

        Such a server sends no event until it has caught up, and never the changes of the restore. The check
        is made after an interruption without an event: a server does not go back while a watch lasts.
        """
        try:
            current = await self._fetch_current_version()
        except (StatusError, UpstreamError, TimeoutError) as error:
            logger.info("the resource version of %s is unknown: %s", self.source.path, error)
            return
        own = version_number(self._feed.resource_version)
        if current is not None and own is not None and current < own:
            raise ResourceVersionRegressed(f"the API server is at {current}, before {own}")

    async def _fetch_current_version(self) -> int | None:
        async with asyncio.timeout(_POSITION_TIMEOUT_SECONDS):
            return await self._stop_signal.wait(self.source.fetch_resource_version())

    async def _list(self) -> None:
        """Fetch a whole set, by WatchList or by LIST, and watch from there."""
        snapshot = self._snapshot = ListSnapshot()
        await self._feed.begin_list()
        if self.source.server in self._no_watch_list:
            await self._fetch()
        else:
            try:
                await self._stream(_INITIAL_EVENTS, self._timing.initial)
            except (StatusError, UpstreamTimeout) as error:
                if snapshot.whole and isinstance(error, UpstreamTimeout):
                    # The initial watch may last longer than ``silence``: an idle one is not a failure.
                    return
                if snapshot.whole or not _is_no_watch_list(error):
                    raise
                logger.info("no WatchList for %s: %s", self.source.path, error)
                await self._fetch()
                self._no_watch_list.add(self.source.server)
            else:
                return
        await self._watch()

    async def _fetch(self) -> None:
        self._verb = "list"
        listing = await self._stop_signal.wait(self.source.fetch())
        self._snapshot.load(map(StoredObject.of, listing.objects), listing.resource_version)
        await self._deliver()

    async def _deliver(self) -> None:
        """Hand the snapshot to the informer; it is refused while it is behind the active feed."""
        if await self._feed.replace(self._snapshot.objects, self._snapshot.resource_version):
            self._listed = self._synced_once = True
            self._snapshot.clear()

    async def _stream(self, params: Mapping[str, str], lasting: tuple[float, float]) -> None:
        self._verb = "watch"
        silence = self._clock.uniform(*self._timing.silence)
        renewal = round(self._clock.uniform(*lasting))
        events = watch_events(
            self.source.client,
            self.source.path,
            {**self.source.params, **params, "allowWatchBookmarks": "true", "timeoutSeconds": str(renewal)},
            header=self.source.header,
            metadata_of=self.source.metadata_of,
            read_timeout=silence,
        )
        async with aclosing(events):
            while (event := await self._stop_signal.wait(anext(events, None))) is not None:
                if self._listed:
                    await self._feed.apply(event)
                    self._backoff.reset()
                    self._refusals.reset()
                else:
                    self._snapshot.apply(event)
                    if self._snapshot.whole:
                        await self._deliver()
                await self._slice.step()


def _is_retried(error: GatewayError) -> bool:
    """Whether the error is a failure of the moment, not a refusal."""
    return isinstance(error, (UpstreamError, *_RETRIED)) or (
        isinstance(error, StatusError) and error.status.code == _REQUEST_TIMEOUT
    )


def _is_no_watch_list(error: GatewayError) -> bool:
    """Whether the API server has no WatchList; some show that by silence instead of initial events."""
    if isinstance(error, StatusError):
        return error.status.code in _NO_WATCH_LIST
    return isinstance(error, UpstreamTimeout)
