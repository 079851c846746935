"""One revision of the schema: what a cluster served at one moment, built and validated."""

import gc
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from weakref import finalize

from graphql import GraphQLSchema, validate_schema

from gateway.errors import GatewayError
from gateway.execution.collection import without_collection
from gateway.execution.strawberry_schema import KubernetesSchema
from gateway.kube.client import KubeClient
from gateway.kube.discovery import fetch_discovery
from gateway.kube.openapi import OpenAPICache, fetch_openapi
from gateway.resolvers.root import Resolvers
from gateway.telemetry import Phases
from schema.building.operations import build_schema
from schema.building.types import ObjectTypes
from schema.discovery import Discovery
from schema.filters import Filters
from schema.lowering.lower import LoweredDefinitions, lower
from schema.model import Model, Problem
from schema.resources import GroupVersion, GroupVersionResource

__all__ = ["Described", "Revision", "build_replacement", "build_revision", "fetch_description"]


@dataclass(frozen=True, slots=True)
class Described:
    """What a cluster says that it serves: its discovery and its OpenAPI documents.

    ``served`` is what the filters leave of the discovery; the schema is made of that alone.
    """

    discovery: Discovery
    served: Discovery
    documents: Mapping[GroupVersion, bytes]
    problems: tuple[Problem, ...] = ()

    def equals(self, other: "Described") -> bool:
        """Whether the same schema comes of both."""
        return self.served.resources == other.served.resources and self.documents == other.documents

    def without_untyped(self, before: "Described") -> "Described":
        """The same, less the group versions that are new and have no document (yet)."""
        known = {*self.documents, *before.served.group_versions}
        waiting = {each.api_version for each in self.served.group_versions if each not in known}
        problems = tuple(each for each in self.problems if each.where not in waiting)
        return replace(self, served=self.served.restricted_to(known), problems=problems)


@dataclass(frozen=True, slots=True)
class Revision:
    """What was described, the model of it, and the schema; none of them changes.

    ``lowered`` is what the next revision has in common with this one.
    """

    described: Described
    model: Model
    schema: KubernetesSchema
    lowered: LoweredDefinitions

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that could not be fetched or typed."""
        return (*self.described.problems, *self.model.problems)

    @property
    def resources(self) -> frozenset[GroupVersionResource]:
        """What is served."""
        return frozenset(served.resource.gvr for served in self.model.resources)


async def fetch_description(
    client: KubeClient,
    cache: OpenAPICache,
    *,
    phases: Phases,
    filters: Filters,
    before: Described | None = None,
) -> Described:
    """Ask the cluster; where one document cannot be had now, the one ``before`` still stands.

    Raises UpstreamError or StatusError where discovery itself is refused or does not answer.
    """
    with phases.phase("discovery"):
        discovery = await fetch_discovery(client)
        served = filters.apply(discovery)
    with phases.phase("openapi"):
        fetched = await fetch_openapi(client, served.group_versions, cache)
    kept = before.documents if before else {}
    documents = {
        each: fetched.documents.get(each) or kept[each]
        for each in served.group_versions
        if each in fetched.documents or each in kept
    }
    return Described(discovery, served, documents, fetched.problems)


def build_revision(described: Described) -> Revision:
    """Lower, build and validate; about 0.15 s of CPU for the whole API of Kubernetes 1.36."""
    return adapt(build(described))


def build_replacement(described: Described, before: Revision) -> Revision:
    """The same while another one serves: in a thread, and the loop gets its turn every few milliseconds.

    It takes less than the first one, the less has changed since ``before``; what comes of it is the same.
    The collector stays out of it, and never looks at the types later on. They go by their reference counts,
    when the last operation on them has ended and what held them has been collected.
    """
    gc.collect()
    with without_collection():
        built = build(described, before)
        # what follows is in cycles with the schema, and is to be collected
        gc.freeze()
    return adapt(built)


@dataclass(frozen=True, slots=True)
class Built:
    """All but the adapter of a revision."""

    described: Described
    model: Model
    schema: GraphQLSchema
    lowered: LoweredDefinitions


def build(described: Described, before: Revision | None = None) -> Built:
    """Lower and build."""
    lowered = LoweredDefinitions(before.lowered.by_id if before else {})
    model = lower(described.served, described.documents, lowered)
    schema = build_schema(model, Resolvers(model), before.schema.graphql_schema if before else None)
    return Built(described, model, schema, lowered)


def adapt(built: Built) -> Revision:
    """The revision, where the schema is valid."""
    if errors := validate_schema(built.schema):
        raise GatewayError(f"the schema of this cluster is not valid GraphQL: {errors[0].message}")
    released = finalize(built.schema, release_beside, built.schema.extensions["types"])
    released.atexit = False
    return Revision(built.described, built.model, KubernetesSchema(built.schema), built.lowered)


def release_beside(types: ObjectTypes) -> None:
    """Free the types of a schema that nobody has any more; in a thread, since it takes as long as it does."""
    threading.Thread(target=types.release, name="free a replaced schema", daemon=True).start()
