"""Leases: rights of callers that are reviewed again and again while subscriptions rely on them.

A shared informer runs with the rights of the gateway, so the API server does not end a subscription when it
revokes the caller's right. Neither does it end a request for a log that is in progress. Guarantees, for one
lease per caller and access, however many subscriptions:

- It begins with an allowed access review that is 10 s old at most.
- It is *held* from the first review that does not allow the access: a subscription delivers nothing until a
  later review does. Data is never delivered on a review older than 12 s.
- It ends with Forbidden, or Unauthenticated, when the denials have lasted for 4 s: less than 15 s after the
  API server revoked the right. One denial is not final, because an API server that has just restarted
  denies everything for seconds; after an outage the denials have to last for 10 s.
- Reviews that cannot be sent (the API server is down) do not end it: no data comes meanwhile either. Reviews
  that fail otherwise end it with Forbidden after a minute.

:class:`Sharing` holds the leases beside the identity that owns the shared informers.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from gateway.concurrency import Backoff, Clock, Notifier, Tasks
from gateway.errors import (
    Forbidden,
    GatewayError,
    Unauthenticated,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.identity.access import Access, AccessReviews
from gateway.kube.client import KubeClient
from gateway.lru import LRU

__all__ = ["Lease", "Leases", "Pace", "Sharing"]

logger = logging.getLogger(__name__)

_REFUSED_SECONDS = 30.0
_MAX_REFUSED = 1024


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of a lease, in seconds."""

    interval: tuple[float, float] = (6.0, 7.0)
    """Between two allowed reviews, jittered."""
    confirmation: float = 2.0
    """Between a review that did not allow the access and the next one, at least."""
    timeout: float = 5.0
    """For one review."""
    denied: float = 4.0
    """Denials that last for that time are final,"""
    denied_after_outage: float = 10.0
    """and for that time after a review that got no answer."""
    failing: float = 60.0
    """Reviews that fail for that time are a refusal."""


