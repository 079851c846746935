"""The catalog of served resources, and the mapping from request paths to resources."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.demo.apiserver.openapi_documents import Documents, recorded_discovery
from gateway.demo.apiserver.scale import PLAIN_SCALE, ScalePaths
from schema.resources import GroupVersion, GroupVersionKind, GroupVersionResource, Resource, Subresource

__all__ = ["Catalog", "CustomVersion", "Target", "table_of"]

# both event resources share one table: core/v1 and events.k8s.io/v1 serve the same objects in two shapes
SHARED = {("events.k8s.io", "events"): "events"}


def table_of(resource: Resource) -> str:
    """Return the storage table of a resource; all versions of a resource share one table."""
    gvr = resource.gvr
    plain = f"{gvr.resource}.{gvr.group}" if gvr.group else gvr.resource
    return SHARED.get((gvr.group, gvr.resource), plain)


@dataclass(frozen=True, slots=True)
class CustomVersion:
    """Settings of one version of a CustomResourceDefinition, apart from its schema.

    ``selectable``: JSON paths for field selectors. ``scale``: JSON paths of the scale subresource.
    """

    selectable: tuple[str, ...] = ()
    scale: ScalePaths = PLAIN_SCALE


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a request path: a resource, an object (``name``) or a subresource of an object."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


class Catalog:
    """The served resources, in discovery order; custom resources are added and removed at run time."""

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
        """Return the first resource that is stored in ``table``; raises KeyError if none is served."""
        for item in self.resources.values():
            if table_of(item) == table:
                return item
        raise KeyError(table)

    def is_custom(self, resource: Resource) -> bool:
        """Whether a CustomResourceDefinition defines the resource."""
        return resource.gvr in self.customs

    def custom(self, resource: Resource) -> CustomVersion:
        """Return the settings of a custom resource; a built-in resource gets the defaults."""
        return self.customs.get(resource.gvr, PLAIN)

    def replace_group(self, name: str, group: dict[str, Any] | None) -> None:
        """Replace a custom group by ``group``, an aggregated discovery item; None removes the group."""
        self.groups = [item for item in self.groups if item["metadata"].get("name") != name]
        self.resources = {gvr: item for gvr, item in self.resources.items() if gvr.group != name}
        self.customs = {gvr: item for gvr, item in self.customs.items() if gvr.group != name}
        self.documents.drop_group(name)
        if group is not None:
            self.groups.append(group)
            # built-in groups come first and keep their order, because the sort is stable
            recorded = {item.group for item in self.documents.recorded}
            self.groups.sort(key=lambda item: _behind_recorded(item["metadata"].get("name", ""), recorded))
            self.resources.update((item.gvr, item) for item in parse_group(group))

    def target(self, group_version: GroupVersion, rest: str) -> Target | None:
        """Resolve ``rest``, the path after the group and version; None if no resource is served there."""
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
        # in aggregated discovery an empty group or version is that of the parent resource
        kind=GroupVersionKind(kind["group"] or gvr.group, kind["version"] or gvr.version, kind["kind"])
        if kind
        else None,
        verbs=frozenset(entry["verbs"]),
    )
