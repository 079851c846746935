"""Following the cluster: a schema that changes as the cluster does, without a restart.

CRDs and APIServices are watched (their metadata only); each change of one asks what is served now. Where
the gateway may not watch them, discovery is polled. A revision is built beside the running one, off the
event loop, and swapped in at once: an operation in flight finishes on the revision that it began with.
"""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from gateway.errors import GatewayError
from gateway.informers import InformerRegistry, Scope
from gateway.kube.client import KubeClient
from schema.resources import Resource

__all__ = ["Follower", "Pacing"]

log = logging.getLogger(__name__)

DEFINING = (("apiextensions.k8s.io", "customresourcedefinitions"), ("apiregistration.k8s.io", "apiservices"))


@dataclass(frozen=True, slots=True)
class Pacing:
    """Seconds: how a burst of changes is made one reload, and how often to ask where nothing is watched.

    After a change, a reload follows when nothing has happened for ``quiet``, at the latest after ``most``.
    Discovery and OpenAPI lag behind the CRD's own events (up to 0.5 s seen), so that it is asked again
    after each of ``settle``, until the next change; for ``patience`` a new API waits for its types.
    """

    quiet: float = 0.1
    most: float = 1.0
    settle: tuple[float, ...] = (*(0.15,) * 8, 0.5, 1.0, 2.0, 4.0)
    patience: float = 1.0
    poll: float = 15.0


class Follower:
    """Calls ``reload`` whenever what is served may have changed, one call at a time.

    ``reload(patient)`` answers whether it found a change; with ``patient`` it leaves out what has no types
    yet. It raises GatewayError where the cluster did not answer, and the schema stays as it is until the
    next try.
    """

    def __init__(
        self,
        client: KubeClient,
        informers: InformerRegistry,
        reload: Callable[[bool], Awaitable[bool]],
        pacing: Pacing | None = None,
    ) -> None:
        self._client = client
        self._informers = informers
        self._reload = reload
        self._pacing = pacing or Pacing()
        self._changed = asyncio.Event()

    async def run(self, resources: Iterable[Resource]) -> None:
        """Follow until cancelled; ``resources`` are those that the cluster serves."""
        resources = list(defining_resources(resources))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reload_when_changed())
            for resource in resources:
                tasks.create_task(self._watch(resource))
            if not resources:
                tasks.create_task(self._poll("this cluster serves neither CRDs nor APIServices"))

    async def _watch(self, resource: Resource) -> None:
        """Note every change of one of the two, after its first whole set."""
        while True:
            try:
                async with self._informers.subscribe(
                    self._client, resource, Scope(), send_initial_events=False, metadata_only=True
                ) as events:
                    async for _ in events:
                        self._changed.set()
                return
            except GatewayError as error:
                reason = f"{resource.gvr.resource} cannot be watched: {error.message}"
            await self._poll(reason)

    async def _poll(self, reason: str) -> None:
        log.warning("%s; asking every %g s what is served", reason, self._pacing.poll)
        while True:
            await asyncio.sleep(self._pacing.poll)
            self._changed.set()

    async def _reload_when_changed(self) -> None:
        while True:
            await self._changed.wait()
            await self._until_quiet()
            await self._reload_until_settled()

    async def _until_quiet(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pacing.most):
                while self._changed.is_set():
                    self._changed.clear()
                    await asyncio.sleep(self._pacing.quiet)
        self._changed.clear()

    async def _reload_until_settled(self) -> None:
        found = await self._try_reload(patient=True)
        waited = 0.0
        for seconds in self._pacing.settle:
            if await self._changes_within(seconds):
                return
            waited += seconds
            found = await self._try_reload(patient=waited < self._pacing.patience) or found
        if found:
            free_replaced_revisions()

    async def _changes_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        return self._changed.is_set()

    async def _try_reload(self, *, patient: bool) -> bool:
        try:
            return await self._reload(patient)
        except GatewayError as error:
            log.warning("the schema stays, as the cluster does not say what it serves: %s", error.message)
            return False


def free_replaced_revisions() -> None:
    """Collect what holds replaced schemas, once things are quiet.

    The collector never looks at the schemas themselves (``build_replacement`` sees to it): that would stop
    the event loop for 75 ms for the API of Kubernetes 1.36 alone.
    """
    gc.collect()


def defining_resources(resources: Iterable[Resource]) -> Iterator[Resource]:
    """CRDs and APIServices, where they can be watched."""
    for each in resources:
        defines = (each.gvr.group, each.gvr.resource) in DEFINING
        if defines and each.preferred and {"list", "watch"} <= each.verbs:
            yield each
