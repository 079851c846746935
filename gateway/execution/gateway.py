"""The product without a transport: a cluster's schema, ready to run operations."""

import logging
from collections.abc import Iterable

from graphql import lexicographic_sort_schema, print_schema

from gateway.execution.revision import Revision, build_revision
from gateway.execution.schema import KubernetesSchema
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.discovery import fetch_discovery
from gateway.kube.openapi import OpenAPICache, fetch_openapi
from gateway.resolvers.context import RequestContext
from gateway.telemetry import Phases
from schema.model import Model, Problem

__all__ = ["Gateway"]

log = logging.getLogger(__name__)


class Gateway:
    """One cluster's GraphQL API; whoever has it runs operations on ``schema`` with a ``context``.

    The informers are its own: :meth:`aclose` ends every subscription properly. The client stays its
    owner's.
    """

    def __init__(self, revision: Revision, informers: InformerRegistry, default_namespace: str) -> None:
        self._revision = revision
        self.informers = informers
        self._default_namespace = default_namespace

    @classmethod
    async def start(
        cls,
        client: KubeClient,
        *,
        default_namespace: str = "default",
        openapi_cache: OpenAPICache | None = None,
        informers: InformerRegistry | None = None,
        phases: Phases | None = None,
    ) -> "Gateway":
        """Ask the API server what it serves and build the schema of it.

        Raises UpstreamError or StatusError where discovery itself is refused or does not answer; a
        group that cannot be described costs only itself.
        """
        phases = phases or Phases()
        with phases.phase("discovery"):
            discovery = await fetch_discovery(client)
        with phases.phase("openapi"):
            documents = await fetch_openapi(client, discovery.group_versions, openapi_cache)
        with phases.phase("schema"):
            revision = build_revision(discovery, documents.documents)
        _report([*discovery.problems, *documents.problems, *revision.model.problems])
        return cls(revision, informers or InformerRegistry(), default_namespace)

    @property
    def schema(self) -> KubernetesSchema:
        """The schema that is served now."""
        return self._revision.schema

    @property
    def model(self) -> Model:
        """The model that :attr:`schema` was built from."""
        return self._revision.model

    def context(self, client: KubeClient | None) -> RequestContext:
        """The context of a request whose caller acts upstream as ``client``."""
        return RequestContext(client, self.informers, self._default_namespace)

    def sdl(self) -> str:
        """The schema in GraphQL's definition language, sorted."""
        return print_schema(lexicographic_sort_schema(self.schema.graphql_schema)) + "\n"

    async def aclose(self) -> None:
        """End every subscription and stop every informer."""
        await self.informers.aclose()


def _report(problems: Iterable[Problem]) -> None:
    """Once in the log, however many: the number at warning, each of them at debug."""
    listed = list(problems)
    for each in listed:
        log.debug("not typed: %s: %s", each.where, each.what)
    if listed:
        first = f"{listed[0].where}: {listed[0].what}"
        log.warning("%d parts of the API are untyped (see --log-level debug); one: %s", len(listed), first)
