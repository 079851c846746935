"""The product without a transport: a cluster's schema, ready to run operations."""

import asyncio
import logging
from collections.abc import Collection

from graphql import lexicographic_sort_schema, print_schema

from gateway.errors import NotFound, Status
from gateway.execution.live import Follower, Pacing
from gateway.execution.revision import Revision, build_replacement, build_revision, fetch_description
from gateway.execution.strawberry_schema import KubernetesSchema
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.openapi import OpenAPICache
from gateway.resolvers.context import RequestContext, Shared
from gateway.telemetry import Phases
from schema.filters import Filters
from schema.model import Model, Problem
from schema.resources import GroupVersionResource

__all__ = ["Gateway"]

log = logging.getLogger(__name__)


class Gateway:
    """One cluster's GraphQL API; whoever has it runs operations on ``schema`` with a ``context``.

    The informers are its own: :meth:`aclose` ends every subscription properly. The client stays its
    owner's.
    """

    def __init__(
        self,
        client: KubeClient,
        revision: Revision,
        *,
        cache: OpenAPICache,
        filters: Filters,
        informers: InformerRegistry,
        default_namespace: str,
    ) -> None:
        self.informers = informers
        self._client = client
        self._revision = revision
        self._cache = cache
        self._filters = filters
        self._default_namespace = default_namespace
        self._shared = Shared()

    @classmethod
    async def start(
        cls,
        client: KubeClient,
        *,
        default_namespace: str = "default",
        openapi_cache: OpenAPICache | None = None,
        informers: InformerRegistry | None = None,
        filters: Filters | None = None,
        phases: Phases | None = None,
    ) -> "Gateway":
        """Ask the API server what it serves and build the schema of what the filters leave of it.

        Raises UpstreamError or StatusError where discovery itself is refused or does not answer; a
        group that cannot be described costs only itself.
        """
        phases = phases or Phases()
        cache, filters = openapi_cache or OpenAPICache(None), filters or Filters()
        described = await fetch_description(client, cache, phases=phases, filters=filters)
        with phases.phase("schema"):
            revision = build_revision(described)
        _report(revision.problems)
        for each in filters.unmatched(described.discovery):
            log.warning("the pattern %s matches nothing that this cluster serves", each)
        return cls(
            client,
            revision,
            cache=cache,
            filters=filters,
            informers=informers or InformerRegistry(),
            default_namespace=default_namespace,
        )

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
        return RequestContext(client, self.informers, self._default_namespace, shared=self._shared)

    def sdl(self) -> str:
        """The schema in GraphQL's definition language, sorted."""
        return print_schema(lexicographic_sort_schema(self.schema.graphql_schema)) + "\n"

    async def follow(self, pacing: Pacing | None = None) -> None:
        """Keep the schema as the cluster is, until cancelled."""
        follower = Follower(self._client, self.informers, self.reload, pacing)
        await follower.run(self._revision.described.discovery.resources)

    async def reload(self, patient: bool = False) -> bool:
        """Ask the cluster again, and serve what it says from now on; whether that is anything new.

        ``patient``: what has no types yet, as OpenAPI lags behind discovery, is left for the next time.
        Raises as :meth:`start` does, and the schema stays as it is.
        """
        before = self._revision
        described = await fetch_description(
            self._client, self._cache, phases=Phases(), filters=self._filters, before=before.described
        )
        if patient:
            described = described.without_untyped(before.described)
        if described.equals(before.described):
            return False
        # in a thread: the loop gets its turn every few milliseconds
        revision = await asyncio.to_thread(build_replacement, described, before)
        if patient and not set(revision.problems) <= set(before.problems):
            return False
        self._revision = revision
        _report([each for each in revision.problems if each not in before.problems])
        self._end_removed(before.resources - revision.resources)
        log.info("the cluster serves something else now: %s", _difference(before, revision))
        return True

    def _end_removed(self, removed: Collection[GroupVersionResource]) -> None:
        for each in removed:
            message = f"the cluster no longer serves {each}"
            self.informers.end({each}, NotFound(Status(404, "NotFound", message)))

    async def aclose(self) -> None:
        """End every subscription and stop every informer."""
        await self.informers.aclose()


def _difference(before: Revision, after: Revision) -> str:
    added = sorted(map(str, after.resources - before.resources))
    removed = sorted(map(str, before.resources - after.resources))
    parts = [
        f"{len(names)} {word} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
        for word, names in (("added", added), ("removed", removed))
        if names
    ]
    return ", ".join(parts) or "types have changed"


def _report(problems: Collection[Problem]) -> None:
    """Once in the log, however many: the number at warning, each of them at debug."""
    for each in problems:
        log.debug("not typed: %s: %s", each.where, each.what)
    if problems:
        first = next(iter(problems))
        one = f"{first.where}: {first.what}"
        log.warning("%d parts of the API are untyped (see --log-level debug); one: %s", len(problems), one)