class Lease:
    """One right of one caller; ``held`` says that nothing may be delivered at present."""

    def __init__(self) -> None:
        self.held = False
        self.users = 0
        self.task: asyncio.Task[None] | None = None
        self._error: GatewayError | None = None
        self._endings: set[Callable[[GatewayError], None]] = set()
        self._changed = Notifier()

    @property
    def ended(self) -> bool:
        return self._error is not None

    async def granted(self) -> None:
        """Return when the access is allowed again; raises the refusal if the lease has ended."""
        while self._error is None and self.held:
            await self._changed.wait()
        if self._error is not None:
            # many subscriptions raise one instance: its traceback must not grow with each
            raise self._error.with_traceback(None)

    @contextmanager
    def ending(self, end: Callable[[GatewayError], None]) -> Iterator[None]:
        """Call ``end`` with the refusal if the lease ends while the block runs."""
        if self._error is not None:
            end(self._error)
        self._endings.add(end)
        try:
            yield
        finally:
            self._endings.discard(end)

    async def guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work; if the lease ends before, it is cancelled, and the refusal is raised."""
        task = asyncio.ensure_future(work)

        def cancel(_error: GatewayError) -> None:
            task.cancel()

        with self.ending(cancel):
            try:
                await task
            except asyncio.CancelledError:
                caller = asyncio.current_task()
                if self._error is None or (caller is not None and caller.cancelling()):
                    raise
                raise self._error.with_traceback(None) from None

    def hold(self, *, held: bool) -> None:
        """Stop the delivery, or let it go on."""
        self.held = held
        self._changed.notify()

    def end(self, error: GatewayError) -> None:
        """End every subscription that relies on the lease."""
        self.held, self._error = True, error
        for end in tuple(self._endings):
            end(error)
        self._changed.notify()


_Key = tuple[str, Access]


class Leases:
    """Owns the leases and their background reviews."""

    def __init__(
        self, reviews: AccessReviews, *, clock: Clock | None = None, pace: Pace | None = None
    ) -> None:
        self._reviews = reviews
        self._clock = clock or Clock()
        self._pace = pace or Pace()
        self._leases: dict[_Key, Lease] = {}
        self._tasks = Tasks()

    def __len__(self) -> int:
        """The number of leases in use."""
        return len(self._leases)

    @asynccontextmanager
    async def hold(self, client: KubeClient, access: Access) -> AsyncIterator[Lease]:
        """A lease while the block runs.

        Raises Forbidden for a caller without the right and for a review that fails, Unauthenticated for one
        with a refused credential.
        """
        try:
            verdict = await self._reviews.expect(client, access)
        except (Forbidden, Unauthenticated):
            raise
        except GatewayError as error:
            raise _unreviewed(access, error) from error
        key = (client.identity, access)
        lease = self._leases.get(key)
        if lease is None:
            lease = self._leases[key] = Lease()
            age = self._reviews.age(verdict)
            renewal = _Renewal(self._reviews, client, access, lease, self._clock, self._pace)
            lease.task = self._tasks.start(self._renew(key, lease, renewal, age), f"right to {access.verb}")
        lease.users += 1
        try:
            yield lease
        finally:
            lease.users -= 1
            if lease.users == 0:
                self._forget(key, lease)
                if lease.task is not None:
                    lease.task.cancel()

    async def _renew(self, key: _Key, lease: Lease, renewal: "_Renewal", age: float) -> None:
        try:
            error = await renewal.run(age)
        finally:
            # a later subscription begins with a review and a lease of its own
            self._forget(key, lease)
        lease.end(error)

    def _forget(self, key: _Key, lease: Lease) -> None:
        if self._leases.get(key) is lease:
            del self._leases[key]

    async def aclose(self) -> None:
        """Stop all reviews."""
        await self._tasks.aclose()


class Sharing:
    """The gateway's own client for informers, the leases of the callers, and the gateway's missing rights.

    Where the gateway itself may not list and watch, each caller has an informer of its own; the gateway tries
    again after half a minute.
    """

    def __init__(self, client: KubeClient, leases: Leases, now: Callable[[], float] = time.monotonic) -> None:
        self.client = client
        self.leases = leases
        self._now = now
        self._refused_at: LRU[Hashable, float] = LRU(_MAX_REFUSED)

    def serves(self, caller: KubeClient) -> bool:
        """Whether the caller is another identity than the gateway."""
        return caller.identity != self.client.identity

    def is_refused(self, source: Hashable) -> bool:
        """Whether the API server has refused this source to the gateway a short time ago."""
        refused_at = self._refused_at.get(source)
        return refused_at is not None and self._now() - refused_at < _REFUSED_SECONDS

    def refuse(self, source: Hashable, error: GatewayError) -> None:
        """Note that the API server refuses this source to the gateway."""
        self._refused_at.put(source, self._now())
        logger.info("each caller gets an informer of its own: %s", error.message)


class _Renewal:
    """The reviews of one lease, one after the other."""

    def __init__(
        self,
        reviews: AccessReviews,
        client: KubeClient,
        access: Access,
        lease: Lease,
        clock: Clock,
        pace: Pace,
    ) -> None:
        self._reviews = reviews
        self._client = client
        self._access = access
        self._lease = lease
        self._clock = clock
        self._pace = pace
        self._backoff = Backoff(
            clock,
            first=(pace.confirmation, pace.confirmation),
            shortest=pace.confirmation,
            longest=pace.interval[1],
        )
        self._denied_since: float | None = None
        self._failing_since: float | None = None
        self._interrupted = False

    async def run(self, age: float) -> GatewayError:
        """Review until a refusal is final, and return it; ``age`` is that of the first review."""
        delay = max(0.0, self._clock.uniform(*self._pace.interval) - age)
        while True:
            await self._clock.sleep(delay)
            error = await self._review()
            self._lease.hold(held=error is not None)
            if error is None:
                self._denied_since = self._failing_since = None
                self._interrupted = False
                self._backoff.reset()
                delay = self._clock.uniform(*self._pace.interval)
            elif (final := self._final(error)) is not None:
                return final
            elif self._denied_since is not None:
                delay = self._pace.confirmation
            else:
                delay = self._backoff.delay()

    async def _review(self) -> GatewayError | None:
        """None if the access is allowed, else the reason."""
        try:
            async with asyncio.timeout(self._pace.timeout):
                # an older review adds no information
                verdict = await self._reviews.review(
                    self._client, self._access, max_age=self._pace.interval[0] - 1.0
                )
        except TimeoutError:
            return UpstreamTimeout("the access review got no answer in time")
        except GatewayError as error:
            return error
        return None if verdict.allowed else self._access.refusal(verdict.reason)

    def _final(self, error: GatewayError) -> GatewayError | None:
        """The error that ends the lease; None for one that is not final yet."""
        now, pace = self._clock.now(), self._pace
        if isinstance(error, (Forbidden, Unauthenticated)):
            self._denied_since = now if self._denied_since is None else self._denied_since
            limit = pace.denied_after_outage if self._interrupted else pace.denied
            return error if now - self._denied_since >= limit else None
        self._denied_since, self._interrupted = None, True
        if isinstance(error, UpstreamUnavailable):
            self._failing_since = None
            return None
        self._failing_since = now if self._failing_since is None else self._failing_since
        return _unreviewed(self._access, error) if now - self._failing_since >= pace.failing else None


def _unreviewed(access: Access, error: GatewayError) -> Forbidden:
    """The refusal of an access whose review failed."""
    return access.refusal(f"the access review failed: {error.message}")
