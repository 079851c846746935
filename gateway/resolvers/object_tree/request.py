"""The arguments of ``tree``, checked and with their defaults."""

from dataclasses import dataclass

from gateway.errors import BadArgument
from gateway.informers import Scope
from gateway.kube.paths import resource_path
from gateway.resolvers.context import Info, expect_discovery
from gateway.resolvers.object_tree.kinds import KindFinder
from gateway.resolvers.object_tree.tree import MAX_DEPTH
from schema.model import ServedResource

__all__ = ["TreeRequest", "parse_request"]


@dataclass(frozen=True, slots=True)
class TreeRequest:
    """The root, the kinds whose objects it may own, and the most levels below it."""

    root: ServedResource
    scope: Scope
    path: str
    depth: int
    finder: KindFinder

    @property
    def kinds(self) -> list[ServedResource]:
        """The kinds to read: none without levels below the root."""
        return list(self.finder.owned_by(self.root)) if self.depth else []


async def parse_request(
    finder: KindFinder,
    info: Info,
    *,
    kind: str,
    name: str,
    api_version: str | None = None,
    namespace: str | None = None,
    depth: int | None = None,
) -> TreeRequest:
    """The request of a field. Raises BadArgument."""
    try:
        root = finder.find(kind, api_version)
    except BadArgument:
        # the served kinds are known only to callers that may read discovery
        await expect_discovery(info.context)
        raise
    if depth is not None and depth < 0:
        raise BadArgument(f"depth is {depth}; give 0 or a positive number")
    namespace = (namespace or info.context.default_namespace) if root.resource.namespaced else None
    path = resource_path(root.resource, namespace, name)
    most = MAX_DEPTH if depth is None else min(depth, MAX_DEPTH)
    return TreeRequest(root, Scope(namespace, name), path, most, finder)
