"""The registry of all informers: which informer serves a query, when informers start and when they stop."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from gateway.concurrency import Clock, Tasks
from gateway.errors import GatewayError, StatusError, UpstreamError
from gateway.informers.changeover import ChangeOver, Feed
from gateway.informers.events import Scope
from gateway.informers.informer import Counters, Informer
from gateway.informers.query import Query, View, parse_query
from gateway.informers.reflector import Reflector, Timing
from gateway.informers.source import Source
from gateway.informers.subscription import Limits, Resume, Subscription
from gateway.kube.client import KubeClient
from schema.resources import GroupVersionResource, Resource

__all__ = ["InformerRegistry"]

logger = logging.getLogger(__name__)

_FIRST_LIST_SECONDS = 10.0
"""A reader that waits for a whole set gets an error after that time, if the LISTs fail."""

_Family = tuple[str, GroupVersionResource, str]
"""The key that informers of different scopes share: identity, resource, field selector sent upstream."""


@dataclass(slots=True, eq=False)
class _RunningInformer:
    """An informer with its tasks and its number of users; ``stopping`` is the task of its grace period."""

    family: _Family
    source: Source
    informer: Informer
    feeds: ChangeOver
    users: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    stopping: asyncio.Task[None] | None = field(default=None)

    def serves(self, wanted: Source) -> bool:
        """Whether a reader of ``wanted``, a source that this one's scope covers, may join.

        A query for one namespace's complete objects does not make an informer of all namespaces fetch
        complete objects.
        """
        if wanted.metadata_only or wanted.scope == self.informer.scope:
            return True
        return not self.feeds.active.metadata_only

    def cancel(self) -> None:
        """Cancel all tasks except the current one."""
        for task in self.tasks - {asyncio.current_task()}:
            task.cancel()


class InformerRegistry:
    """Owns every informer and every task of this package.

    An informer stops ``grace_period`` seconds after its last user has left. A client that reconnects within
    that time finds the informer with its history.
    """

    def __init__(
        self,
        *,
        grace_period: float = 30.0,
        limits: Limits | None = None,
        clock: Clock | None = None,
        timing: Timing | None = None,
        first_list_seconds: float = _FIRST_LIST_SECONDS,
    ) -> None:
        self.counters = Counters()
        self._grace_period = grace_period
        self._limits = limits or Limits()
        self._clock = clock or Clock()
        self._timing = timing or Timing()
        self._families: dict[_Family, dict[Scope, _RunningInformer]] = {}
        self._no_watch_list: set[str] = set()
        self._tasks = Tasks()
        self._first_list_seconds = first_list_seconds
        self._closed = False

    # state

    @property
    def informers(self) -> tuple[Informer, ...]:
        """The running informers."""
        return tuple(running.informer for running in self._running())

    def _running(self) -> Iterator[_RunningInformer]:
        return (running for scopes in self._families.values() for running in scopes.values())

    @property
    def subscribers(self) -> int:
        return sum(informer.subscribers for informer in self.informers)

    @property
    def waiting(self) -> int:
        """The number of events in the queues of all subscriptions."""
        return sum(informer.waiting for informer in self.informers)

    # reads from running informers

    def find(self, client: KubeClient, resource: Resource, scope: Scope) -> Informer | None:
        """The widest synced informer of complete objects that covers the scope; starts none."""
        scopes = self._families.get((client.identity, resource.gvr, ""), {})
        candidates = (scopes[covering].informer for covering in scope.covering if covering in scopes)
        return next((found for found in candidates if found.synced and not found.metadata_only), None)

    def view(
        self,
        client: KubeClient,
        resource: Resource,
        scope: Scope,
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> View | None:
        """The answer of a synced informer of this identity; starts none.

        None without such an informer, or if the store cannot evaluate the field selector. Raises BadArgument
        as :meth:`subscribe` does.
        """
        query = parse_query(Source(client, resource, scope), label_selector, field_selector)
        if query.source.field_selector:
            return None
        informer = self.find(client, resource, query.source.scope)
        return None if informer is None else View(informer, query.filter)

    # subscriptions

    @asynccontextmanager
    async def subscribe(  # noqa: PLR0913 (these are the arguments of a subscription's root field)
        self,
        client: KubeClient,
        resource: Resource,
        scope: Scope,
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str | None = None,
        send_initial_events: bool = True,
        metadata_only: bool = False,
    ) -> AsyncIterator[Subscription]:
        """Subscribe to the objects of a scope; the package's docstring describes the events.

        With ``metadata_only`` the bytes of an object may lack everything but its metadata: they do as long as
        all subscribers of the informer say so.

        Entering waits for the first whole set; it raises ServerFailure or UpstreamUnavailable if the LISTs
        fail for 10 s, BadArgument for a malformed selector, namespace or name, Gone (see "Resuming" there),
        and the API server's refusal. Reading raises the refusal, too, and SubscriberTooSlow.
        """
        query = parse_query(
            Source(client, resource, scope, metadata_only=metadata_only), label_selector, field_selector
        )
        async with self._informer(query) as informer:
            resume = Resume(resource_version, send_initial_events)
            if informer.is_behind(resume):
                resume = replace(resume, upstream=await _fetch_version(query.source))
                # A re-list may have begun in the meantime.
                await informer.settled(
                    metadata_only=query.source.metadata_only, deadline=self._first_list_deadline()
                )
            subscription = informer.subscribe(query.filter, resume)
            try:
                yield subscription
            finally:
                informer.unsubscribe(query.filter, subscription)

    @asynccontextmanager
    async def hold(self, client: KubeClient, resource: Resource, scope: Scope) -> AsyncIterator[Informer]:
        """Keep an informer running without a subscription; entering waits and raises as :meth:`subscribe`."""
        async with self._informer(parse_query(Source(client, resource, scope), "", "")) as informer:
            yield informer

    @asynccontextmanager
    async def _informer(self, query: Query) -> AsyncIterator[Informer]:
        """The widest settled informer that covers the query.

        That of its own scope if the wider is refused, or cannot be listed in time.
        """
        deadline = self._first_list_deadline()
        for running in self._candidates(query.source):
            informer = running.informer
            self._enter(running)
            try:
                if not query.source.metadata_only:
                    self._require_complete(running)
                try:
                    await informer.settled(metadata_only=query.source.metadata_only, deadline=deadline)
                except (StatusError, UpstreamError):
                    if informer.scope == query.source.scope:
                        raise
                    continue
                yield informer
                return
            finally:
                self._leave(running)

    def _first_list_deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._first_list_seconds

    def _candidates(self, source: Source) -> Iterator[_RunningInformer]:
        family: _Family = (source.client.identity, source.resource.gvr, source.field_selector)
        for scope in source.scope.covering:
            running = self._families.get(family, {}).get(scope)
            if running is not None and running.serves(source):
                yield running
        yield self._start(family, source)

    def _enter(self, running: _RunningInformer) -> None:
        running.users += 1
        if running.stopping is not None:
            running.stopping.cancel()
            running.stopping = None

    def _leave(self, running: _RunningInformer) -> None:
        running.users -= 1
        if running.users == 0 and not running.informer.ended:
            running.stopping = self._tasks.start(self._stop(running), "informer's grace period")

    # starting and stopping

    def _start(self, family: _Family, source: Source) -> _RunningInformer:
        informer = Informer(source.scope, self._limits, self.counters)
        feeds = ChangeOver(informer, metadata_only=source.metadata_only)
        running = _RunningInformer(family, source, informer, feeds)
        if self._closed:
            informer.end()
            return running
        self._families.setdefault(family, {})[source.scope] = running
        self._launch(running, feeds.active)
        return running

    def _require_complete(self, running: _RunningInformer) -> None:
        successor = running.feeds.require_complete()
        if successor is not None:
            self._launch(running, successor)

    def _launch(self, running: _RunningInformer, feed: Feed) -> None:
        reflector = Reflector(
            replace(running.source, metadata_only=feed.metadata_only),
            feed,
            clock=self._clock,
            timing=self._timing,
            no_watch_list=self._no_watch_list,
        )
        task = self._tasks.start(self._run(running, feed, reflector), f"informer {reflector.source.path}")
        running.tasks.add(task)
        task.add_done_callback(running.tasks.discard)

    async def _run(self, running: _RunningInformer, feed: Feed, reflector: Reflector) -> None:
        path, error = reflector.source.path, None
        try:
            await reflector.run()
        except GatewayError as refusal:
            logger.info("watching %s ends: %s", path, refusal)
            error = refusal
        except Exception:  # the outer edge of a background task: subscribers must not wait forever
            logger.exception("the informer of %s failed", path)
            error = GatewayError("the informer failed")
        finally:
            self._finish(running, feed, error)

    def _finish(self, running: _RunningInformer, feed: Feed, error: GatewayError | None) -> None:
        """End the informer together with its active feed.

        A successor that fails leaves the informer alone.
        """
        if running.feeds.active is feed:
            running.informer.end(error)
            self._forget(running)
            running.cancel()
        else:
            running.feeds.abandon(feed, error)

    async def _stop(self, running: _RunningInformer) -> None:
        await self._clock.sleep(self._grace_period)
        # A user that returned within the grace period has cancelled this task.
        self._forget(running)
        running.informer.end()
        running.cancel()

    def _forget(self, running: _RunningInformer) -> None:
        """Remove the informer from the registry; no later query joins it."""
        scopes = self._families.get(running.family, {})
        if scopes.get(running.informer.scope) is running:
            del scopes[running.informer.scope]
        if not scopes:
            self._families.pop(running.family, None)

    def end(self, resources: Collection[GroupVersionResource], error: GatewayError) -> None:
        """End every subscription to one of the resources with the error."""
        for running in list(self._running()):
            if running.family[1] in resources:
                self._forget(running)
                running.informer.end(error)
                running.cancel()

    async def aclose(self) -> None:
        """End every subscription as complete and stop all informers; a later subscription ends at once."""
        self._closed = True
        for informer in self.informers:
            informer.end()
        await self._tasks.aclose()
        # A task that is cancelled before its first step does not remove its informer.
        self._families.clear()


async def _fetch_version(source: Source) -> int:
    """The API server's current resource version; 0 if it is opaque or cannot be fetched."""
    try:
        return await source.fetch_resource_version() or 0
    except (StatusError, UpstreamError):
        return 0
