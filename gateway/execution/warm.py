"""Caches that are warm from start-up: informers that run though nobody subscribes (``--cache``).

They are the gateway's own identity's, so they are of use where that is who asks: in ``local`` mode.
"""

import asyncio
import logging
import re
from collections.abc import Iterable, Sequence

from gateway.errors import ConfigurationError, GatewayError
from gateway.informers import InformerRegistry, Scope
from gateway.kube.client import KubeClient
from schema.filters import MalformedPattern
from schema.resource_lookup import find_resource
from schema.resources import Resource

__all__ = ["WarmCaches", "find_cacheable"]

log = logging.getLogger(__name__)

SEPARATOR = re.compile(r"[,\s]+")
NEEDED = frozenset({"list", "watch"})
PAUSE = 10.0
"""Seconds until a cache that was refused is asked for again; an API server that is away is the informer's
own business."""


def find_cacheable(names: Iterable[str], resources: Sequence[Resource]) -> tuple[Resource, ...]:
    """The resources of those names, several to a text, each once; ConfigurationError for an unknown one."""
    found: dict[Resource, None] = {}
    for name in filter(None, (each for text in names for each in SEPARATOR.split(text))):
        try:
            resource = find_resource(name, resources)
        except MalformedPattern as error:
            raise ConfigurationError(f"--cache: {error}") from error
        if resource is None:
            raise ConfigurationError(f"--cache {name}: the cluster serves no such resource")
        if not resource.verbs >= NEEDED:
            raise ConfigurationError(f"--cache {name}: this resource cannot be listed and watched here")
        found[resource] = None
    return tuple(found)


class WarmCaches:
    """Keeps an informer of all objects of each of the resources; ``pause`` is in seconds."""

    def __init__(
        self,
        informers: InformerRegistry,
        client: KubeClient,
        resources: Iterable[Resource],
        *,
        pause: float = PAUSE,
    ) -> None:
        self._informers = informers
        self._client = client
        self._pause = pause
        self._waiting: dict[Resource, str] = dict.fromkeys(resources, "")

    def waiting_for(self) -> tuple[str, ...]:
        """What has never been synced so far, and why, where that is known."""
        return tuple(_describe(resource, why) for resource, why in self._waiting.items())

    async def run(self) -> None:
        """Keep them until cancelled, or until the informers are closed."""
        async with asyncio.TaskGroup() as tasks:
            for each in self._waiting:
                tasks.create_task(self._keep(each), name=f"cache of {each.gvr}")

    async def _keep(self, resource: Resource) -> None:
        while True:
            try:
                async with self._informers.hold(self._client, resource, Scope()) as informer:
                    self._waiting.pop(resource, None)
                    await informer.finished()
                    return
            except GatewayError as error:
                log.warning("no cache of %s for now: %s", resource.gvr, error.message)
                if resource in self._waiting:
                    self._waiting[resource] = error.message
            await asyncio.sleep(self._pause)


def _describe(resource: Resource, why: str) -> str:
    group, plural = resource.gvr.group, resource.gvr.resource
    name = f"{plural}.{group}" if group else plural
    return f"{name} ({why})" if why else name
