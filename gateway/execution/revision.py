"""One revision of the schema: the cluster's API at one moment, lowered and built."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from gateway.execution.contested_names import ContestedNames
from gateway.execution.strawberry_schema import KubernetesSchema
from gateway.kube.client import KubeClient
from gateway.kube.discovery import fetch_discovery
from gateway.kube.installed import fetch_installed
from gateway.kube.openapi import OpenAPICache, OpenAPIDocuments, fetch_openapi
from gateway.memory import invisible_to_collector, on_release
from gateway.resolvers.root import Resolvers
from gateway.telemetry import Phases
from schema.building import LazySchema
from schema.discovery import Discovery
from schema.filters import Filters
from schema.installed import InstalledAPIs
from schema.lowering import LoweredDefinitions, lower, names_depend_on_age
from schema.model import Model, Problem
from schema.relations_file import RelationsFile
from schema.resources import GroupVersion, GroupVersionResource, Resource

__all__ = [
    "Described",
    "Revision",
    "build_replacement",
    "build_revision",
    "fetch_changes",
    "fetch_description",
    "with_ages",
]


@dataclass(frozen=True, slots=True)
class Described:
    """A cluster's description of its API: discovery and OpenAPI documents.

    ``served`` is the discovery after the filters; the schema has only its resources. ``installed`` has the
    ages of the APIs; it is empty if no short name depends on them.
    """

    discovery: Discovery
    served: Discovery
    documents: Mapping[GroupVersion, bytes]
    problems: tuple[Problem, ...] = ()
    installed: InstalledAPIs = field(default_factory=InstalledAPIs)

    def equals(self, other: "Described") -> bool:
        """Whether both lead to the same schema."""
        return (
            self.served.resources == other.served.resources
            and self.documents == other.documents
            and self._ages == other._ages
        )

    @property
    def _ages(self) -> InstalledAPIs:
        return self.installed.restricted_to(self.served.resources)

    @property
    def lacks_types(self) -> bool:
        """Whether the documents have no types of some resource."""
        return not all(map(self._has_types_of, self.served.resources))

    def without_untyped(self, before: "Described") -> "Described":
        """A copy without the resources that are new since ``before`` and have no types yet.

        OpenAPI lags behind discovery: the document of a group version appears, or changes, a second later.
        """
        known = {*self.documents, *before.served.group_versions}
        waiting = {version.api_version for version in self.served.group_versions if version not in known}
        problems = tuple(problem for problem in self.problems if problem.where not in waiting)
        served = replace(
            self.served,
            resources=tuple(self._typed_resources(before)),
            group_versions=tuple(version for version in self.served.group_versions if version in known),
        )
        return replace(self, served=served, problems=problems)

    def _typed_resources(self, before: "Described") -> Iterator[Resource]:
        typed = {resource.gvr for resource in before.served.resources}
        for resource in self.served.resources:
            if resource.gvr in typed or self._has_types_of(resource):
                yield resource

    def _has_types_of(self, resource: Resource) -> bool:
        """Whether the document names the kind. Cheaper than parsing it, and repeated at each reload."""
        document = self.documents.get(resource.gvr.group_version, b"")
        return f'"{resource.kind.kind}"'.encode() in document


@dataclass(frozen=True, slots=True)
class Revision:
    """A description, its model and its schema; all immutable.

    ``lowered`` are the definitions that the next revision reuses where they are unchanged, ``rules`` the
    user's own relations and rules of health.
    """

    described: Described
    model: Model
    schema: KubernetesSchema
    lowered: LoweredDefinitions
    rules: RelationsFile = field(default_factory=RelationsFile)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All parts of the API that could not be fetched or typed."""
        return (*self.described.problems, *self.model.problems)

    @property
    def resources(self) -> frozenset[GroupVersionResource]:
        """The resources that the schema serves."""
        return frozenset(served.resource.gvr for served in self.model.resources)


