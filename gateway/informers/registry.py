"""All informers: who joins which, when they start and when they stop."""

import logging
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

from gateway.concurrency import Clock, Tasks
from gateway.errors import GatewayError, StatusError, UpstreamError
from gateway.informers.counters import Counters
from gateway.informers.events import ObjectEvent, Scope
from gateway.informers.handover import Handover
from gateway.informers.informer import Informer
from gateway.informers.opening import Resume
from gateway.informers.reflector import Reflector
from gateway.informers.request import Request, parse_request
from gateway.informers.running import Family, Running
from gateway.informers.source import Source
from gateway.informers.subscription import Limits
from gateway.informers.timing import Timing
from gateway.informers.view import View
from gateway.kube.client import KubeClient
from schema.resources import GroupVersionResource, Resource

__all__ = ["InformerRegistry"]

logger = logging.getLogger(__name__)


class InformerRegistry:
    """Owns every informer and every task of this package.

    An informer is stopped ``grace_period`` seconds after its last subscriber has left, so that one who
    comes right back finds it, its history included.
    """

    def __init__(
        self,
        *,
        grace_period: float = 30.0,
        limits: Limits | None = None,
        clock: Clock | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.counters = Counters()
        self._grace_period = grace_period
        self._limits = limits or Limits()
        self._clock = clock or Clock()
        self._timing = timing or Timing()
        self._families: dict[Family, dict[Scope, Running]] = {}
        self._no_watch_list: set[str] = set()
        self._tasks = Tasks()
        self._closed = False

    @property
    def informers(self) -> tuple[Informer, ...]:
        """Those that run."""
        return tuple(running.informer for each in self._families.values() for running in each.values())

    @property
    def subscribers(self) -> int:
        return sum(each.subscribers for each in self.informers)

    @property
    def waiting(self) -> int:
        """Events that wait in the queues of all subscribers."""
        return sum(each.waiting for each in self.informers)

    def find(self, client: KubeClient, resource: Resource, scope: Scope) -> Informer | None:
        """The widest informer of complete objects that covers the scope and is synced; starts none."""
        running = self._families.get((client.identity, resource.gvr, ""), {})
        candidates = (running[each].informer for each in scope.covering if each in running)
        return next((each for each in candidates if each.synced and not each.metadata_only), None)

    def view(
        self,
        client: KubeClient,
        resource: Resource,
        scope: Scope,
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> View | None:
        """What the store of a synced informer of this identity can answer by itself; starts none.

        None where there is no such informer, or the store does not have the fields. Raises BadArgument as
        :meth:`subscribe` does.
        """
        request = parse_request(Source(client, resource, scope), label_selector, field_selector)
        informer = (
            None if request.source.field_selector else self.find(client, resource, request.source.scope)
        )
        return None if informer is None else View(informer, request.filter)

    @asynccontextmanager
    async def subscribe(  # noqa: PLR0913 (the arguments of a subscription's root field are these)
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
    ) -> AsyncIterator[AsyncIterator[ObjectEvent]]:
        """Subscribe to the objects of a scope; the docstring of :mod:`gateway.informers` says what comes.

        With ``metadata_only`` the rest of an object may be left out of its bytes: it is where all who share
        the informer ask for no more, until somebody does.

        Entering waits until there is a whole set to begin with, however long the API server cannot be
        reached. Raises BadArgument for a selector, a namespace or a name that cannot be, Gone (see
        "Resuming" there), and what the API server refuses with. Reading raises that too, and
        SubscriberTooSlow.
        """
        request = parse_request(
            Source(client, resource, scope, metadata_only=metadata_only), label_selector, field_selector
        )
        async with self._informer(request) as informer:
            resume = Resume(resource_version, send_initial_events)
            if informer.is_behind(resume):
                resume = replace(resume, upstream=await upstream_version(request.source))
                # meanwhile it may have begun to list again
                await informer.settled(metadata_only=request.source.metadata_only)
            subscription = informer.subscribe(request.filter, resume)
            try:
                yield subscription
            finally:
                informer.unsubscribe(request.filter, subscription)

    @asynccontextmanager
    async def hold(self, client: KubeClient, resource: Resource, scope: Scope) -> AsyncIterator[Informer]:
        """Keep an informer running, told of nothing; entering waits and raises as :meth:`subscribe` does."""
        async with self._informer(parse_request(Source(client, resource, scope), "", "")) as informer:
            yield informer

    def end(self, resources: Collection[GroupVersionResource], error: GatewayError) -> None:
        """End every subscription to one of the resources, with the error."""
        for running in [each for scopes in self._families.values() for each in scopes.values()]:
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
        # a task that is cancelled before its first step never gets to this itself
        self._families.clear()

    @asynccontextmanager
    async def _informer(self, request: Request) -> AsyncIterator[Informer]:
        """The widest one that covers the request; its own scope's where the wider one is refused."""
        for running in self._candidates(request.source):
            informer = running.informer
            self._enter(running)
            try:
                if not request.source.metadata_only:
                    self._complete(running)
                try:
                    await informer.settled(metadata_only=request.source.metadata_only)
                except StatusError:
                    if informer.scope == request.source.scope:
                        raise
                    continue
                yield informer
                return
            finally:
                self._leave(running)

    def _candidates(self, source: Source) -> Iterator[Running]:
        family: Family = (source.client.identity, source.resource.gvr, source.field_selector)
        for scope in source.scope.covering:
            running = self._families.get(family, {}).get(scope)
            if running is not None and running.serves(source):
                yield running
        yield self._start(family, source)

    def _start(self, family: Family, source: Source) -> Running:
        informer = Informer(source.scope, self._limits, self.counters)
        running = Running(family, informer, self._reflector(source, informer))
        if self._closed:
            informer.end()
            return running
        self._families.setdefault(family, {})[source.scope] = running
        self._launch(running, running.reflector)
        return running

    def _complete(self, running: Running) -> None:
        """Change over to complete objects, for good; the informer's subscribers do not notice."""
        informer = running.informer
        if not running.source.metadata_only or running.successor is not None or informer.ended:
            return
        informer.refuse(None)
        source = replace(running.source, metadata_only=False)
        running.successor = self._reflector(source, informer, Handover(informer, running.succeed))
        self._launch(running, running.successor)

    def _launch(self, running: Running, reflector: Reflector) -> None:
        task = self._tasks.start(self._run(running, reflector), f"informer {reflector.source.path}")
        running.tasks.add(task)
        task.add_done_callback(running.tasks.discard)

    async def _run(self, running: Running, reflector: Reflector) -> None:
        path, error = reflector.source.path, None
        try:
            await reflector.run()
        except GatewayError as refusal:
            logger.info("watching %s ends: %s", path, refusal)
            error = refusal
        except Exception:  # the outer edge of a background task: subscribers must not wait for ever
            logger.exception("the informer of %s failed", path)
            error = GatewayError("the informer failed")
        finally:
            self._finish(running, reflector, error)

    def _finish(self, running: Running, reflector: Reflector, error: GatewayError | None) -> None:
        """A reflector has come to its end: the informer ends with the one that keeps it."""
        if running.reflector is reflector:
            running.informer.end(error)
            self._forget(running)
            running.cancel()
        elif running.successor is reflector:
            running.successor = None
            running.informer.refuse(error)

    def _reflector(self, source: Source, informer: Informer, handover: Handover | None = None) -> Reflector:
        return Reflector(
            source,
            informer,
            clock=self._clock,
            timing=self._timing,
            no_watch_list=self._no_watch_list,
            handover=handover,
        )

    def _forget(self, running: Running) -> None:
        """Let nobody join it from here on."""
        scopes = self._families.get(running.family, {})
        if scopes.get(running.informer.scope) is running:
            del scopes[running.informer.scope]
        if not scopes:
            self._families.pop(running.family, None)

    def _enter(self, running: Running) -> None:
        running.users += 1
        if running.stopping is not None:
            running.stopping.cancel()
            running.stopping = None

    def _leave(self, running: Running) -> None:
        running.users -= 1
        if running.users == 0 and not running.informer.ended:
            running.stopping = self._tasks.start(self._stop(running), "informer's grace period")

    async def _stop(self, running: Running) -> None:
        await self._clock.sleep(self._grace_period)
        # nobody has come back, else this task had been cancelled
        self._forget(running)
        running.informer.end()
        running.cancel()


async def upstream_version(source: Source) -> int:
    """The resource version that the API server has reached; 0 where that cannot be told."""
    try:
        return await source.fetch_resource_version() or 0
    except (StatusError, UpstreamError):
        return 0
