"""Keeps an informer as the API server is: list, watch, and everything that can go wrong between the two."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing, suppress

from gateway.concurrency import Backoff, Clock, Stopped, StopSignal, TimeSlice
from gateway.errors import (
    GatewayError,
    Gone,
    ServerFailure,
    ServerTimeout,
    StatusError,
    TooManyRequests,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.informers.gathering import Gathered
from gateway.informers.handover import Handover, Turn
from gateway.informers.informer import Informer, WentBack
from gateway.informers.source import Source
from gateway.informers.store import StoredObject, version_number
from gateway.informers.timing import Timing
from gateway.kube.watch import WatchEvent, watch_events

__all__ = ["Reflector"]

logger = logging.getLogger(__name__)

RETRIED = (Gone, TooManyRequests, ServerFailure, ServerTimeout)
# what an API server says that has no WatchList (or whose etcd cannot carry it), rather than that it is ill
REFUSALS = frozenset((400, 405, 406, 415, 422, 500, 501))
REQUEST_TIMEOUT = 408
LONGEST_CHECK = 10.0
INITIAL_EVENTS = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}


class Reflector:
    """Follows one source for one informer, until it is stopped or the API server refuses for good.

    ``no_watch_list`` is shared: the API servers that have no WatchList. With a ``handover`` another reflector
    keeps the informer until this one has a whole set to go on from.
    """

    def __init__(
        self,
        source: Source,
        informer: Informer,
        *,
        clock: Clock,
        timing: Timing,
        no_watch_list: set[str],
        handover: Handover | None = None,
    ) -> None:
        self.source = source
        self._informer = informer
        self._clock = clock
        self._timing = timing
        self._no_watch_list = no_watch_list
        self._backoff = Backoff(
            clock,
            first=timing.first_retry,
            shortest=timing.shortest_backoff,
            longest=timing.longest_backoff,
        )
        self._handover = handover
        self._turn = Turn(informer.turn)
        self._gathered = Gathered()
        self._listed = False
        self._doubtful = False
        self._slice = TimeSlice(clock)
        self._stop_signal = StopSignal()

    def stop(self) -> None:
        """Let ``run`` return, its watch closed; a list that is being taken in is taken in to its end."""
        self._stop_signal.stop()

    async def run(self) -> None:
        """Returns when it is stopped; raises what is final: every refusal that trying again cannot change."""
        with suppress(Stopped):
            while True:
                delay = await self._follow()
                if delay > 0:
                    await self._stop_signal.wait(self._clock.sleep(delay))

    async def _follow(self) -> float:
        """One list or watch until it ends; how long to wait before the next."""
        began = self._clock.now()
        try:
            await (self._watch() if self._listed else self._list())
        except (Gone, WentBack) as error:
            self._listed = False
            logger.info("listing %s again: %s", self.source.path, error)
        except (UpstreamError, StatusError) as error:
            if is_final(error):
                raise
            logger.info("watching %s is interrupted: %s", self.source.path, error)
            self._doubtful = True
            retry_after = error.status.retry_after_seconds if isinstance(error, StatusError) else None
            if retry_after is not None:
                return self._backoff.delay(retry_after)
        else:
            if self._clock.now() - began >= self._timing.steady:
                self._backoff.reset()
                return 0.0
        finally:
            self._turn.give_up()
        return self._backoff.delay()

    @property
    def _position(self) -> str:
        """The resource version to go on from."""
        return self._informer.resource_version if self._listed else self._gathered.resource_version

    async def _watch(self) -> None:
        """Go on from where the informer is, or the whole set that will take its place."""
        began, position = self._clock.now(), self._position
        try:
            await self._stream({"resourceVersion": position}, self._timing.renewal)
        except UpstreamTimeout as error:
            logger.info("no sign of life of %s: %s", self.source.path, error)
            await self._check_position()
            raise
        if self._doubtful and self._position == position:
            await self._check_position()
        self._doubtful = self._clock.now() - began < self._timing.renewal[0]

    async def _check_position(self) -> None:
        """Is the API server behind us, as with an etcd that was restored? Raises WentBack.

        It would tell nothing until it has made up for the difference, and never what changed meanwhile. Worth
        asking where it told nothing after an interruption: nobody goes back while a watch lasts.
        """
        try:
            async with asyncio.timeout(LONGEST_CHECK):
                current = await self._stop_signal.wait(self.source.fetch_resource_version())
        except (StatusError, UpstreamError, TimeoutError) as error:
            logger.info("how far %s is cannot be told: %s", self.source.path, error)
            return
        own = version_number(self._informer.resource_version)
        if current is not None and own is not None and current < own:
            raise WentBack(f"the API server is at {current}, before {own}")

    async def _list(self) -> None:
        """Get the whole set, and go on watching from it."""
        gathered = self._gathered = Gathered()
        if self._handover is not None and self._handover.begin():
            await self._turn.take()
        if self.source.server in self._no_watch_list:
            await self._fetch()
        else:
            try:
                await self._stream(INITIAL_EVENTS, self._timing.initial)
            except (StatusError, UpstreamTimeout) as error:
                if gathered.whole and isinstance(error, UpstreamTimeout):
                    # it lasts longer than it may be silent: perhaps there was nothing to tell
                    return
                if gathered.whole or not is_refusal(error):
                    raise
                logger.info("no WatchList for %s: %s", self.source.path, error)
                await self._fetch()
                self._no_watch_list.add(self.source.server)
            else:
                return
        await self._watch()

    async def _fetch(self) -> None:
        listing = await self._stop_signal.wait(self.source.fetch())
        self._gathered.load(map(StoredObject.of, listing.objects), listing.resource_version)
        await self._settle()

    async def _settle(self) -> None:
        """Let the informer have the whole set, unless it is behind what another reflector has told.

        Then that one has to wait, for as long as this one is catching up.
        """
        await self._turn.take()
        self._stop_signal.check()
        whole = self._gathered
        if self._handover is not None and not self._handover.is_due(whole.resource_version):
            return
        metadata_only = self.source.metadata_only
        await self._informer.replace(whole.objects, whole.resource_version, metadata_only=metadata_only)
        self._listed = True
        self._gathered.clear()
        if self._handover is not None:
            self._handover.done()
            self._handover = None
        self._turn.give_up()

    async def _stream(self, params: Mapping[str, str], lasting: tuple[float, float]) -> None:
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
                    await self._take(event)
                else:
                    self._gathered.take(event)
                    if self._gathered.whole:
                        await self._settle()
                await self._slice.step()

    async def _take(self, event: WatchEvent) -> None:
        async with self._informer.turn:
            # while it waited for its turn, another may have taken the informer over
            self._stop_signal.check()
            if event.type == "BOOKMARK":
                self._informer.advance(event.resource_version)
            else:
                self._informer.apply(event)
        self._backoff.reset()


def is_final(error: GatewayError) -> bool:
    """Whether trying again cannot help."""
    return (
        isinstance(error, StatusError)
        and not isinstance(error, RETRIED)
        and error.status.code != REQUEST_TIMEOUT
    )


def is_refusal(error: GatewayError) -> bool:
    """Whether the API server means that it has no WatchList; silence instead of initial events does."""
    if isinstance(error, StatusError):
        return error.status.code in REFUSALS
    return isinstance(error, UpstreamTimeout)
