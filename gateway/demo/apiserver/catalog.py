"""Which resources are served, and where an address leads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.demo.apiserver.openapi_documents import Documents, recorded_discovery
from gateway.demo.apiserver.scale import PLAIN_SCALE, ScalePaths
from schema.resources import GroupVersion, GroupVersionKind, GroupVersionResource, Resource, Subresource

__all__ = ["Catalog", "CustomVersion", "Target", "table_of"]

# one storage for what two groups serve: the same events, in two shapes
SHARED = {("events.k8s.io", "events"): "events"}


def table_of(resource: Resource) -> str:
    """The storage's table for a resource: one for all of its versions."""
    gvr = resource.gvr
    plain = f"{gvr.resource}.{gvr.group}" if gvr.group else gvr.resource
    return SHARED.get((gvr.group, gvr.resource), plain)


@dataclass(frozen=True, slots=True)
class CustomVersion:
    """What a definition says of a custom resource at one version, beyond its schema."""

    selectable: tuple[str, ...] = ()
    scale: ScalePaths = PLAIN_SCALE


@dataclass(frozen=True, slots=True)
class Target:
    """What a path addresses: a resource, or one object of it, or a subresource of that."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


class Catalog:
    """The served resources, in discovery's order; custom ones are added and taken away."""

    def __init__(self) -> None:
        recorded = recorded_discovery()
        self.version: Mapping[str, str] = recorded["version"]
        self.groups: list[dict[str, Any]] = recorded["groups"]
        self.resources: dict[GroupVersionResource, Resource] = {}
        self.customs: dict[GroupVersionResource, CustomVersion] = {}
        self.documents = Documents(tuple(self._group_versions()))
        for group in self.groups:
            for resource in parse_group(group):
                self.resources[resource.gvr] = resource

    def _group_versions(self) -> Iterator[GroupVersion]:
        for group in self.groups:
            for version in group["versions"]:
                yield GroupVersion(group["metadata"].get("name", ""), version["version"])

    def serves(self, group_version: GroupVersion) -> bool:
        return any(item.group_version == group_version for item in self.resources)

    def find(self, group: str, version: str, resource: str) -> Resource | None:
        return self.resources.get(GroupVersionResource(group, version, resource))

    def resource(self, table: str) -> Resource:
        """A resource whose objects are in that table; KeyError where none is served."""
        for item in self.resources.values():
            if table_of(item) == table:
                return item
        raise KeyError(table)

    def is_custom(self, resource: Resource) -> bool:
        """Whether a resource comes from a definition."""
        return resource.gvr in self.customs

    def custom(self, resource: Resource) -> CustomVersion:
        """What its definition says of a resource; of a built-in one, what every resource has."""
        return self.customs.get(resource.gvr, PLAIN)

    def replace_group(self, name: str, group: dict[str, Any] | None) -> None:
        """Serve a custom group as described from now on; no longer at all where it is None."""
        self.groups = [item for item in self.groups if item["metadata"].get("name") != name]
        self.resources = {gvr: item for gvr, item in self.resources.items() if gvr.group != name}
        self.customs = {gvr: item for gvr, item in self.customs.items() if gvr.group != name}
        self.documents.forget(name)
        if group is not None:
            self.groups.append(group)
            # the built-in groups first, in their own order; sorting is stable
            recorded = {item.group for item in self.documents.recorded}
            self.groups.sort(key=lambda item: _behind_recorded(item["metadata"].get("name", ""), recorded))
            self.resources.update((item.gvr, item) for item in parse_group(group))

    def target(self, group_version: GroupVersion, rest: str) -> Target | None:
        """What the part of a path behind the group and version addresses; None for nothing served."""
        segments = rest.split("/")
        namespace = ""
        if segments[0] == "namespaces" and len(segments) > 2 and segments[2] not in ("status", "finalize"):
            namespace, segments = segments[1], segments[2:]
        resource = self.find(group_version.group, group_version.version, segments[0])
        if resource is None or len(segments) > 3 or (namespace and not resource.namespaced):
            return None
        name, subresource = (*segments[1:], "", "")[:2]
        if (len(segments) > 1 and not name) or (resource.namespaced and name and not namespace):
            return None
        if subresource and resource.subresource(subresource) is None:
            return None
        return Target(resource, namespace, name, subresource)


PLAIN = CustomVersion()


def _behind_recorded(name: str, recorded: set[str]) -> str:
    return "" if name in recorded else name


def parse_group(group: Mapping[str, Any]) -> Iterator[Resource]:
    name = group["metadata"].get("name", "")
    seen: set[str] = set()
    for version in group["versions"]:
        for item in version["resources"]:
            gvr = GroupVersionResource(name, version["version"], item["resource"])
            yield parse_resource(gvr, item, preferred=gvr.resource not in seen)
            seen.add(gvr.resource)


def parse_resource(gvr: GroupVersionResource, entry: Mapping[str, Any], *, preferred: bool) -> Resource:
    return Resource(
        gvr=gvr,
        kind=GroupVersionKind(gvr.group, gvr.version, entry["responseKind"]["kind"]),
        namespaced=entry["scope"] == "Namespaced",
        singular=entry.get("singularResource", ""),
        verbs=frozenset(entry["verbs"]),
        preferred=preferred,
        short_names=tuple(entry.get("shortNames", ())),
        categories=tuple(entry.get("categories", ())),
        subresources=tuple(parse_subresource(gvr, item) for item in entry.get("subresources", ())),
    )


def parse_subresource(gvr: GroupVersionResource, entry: Mapping[str, Any]) -> Subresource:
    kind = entry.get("responseKind")
    return Subresource(
        name=entry["subresource"],
        # empty means the same as the resource around it (aggregated discovery's own rule)
        kind=GroupVersionKind(kind["group"] or gvr.group, kind["version"] or gvr.version, kind["kind"])
        if kind
        else None,
        verbs=frozenset(entry["verbs"]),
    )
