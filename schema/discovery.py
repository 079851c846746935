"""Discovery documents → the resources that an API server serves.

Discovery has two forms: aggregated (KEP-3352: one ``APIGroupDiscoveryList`` for the core group and one for
all others), and the lists of older servers, one per group version.

A malformed entry is skipped and reported as a :class:`~schema.model.Problem`. Only a document that is not
JSON, or not a list of groups, raises :class:`MalformedDiscovery`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from schema.model import Problem
from schema.resources import GroupVersion, GroupVersionKind, GroupVersionResource, Resource, Subresource

__all__ = ["Discovery", "MalformedDiscovery", "parse_aggregated", "parse_legacy", "parse_resource_list"]

T = TypeVar("T")
# msgspec's errors and UnicodeDecodeError are ValueErrors; excessive nesting raises RecursionError
_MALFORMED = (ValueError, RecursionError)


class MalformedDiscovery(ValueError):
    """A discovery document is not JSON, or not a list of groups."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """The served resources: groups in discovery's order, core first; versions in order of preference.

    ``group_versions`` includes group versions whose resources are unknown. ``unanswered`` are the group
    versions among them whose server does not answer: an aggregated API server that is down.
    """

    resources: tuple[Resource, ...]
    group_versions: tuple[GroupVersion, ...]
    problems: tuple[Problem, ...] = ()
    unanswered: frozenset[GroupVersion] = frozenset()

    def keeping(self, before: "Discovery", vanished: Collection[GroupVersion] = ()) -> "Discovery":
        """The discovery with the resources that ``before`` has for group versions without an answer.

        ``vanished`` are group versions of ``before`` that this discovery lacks; they keep their places.
        """
        kept = {*self.unanswered, *vanished}
        if not kept:
            return self
        listed: defaultdict[GroupVersion, list[Resource]] = defaultdict(list)
        for source, has_kept in ((self, False), (before, True)):
            for resource in source.resources:
                if (resource.gvr.group_version in kept) is has_kept:
                    listed[resource.gvr.group_version].append(resource)
        order = _with_places(self.group_versions, before.group_versions, vanished)
        resources = [item for group_version in order for item in listed[group_version]]
        return replace(self, resources=_with_preference(resources), group_versions=order)


def _with_places(
    order: Iterable[GroupVersion], before: Iterable[GroupVersion], vanished: Collection[GroupVersion]
) -> tuple[GroupVersion, ...]:
    """``order`` with the vanished ones, each behind its predecessor in ``before``."""
    places = list(order)
    if not vanished:
        return tuple(places)
    behind = 0
    for group_version in before:
        if group_version in places:
            behind = places.index(group_version) + 1
        elif group_version in vanished:
            places.insert(behind, group_version)
            behind += 1
    return tuple(places)


def _with_preference(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """The resources, the first of each group and name marked as the preferred one."""
    seen: set[tuple[str, str]] = set()
    marked = []
    for resource in resources:
        name = (resource.gvr.group, resource.gvr.resource)
        marked.append(replace(resource, preferred=name not in seen))
        seen.add(name)
    return tuple(marked)


class _Kind(msgspec.Struct):
    group: str | None = None
    version: str | None = None
    kind: str | None = None

    def within(self, group_version: GroupVersion) -> GroupVersionKind | None:
        """The full kind; an empty version means the surrounding group version."""
        if not self.kind:
            return None
        if not self.version:
            return GroupVersionKind(group_version.group, group_version.version, self.kind)
        return GroupVersionKind(self.group or "", self.version, self.kind)


class _Subresource(msgspec.Struct):
    subresource: str
    response_kind: _Kind | None = msgspec.field(name="responseKind", default=None)
    verbs: list[str] | None = None


class _Resource(msgspec.Struct):
    resource: str
    scope: str = "Namespaced"
    response_kind: _Kind | None = msgspec.field(name="responseKind", default=None)
    singular: str | None = msgspec.field(name="singularResource", default=None)
    verbs: list[str] | None = None
    short_names: list[str] | None = msgspec.field(name="shortNames", default=None)
    categories: list[str] | None = None
    subresources: list[msgspec.Raw] | None = None


class _Version(msgspec.Struct):
    version: str
    freshness: str | None = None
    resources: list[msgspec.Raw] | None = None


class _Metadata(msgspec.Struct):
    name: str | None = None


class _Group(msgspec.Struct):
    metadata: _Metadata | None = None
    versions: list[msgspec.Raw] | None = None


class _GroupList(msgspec.Struct):
    items: list[msgspec.Raw] | None = None


class _LegacyResource(msgspec.Struct):
    name: str
    kind: str | None = None
    namespaced: bool = False
    group: str | None = None
    version: str | None = None
    singular: str | None = msgspec.field(name="singularName", default=None)
    verbs: list[str] | None = None
    short_names: list[str] | None = msgspec.field(name="shortNames", default=None)
    categories: list[str] | None = None


class _LegacyResourceList(msgspec.Struct):
    resources: list[msgspec.Raw] | None = None


class _LegacyVersion(msgspec.Struct):
    version: str


class _LegacyGroup(msgspec.Struct):
    name: str
    versions: list[_LegacyVersion] | None = None
    preferred: _LegacyVersion | None = msgspec.field(name="preferredVersion", default=None)


class _LegacyGroupList(msgspec.Struct):
    groups: list[msgspec.Raw] | None = None


class _LegacyCoreVersions(msgspec.Struct):
    versions: list[str] | None = None


def parse_aggregated(api: bytes, apis: bytes) -> Discovery:
    """Parse the ``APIGroupDiscoveryList`` documents (v2, v2beta1) of ``/api`` and ``/apis``.

    A stale group version is a problem. It has the resources that the document lists, which are none in
    Kubernetes 1.36. Raises MalformedDiscovery.
    """
    collector = _Collector()
    for document in (api, apis):
        for group in collector.entries(_decode(document, _GroupList).items, _Group, "discovery"):
            _read_group(collector, group)
    return collector.discovery()


def parse_legacy(
    core_versions: bytes, groups: bytes, resource_lists: Mapping[GroupVersion, bytes]
) -> Discovery:
    """Parse ``APIVersions`` (``/api``), ``APIGroupList`` (``/apis``) and the ``APIResourceList`` documents.

    A group version without a resource list is a problem and has no resources. Raises MalformedDiscovery.
    """
    collector = _Collector()
    versions = _decode(core_versions, _LegacyCoreVersions).versions or []
    listed = [GroupVersion("", version) for version in versions]
    for group in collector.entries(_decode(groups, _LegacyGroupList).groups, _LegacyGroup, "discovery"):
        listed += _preference_order(group)
    for group_version in listed:
        if collector.open(group_version):
            _read_resource_list(collector, group_version, resource_lists.get(group_version))
    return collector.discovery()


def parse_resource_list(group_version: GroupVersion, document: bytes) -> tuple[Resource, ...]:
    """Parse the ``APIResourceList`` of one group version; none for a malformed one."""
    collector = _Collector()
    _read_resource_list(collector, group_version, document)
    return collector.discovery().resources


def _decode(document: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(document, type=shape)
    except _MALFORMED as error:
        raise MalformedDiscovery(f"a discovery document is malformed: {error}") from error


class _Collector:
    """Collects resources in order, and problems."""

    def __init__(self) -> None:
        self._resources: dict[GroupVersionResource, Resource] = {}
        self._group_versions: dict[GroupVersion, None] = {}
        self._seen: set[tuple[str, str]] = set()
        self._problems: list[Problem] = []
        self._unanswered: set[GroupVersion] = set()

    def entries(self, raws: Iterable[msgspec.Raw] | None, shape: type[T], where: str) -> Iterator[T]:
        """The entries that have the shape; every other entry is a problem."""
        for raw in raws or ():
            try:
                yield msgspec.json.decode(raw, type=shape)
            except _MALFORMED as error:
                self.problem(where, f"malformed discovery entry: {error}")

    def problem(self, where: str, what: str) -> None:
        self._problems.append(Problem(where, what))

    def unanswered(self, group_version: GroupVersion, what: str) -> None:
        """Note a group version whose server does not answer."""
        self.problem(group_version.api_version, what)
        self._unanswered.add(group_version)

    def open(self, group_version: GroupVersion) -> bool:
        """Add the group version; False if it was listed before or is invalid."""
        if not group_version.version or group_version in self._group_versions:
            self.problem(group_version.api_version, "listed twice, or without a version")
            return False
        self._group_versions[group_version] = None
        return True

    def add(
        self,
        group_version: GroupVersion,
        entry: "_Resource | _LegacyResource",
        kind: GroupVersionKind,
        *,
        namespaced: bool,
        subresources: tuple[Subresource, ...],
    ) -> None:
        """Add a resource; the first version in which a group lists it is the preferred one."""
        name = entry.resource if isinstance(entry, _Resource) else entry.name
        gvr = GroupVersionResource(group_version.group, group_version.version, name)
        if not name or "/" in name or gvr in self._resources:
            self.problem(group_version.api_version, f"resource {name!r}: not a name, or listed twice")
            return
        self._resources[gvr] = Resource(
            gvr=gvr,
            kind=kind,
            namespaced=namespaced,
            singular=entry.singular or kind.kind.lower(),
            verbs=frozenset(entry.verbs or ()),
            preferred=(gvr.group, name) not in self._seen,
            short_names=tuple(entry.short_names or ()),
            categories=tuple(entry.categories or ()),
            subresources=subresources,
        )
        self._seen.add((gvr.group, name))

    def discovery(self) -> Discovery:
        return Discovery(
            tuple(self._resources.values()),
            tuple(self._group_versions),
            tuple(self._problems),
            frozenset(self._unanswered),
        )


def _read_group(collector: _Collector, group: _Group) -> None:
    name = (group.metadata.name if group.metadata else None) or ""
    for version in collector.entries(group.versions, _Version, name or "core"):
        group_version = GroupVersion(name, version.version)
        if not collector.open(group_version):
            continue
        if version.freshness == "Stale":
            what = "stale: the server behind it does not answer"
            if version.resources:
                collector.problem(group_version.api_version, what)
            else:
                collector.unanswered(group_version, what)
        for entry in collector.entries(version.resources, _Resource, group_version.api_version):
            _read_resource(collector, group_version, entry)


def _read_resource(collector: _Collector, group_version: GroupVersion, entry: _Resource) -> None:
    kind = entry.response_kind.within(group_version) if entry.response_kind else None
    subresources = tuple(
        Subresource(
            name=subresource.subresource,
            kind=subresource.response_kind.within(group_version) if subresource.response_kind else None,
            verbs=frozenset(subresource.verbs or ()),
        )
        for subresource in collector.entries(entry.subresources, _Subresource, group_version.api_version)
    )
    if kind is not None:
        namespaced = entry.scope == "Namespaced"
        collector.add(group_version, entry, kind, namespaced=namespaced, subresources=subresources)
    elif entry.verbs:  # an entry without verbs is only the parent of its subresources
        collector.problem(group_version.api_version, f"resource {entry.resource!r} has no kind")


def _preference_order(group: _LegacyGroup) -> list[GroupVersion]:
    preferred = [group.preferred.version] if group.preferred else []
    names = dict.fromkeys(preferred + [version.version for version in group.versions or ()])
    return [GroupVersion(group.name, version) for version in names]


def _read_resource_list(collector: _Collector, group_version: GroupVersion, document: bytes | None) -> None:
    where = group_version.api_version
    if document is None:
        collector.unanswered(group_version, "its resource list could not be fetched")
        return
    try:
        resource_list = _decode(document, _LegacyResourceList)
    except MalformedDiscovery as error:
        collector.problem(where, str(error))
        return
    entries = list(collector.entries(resource_list.resources, _LegacyResource, where))
    subresources = _legacy_subresources(group_version, entries)
    for entry in entries:
        if "/" in entry.name:
            continue
        kind = _Kind(entry.group, entry.version, entry.kind).within(group_version)
        if kind is None:
            collector.problem(where, f"resource {entry.name!r} has no kind")
            continue
        collector.add(
            group_version,
            entry,
            kind,
            namespaced=entry.namespaced,
            subresources=tuple(subresources.get(entry.name, ())),
        )


def _legacy_subresources(
    group_version: GroupVersion, entries: Iterable[_LegacyResource]
) -> dict[str, list[Subresource]]:
    """The entries named ``resource/subresource``, by resource."""
    found: dict[str, list[Subresource]] = {}
    for entry in entries:
        resource, slash, name = entry.name.partition("/")
        if slash and name:
            kind = _Kind(entry.group, entry.version, entry.kind).within(group_version)
            found.setdefault(resource, []).append(Subresource(name, kind, frozenset(entry.verbs or ())))
    return found
