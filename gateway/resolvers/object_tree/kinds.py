"""From the name of a kind to its resource, and the kinds whose objects an object may own.

Owner references give a child its owners, and nothing gives an owner its children: each kind that the cluster
serves may have some. An owner in a namespace owns objects of this namespace only; a cluster-scoped owner may
own any. A kind is read at one version, and some kinds are never read:

- Events are numerous, short-lived and never owned.
- The metrics API and others without ``watch`` compute their objects for each request.
"""

from collections.abc import Sequence
from functools import cached_property

from gateway.errors import BadArgument
from schema.model import Model, ServedResource
from schema.relations import ReferenceFinder
from schema.resources import GroupVersion, is_builtin_group

__all__ = ["KindFinder"]

_NEVER_OWNED = frozenset({("", "events"), ("events.k8s.io", "events")})


class KindFinder:
    """The readable kinds of a model."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @cached_property
    def references(self) -> ReferenceFinder:
        """The references of each kind."""
        return ReferenceFinder(self.model)

    @cached_property
    def _readable(self) -> list[ServedResource]:
        """The resources with ``get``: the preferred version first, built-in kinds before others."""
        found = [served for served in self.model.resources if "get" in served.resource.verbs]
        return sorted(found, key=_rank)

    @cached_property
    def listed(self) -> Sequence[ServedResource]:
        """The kinds that may be owned, each once; built-in kinds first."""
        by_resource: dict[tuple[str, str], ServedResource] = {}
        for served in self._readable:
            gvr = served.resource.gvr
            if {"list", "watch"} <= served.resource.verbs and (gvr.group, gvr.resource) not in _NEVER_OWNED:
                by_resource.setdefault((gvr.group, gvr.resource), served)
        return list(by_resource.values())

    def owned_by(self, root: ServedResource) -> Sequence[ServedResource]:
        """The kinds whose objects an object of the kind may own, at any level."""
        if not root.resource.namespaced:
            return self.listed
        return [served for served in self.listed if served.resource.namespaced]

    def find(self, kind: str, api_version: str | None) -> ServedResource:
        """The resource of a kind. Raises BadArgument if there is none, or several without ``apiVersion``."""
        found = [served for served in self._readable if served.resource.kind.kind == kind]
        if api_version is not None:
            version = GroupVersion.parse(api_version)
            found = [served for served in found if served.resource.kind.group_version == version]
        if not found:
            where = f" in {api_version}" if api_version else ""
            raise BadArgument(f"the cluster serves no kind {kind}{where}; `resources` lists what it serves")
        groups = dict.fromkeys(served.resource.kind.group for served in found)
        if len(groups) > 1 and not is_builtin_group(found[0].resource.kind.group):
            raise BadArgument(f"several groups have a kind {kind}: {', '.join(groups)}; give apiVersion")
        return found[0]


def _rank(served: ServedResource) -> tuple[bool, bool, bool]:
    group = served.resource.kind.group
    return bool(group), not is_builtin_group(group), not served.resource.preferred
