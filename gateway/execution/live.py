"""Follows the cluster's API: replaces the schema when CRDs or APIServices change, without a restart.

The metadata of CRDs and APIServices is watched; each burst of changes triggers one reload. Where the gateway
may not watch them, discovery is polled. A reload builds the new schema in a thread and swaps it in at once;
an operation in flight finishes on the schema that it started with.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from gateway import memory
from gateway.errors import GatewayError
from gateway.informers import EventType, InformerRegistry, Scope
from gateway.kube.client import KubeClient
from schema.resources import Resource

__all__ = ["Follower", "Pacing"]

logger = logging.getLogger(__name__)

_DEFINING = (("apiextensions.k8s.io", "customresourcedefinitions"), ("apiregistration.k8s.io", "apiservices"))


@dataclass(frozen=True, slots=True)
class Pacing:
    """When to reload, in seconds.

    - Debounce: a reload follows ``quiet`` after the last change of a burst, ``most`` after the first at the
      latest.
    - Settling: OpenAPI lags behind a CRD's events by up to a second, because the API server's aggregator
      polls its parts every second. Reloads therefore repeat after each delay of ``settle``, until the next
      change; one that finds nothing takes three requests. For ``patience`` a new API waits for its types.
    - Polling: the interval where nothing can be watched is ``poll``. Polls and the beginning of a watch may
      follow a change that no event announces. If such a reload finds none, it repeats after ``recheck`` only.
    """

    quiet: float = 0.1
    most: float = 1.0
    settle: tuple[float, ...] = (*(0.1,) * 20, 0.5, 1.0, 2.0, 4.0)
    patience: float = 2.0
    recheck: tuple[float, ...] = (0.5, 1.0, 2.0)
    poll: float = 15.0


class Follower:
    """Calls ``reload`` whenever the cluster's API may have changed, one call at a time.

    With ``incomplete``, OpenAPI lacked types of some resources when the gateway started: the first reload
    repeats as after a change, because the documents may only lag.

    ``reload(patient)`` returns whether it found a change; with ``patient`` it leaves out new APIs without
    types. It raises GatewayError when the cluster does not answer; the next change or poll tries again.
    """

    def __init__(
        self,
        client: KubeClient,
        informers: InformerRegistry,
        reload: Callable[[bool], Awaitable[bool]],
        pacing: Pacing | None = None,
        *,
        incomplete: bool = False,
    ) -> None:
        self._client = client
        self._informers = informers
        self._reload = reload
        self._pacing = pacing or Pacing()
        self._changed = asyncio.Event()
        """The API may have changed since the last reload."""
        self._announced = incomplete
        """An event has said so, or types were missing at the start."""

    async def run(self, resources: Iterable[Resource]) -> None:
        """Follow until cancelled; ``resources`` are all that the cluster serves."""
        resources = list(_defining_resources(resources))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reload_when_changed())
            for resource in resources:
                tasks.create_task(self._watch(resource))
            if not resources:
                tasks.create_task(self._poll())

    async def _watch(self, resource: Resource) -> None:
        """Note each change after the initial events; poll while the watch is refused."""
        polls = False
        while True:
            try:
                async with self._informers.subscribe(
                    self._client, resource, Scope(), send_initial_events=False, metadata_only=True
                ) as events:
                    if polls:
                        logger.info("%s can be watched again", resource.gvr.resource)
                        polls = False
                    async for event in events:
                        self._announced |= event.type is not EventType.SYNCED
                        self._changed.set()
                return
            except GatewayError as error:
                if not polls:
                    reason = f"{resource.gvr.resource} cannot be watched: {error.message}"
                    logger.warning("%s; %s", reason, self._polling)
                polls = True
            await asyncio.sleep(self._pacing.poll)
            self._changed.set()

    async def _poll(self) -> None:
        logger.warning("this cluster serves neither CRDs nor APIServices; %s", self._polling)
        while True:
            await asyncio.sleep(self._pacing.poll)
            self._changed.set()

    @property
    def _polling(self) -> str:
        return f"polling discovery every {self._pacing.poll:g} s"

    async def _reload_when_changed(self) -> None:
        while True:
            await self._changed.wait()
            await self._debounce()
            await self._reload_until_settled()

    async def _debounce(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pacing.most):
                while self._changed.is_set():
                    self._changed.clear()
                    await asyncio.sleep(self._pacing.quiet)
        self._changed.clear()

    async def _reload_until_settled(self) -> None:
        announced, self._announced = self._announced, False
        found = await self._try_reload(patient=True)
        waited = 0.0
        for seconds in self._pacing.settle if announced or found else self._pacing.recheck:
            if await self._changes_within(seconds):
                self._announced |= announced
                return
            waited += seconds
            found = await self._try_reload(patient=waited < self._pacing.patience) or found
        if found:
            # frees the replaced schemas: operations and closures in cycles may still refer to them
            memory.collect()

    async def _changes_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        return self._changed.is_set()

    async def _try_reload(self, *, patient: bool) -> bool:
        try:
            return await self._reload(patient)
        except GatewayError as error:
            logger.warning("the schema is unchanged, as discovery failed: %s", error.message)
            return False


def _defining_resources(resources: Iterable[Resource]) -> Iterator[Resource]:
    """CRDs and APIServices, if they can be watched."""
    for resource in resources:
        defines = (resource.gvr.group, resource.gvr.resource) in _DEFINING
        if defines and resource.preferred and {"list", "watch"} <= resource.verbs:
            yield resource