async def fetch_description(
    client: KubeClient, cache: OpenAPICache, *, phases: Phases, filters: Filters
) -> Described:
    """Fetch discovery, the OpenAPI documents and the ages.

    Raises UpstreamError or StatusError when discovery fails.
    """
    with phases.phase("discovery"):
        discovery = await fetch_discovery(client)
        served = filters.apply(discovery)
    with phases.phase("openapi"):
        fetched, installed = await asyncio.gather(
            fetch_openapi(client, served.group_versions, cache),
            _fetch_ages(client, discovery, None),
        )
    return Described(discovery, served, fetched.documents, fetched.problems, installed)


async def fetch_changes(
    client: KubeClient, cache: OpenAPICache, filters: Filters, before: Described
) -> Described:
    """Fetch discovery and, at the same time, the changed documents; the ages are those of ``before``.

    A document that fails falls back to that of ``before``. Raises UpstreamError or StatusError when discovery
    fails.
    """
    excluded = {*before.discovery.group_versions} - {*before.served.group_versions}
    discovery, fetched = await asyncio.gather(
        fetch_discovery(client, before.discovery), fetch_openapi(client, cache=cache, unless=excluded)
    )
    served = filters.apply(discovery)
    missing = [version for version in served.group_versions if version not in fetched.documents]
    late = await fetch_openapi(client, missing, cache) if missing else OpenAPIDocuments({})
    found = {**before.documents, **fetched.documents, **late.documents}
    documents = {version: found[version] for version in served.group_versions if version in found}
    return Described(discovery, served, documents, late.problems, before.installed)


async def with_ages(client: KubeClient, described: Described) -> Described:
    """A copy with the current ages; where they cannot be fetched, with the ages of ``described``."""
    installed = await _fetch_ages(client, described.discovery, described.installed)
    return replace(described, installed=installed)


async def _fetch_ages(
    client: KubeClient, discovery: Discovery, before: InstalledAPIs | None
) -> InstalledAPIs:
    # in a thread: 50 ms for 1,000 resources
    if await asyncio.to_thread(names_depend_on_age, discovery.resources):
        return await fetch_installed(client, discovery.resources, before)
    return InstalledAPIs()


def build_revision(described: Described, rules: RelationsFile | None = None) -> Revision:
    """Lower and build; takes 0.1 s of CPU for the whole API of Kubernetes 1.36."""
    return _adapted(_build(described, rules or RelationsFile()))


def build_replacement(described: Described, before: Revision) -> Revision:
    """Like :func:`build_revision`, but reuses the unchanged definitions of ``before``.

    Runs in a thread while ``before`` serves; the event loop gets the interpreter every few milliseconds.
    The garbage collector never visits the new schema (:mod:`gateway.memory`).
    """
    with invisible_to_collector():
        built = _build(described, before.rules, before)
    # outside: the adapter's objects are in cycles with the schema, and the collector has to free them
    return _adapted(built)


@dataclass(frozen=True, slots=True)
class _Built:
    """A revision without the adapter to Strawberry."""

    described: Described
    model: Model
    schema: LazySchema
    lowered: LoweredDefinitions
    rules: RelationsFile


def _build(described: Described, rules: RelationsFile, before: Revision | None = None) -> _Built:
    lowered = replace(before.lowered) if before else LoweredDefinitions()
    model = lower(described.served, described.documents, lowered, described.installed)
    model = replace(model, health_rules=rules.health)
    schema = LazySchema(model, Resolvers(model, rules.relations))
    return _Built(described, model, schema, lowered, rules)


def _adapted(built: _Built) -> Revision:
    """Wrap the schema for Strawberry."""
    on_release(built.schema, built.schema.extensions["types"].release, "free a replaced schema")
    return Revision(
        built.described,
        built.model,
        KubernetesSchema(built.schema, ContestedNames(built.model)),
        built.lowered,
        built.rules,
    )
