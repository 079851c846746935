"""From the kind of an object to its resource: the schema's own, or one that discovery lists by now.

The filters of the gateway (``--include``, ``--exclude``) apply to both.
"""

import asyncio
from collections.abc import Iterable, Mapping

from gateway.errors import BadArgument, NotFound
from gateway.kube.client import KubeClient
from schema.discovery import parse_resource_list
from schema.filters import Filters
from schema.model import Model, Verb
from schema.resources import GroupVersion, GroupVersionKind, Resource
from schema.verbs import VERBS

__all__ = ["ResourceFinder", "resources_by_kind", "unknown_kind"]

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0


def resources_by_kind(model: Model) -> Mapping[GroupVersionKind, Resource]:
    """The model's resources; of several with one kind the first."""
    return {served.resource.kind: served.resource for served in reversed(model.resources)}


class ResourceFinder:
    """Finds resources for one verb as one caller; discovery's answers are kept."""

    def __init__(
        self, client: KubeClient, verb: Verb, known: Mapping[GroupVersionKind, Resource], filters: Filters
    ) -> None:
        self._client = client
        self._spec = VERBS[verb]
        self._verb = verb
        self._resources = dict(known)
        self._filters = filters

    def find(self, kind: GroupVersionKind) -> Resource | None:
        """The resource; None if it is not known so far. Raises BadArgument if the verb is not served."""
        resource = self._resources.get(kind)
        if resource is not None and not self._spec.is_served(resource):
            raise BadArgument(
                f"objects of kind {kind.kind} ({kind.api_version}) cannot be used with {self._verb}: it needs"
                f" the verbs {', '.join(self._spec.api_verbs)}, and the gateway serves"
                f" {', '.join(sorted(resource.verbs)) or 'none'}"
            )
        return resource

    def unknown_group_versions(self, kinds: Iterable[GroupVersionKind]) -> list[GroupVersion]:
        """The group versions of the kinds that are not known so far."""
        missing = (kind.group_version for kind in kinds if kind not in self._resources)
        return list(dict.fromkeys(missing))

    async def discover(self, group_version: GroupVersion) -> None:
        """Ask the API server for the resources of a group version. Raises GatewayError."""
        try:
            response = await self._client.get(group_version.path)
        except NotFound:
            return
        resources = parse_resource_list(group_version, response.body)
        for resource in reversed(self._filters.restrict(resources)):
            self._resources[resource.kind] = resource

    async def discover_kind(self, kind: GroupVersionKind, timeout: float) -> bool:  # noqa: ASYNC109
        """Repeat :meth:`discover` until the kind is served; False after ``timeout`` seconds."""
        self._resources.pop(kind, None)
        pause = _FIRST_PAUSE_SECONDS
        try:
            async with asyncio.timeout(timeout):
                while True:
                    await self.discover(kind.group_version)
                    if kind in self._resources:
                        return True
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        except TimeoutError:
            return False


def unknown_kind(kind: GroupVersionKind) -> str:
    """The message about a kind without a resource."""
    return f"the cluster serves no kind {kind.kind} in {kind.api_version}"
