"""Caches that are warm from start-up (``--cache``): informers that run without a subscriber.

They run with the gateway's own identity, so they serve callers that share it: ``local`` mode.
"""

import asyncio
import logging
import re
from collections.abc import Iterable, Sequence

from gateway.errors import ConfigurationError, GatewayError
from gateway.informers import InformerRegistry, Scope
from gateway.kube.client import KubeClient
from schema.filters import MalformedPattern, find_resource
from schema.resources import Resource

__all__ = ["WarmCaches", "find_cacheable"]

logger = logging.getLogger(__name__)

_SEPARATOR = re.compile(r"[,\s]+")
_REQUIRED_VERBS = frozenset({"list", "watch"})
_RETRY_SECONDS = 10.0
"""Delay after the API server refused an informer; the informer itself reconnects after an outage."""


def find_cacheable(names: Iterable[str], resources: Sequence[Resource]) -> tuple[Resource, ...]:
    """The resources of the given names, without duplicates.

    Each text may hold several names, separated by commas or blanks. Raises ConfigurationError for a name that
    is unknown, or whose resource cannot be listed and watched.
    """
    found: dict[Resource, None] = {}
    for name in filter(None, (name for text in names for name in _SEPARATOR.split(text))):
        try:
            resource = find_resource(name, resources)
        except MalformedPattern as error:
            raise ConfigurationError(f"--cache: {error}") from error
        if resource is None:
            raise ConfigurationError(f"--cache {name}: the cluster serves no such resource")
        if not resource.verbs >= _REQUIRED_VERBS:
            raise ConfigurationError(f"--cache {name}: this resource cannot be listed and watched here")
        found[resource] = None
    return tuple(found)


class WarmCaches:
    """Keeps an informer of all objects of each resource; ``retry_seconds`` is the delay after a refusal."""

    def __init__(
        self,
        informers: InformerRegistry,
        client: KubeClient,
        resources: Iterable[Resource],
        *,
        retry_seconds: float = _RETRY_SECONDS,
    ) -> None:
        self._informers = informers
        self._client = client
        self._retry_seconds = retry_seconds
        self._not_synced: dict[Resource, str] = dict.fromkeys(resources, "")

    def waiting_for(self) -> tuple[str, ...]:
        """The resources without a synced informer at present, each with the reason if one is known."""
        return tuple(_describe(resource, reason) for resource, reason in self._not_synced.items())

    async def run(self) -> None:
        """Keep the informers until cancelled, or until the registry is closed."""
        async with asyncio.TaskGroup() as tasks:
            for resource in self._not_synced:
                tasks.create_task(self._keep(resource), name=f"cache of {resource.gvr}")

    async def _keep(self, resource: Resource) -> None:
        while True:
            try:
                async with self._informers.hold(self._client, resource, Scope()) as informer:
                    self._not_synced.pop(resource, None)
                    await informer.finished()
                    return
            except GatewayError as error:
                logger.warning("no cache of %s for now: %s", resource.gvr, error.message)
                self._not_synced[resource] = error.message
            await asyncio.sleep(self._retry_seconds)


def _describe(resource: Resource, reason: str) -> str:
    group, plural = resource.gvr.group, resource.gvr.resource
    name = f"{plural}.{group}" if group else plural
    return f"{name} ({reason})" if reason else name
