"""One cluster's GraphQL API without a transport: its current schema, request contexts and informers."""

import asyncio
import logging
from collections.abc import Collection, Iterator

from gateway.compression import StoredBody
from gateway.errors import NotFound, Status
from gateway.execution.contested_names import ContestedNames, name_table
from gateway.execution.live import Follower, Pacing
from gateway.execution.revision import (
    Revision,
    build_replacement,
    build_revision,
    fetch_changes,
    fetch_description,
    with_ages,
)
from gateway.execution.strawberry_schema import KubernetesSchema
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.openapi import OpenAPICache
from gateway.resolvers.context import RequestContext, Shared
from gateway.telemetry import Phases
from schema.building import ObjectTypes, print_sdl
from schema.filters import Filters
from schema.model import Model, Problem
from schema.relations import Relations, list_relations
from schema.relations_file import RelationsFile
from schema.resources import GroupVersionResource

__all__ = ["GraphQLAPI"]

logger = logging.getLogger(__name__)


class GraphQLAPI:
    """Runs operations on ``schema`` with a ``context``.

    Owns the informers: :meth:`aclose` ends every subscription with a proper message. Does not own the client.
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
        shared: Shared,
    ) -> None:
        self.informers = informers
        self._client = client
        self._revision = revision
        self._cache = cache
        self._filters = filters
        self._default_namespace = default_namespace
        self._shared = shared

    @classmethod
    async def start(  # noqa: PLR0913 (these are the parts of a gateway)
        cls,
        client: KubeClient,
        *,
        default_namespace: str = "default",
        openapi_cache: OpenAPICache | None = None,
        informers: InformerRegistry | None = None,
        filters: Filters | None = None,
        phases: Phases | None = None,
        shared: Shared | None = None,
        rules: RelationsFile | None = None,
    ) -> "GraphQLAPI":
        """Fetch discovery and OpenAPI from the API server and build the schema of the filtered resources.

        ``shared`` is the state of all requests, with their limits; :meth:`aclose` closes it. ``rules`` are
        the user's own relations and rules of health.
        Raises UpstreamError or StatusError when discovery fails. A group without an OpenAPI document is
        skipped with a warning.
        """
        phases = phases or Phases()
        cache, filters = openapi_cache or OpenAPICache(None), filters or Filters()
        described = await fetch_description(client, cache, phases=phases, filters=filters)
        with phases.phase("schema"):
            revision = build_revision(described, rules)
        _log_problems(revision.problems)
        _log_ties(revision)
        for rule, reason in _relations_of(revision).unmatched_rules():
            logger.warning("check the relation %s of %s: %s", rule.name, rule.source.kind, reason)
        for pattern in filters.unmatched(described.discovery):
            logger.warning("the pattern %s matches no resource of this cluster", pattern)
        return cls(
            client,
            revision,
            cache=cache,
            filters=filters,
            informers=informers or InformerRegistry(),
            default_namespace=default_namespace,
            shared=shared or Shared(),
        )

    @property
    def schema(self) -> KubernetesSchema:
        """The current schema."""
        return self._revision.schema

    @property
    def model(self) -> Model:
        """The model that :attr:`schema` was built from."""
        return self._revision.model

    def context(self, client: KubeClient | None) -> RequestContext:
        """The context of a request; ``client`` sends upstream requests with the caller's identity."""
        return RequestContext(
            client,
            self.informers,
            self._default_namespace,
            shared=self._shared,
            filters=self._filters,
        )

    def sdl(self) -> Iterator[str]:
        """The schema in GraphQL's definition language, sorted, one definition at a time."""
        return print_sdl(self.schema.graphql_schema)

    async def stored_sdl(self) -> StoredBody:
        """The same, made once per schema in a thread."""
        return await self.schema.sdl()

    def relations(self) -> Iterator[str]:
        """The lines of a list of all relations, and of the relations left out, with the reason."""
        return list_relations(self.model, _relations_of(self._revision))

    def names(self) -> str:
        """A table of the names of all root fields of resources."""
        return name_table(self.model)

    async def follow(self, pacing: Pacing | None = None) -> None:
        """Replace the schema whenever the cluster's API changes, until cancelled."""
        described = self._revision.described
        incomplete = described.lacks_types
        follower = Follower(self._client, self.informers, self.reload, pacing, incomplete=incomplete)
        await follower.run(described.discovery.resources)

    async def reload(self, patient: bool = False) -> bool:
        """Fetch the cluster's API again and replace the schema; returns whether the API has changed.

        With ``patient``, new resources without types are left out until the next reload, because OpenAPI lags
        behind discovery, and the ages of APIs are fetched only for another change. Raises like :meth:`start`;
        the schema then stays.
        """
        before = self._revision
        described = await fetch_changes(self._client, self._cache, self._filters, before.described)
        if patient:
            described = described.without_untyped(before.described)
            if described.equals(before.described):
                return False
        described = await with_ages(self._client, described)
        if described.equals(before.described):
            return False
        # in a thread: the event loop gets the interpreter every few milliseconds
        revision = await asyncio.to_thread(build_replacement, described, before)
        if patient and not set(revision.problems) <= set(before.problems):
            return False
        self._revision = revision
        _log_problems([problem for problem in revision.problems if problem not in before.problems])
        _log_ties(revision, before)
        self._end_removed(before.resources - revision.resources)
        logger.info("the cluster's API has changed: %s", _difference(before, revision))
        return True

    def _end_removed(self, removed: Collection[GroupVersionResource]) -> None:
        for resource in removed:
            message = f"the cluster no longer serves {resource}"
            self.informers.end({resource}, NotFound(Status(404, "NotFound", message)))

    async def aclose(self) -> None:
        """End every subscription and stop every informer."""
        await self.informers.aclose()
        await self._shared.aclose()


def _relations_of(revision: Revision) -> Relations:
    types: ObjectTypes = revision.schema.graphql_schema.extensions["types"]
    return types.relations


def _difference(before: Revision, after: Revision) -> str:
    added = sorted(map(str, after.resources - before.resources))
    removed = sorted(map(str, before.resources - after.resources))
    parts = [
        f"{len(names)} {word} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
        for word, names in (("added", added), ("removed", removed))
        if names
    ]
    return ", ".join(parts) or "types only"


def _log_ties(revision: Revision, before: Revision | None = None) -> None:
    """Warn once of short names that belong to no kind, because the ages of their kinds are unknown."""
    known = ContestedNames(before.model).ties if before else []
    if (ties := ContestedNames(revision.model).ties) and ties != known:
        logger.warning(
            "several custom resources claim the short names %s; the gateway cannot list CRDs, so it does not"
            " know their ages, and the names belong to none: use pinned names (kube-graphql schema --names)",
            ", ".join(ties),
        )


def _log_problems(problems: Collection[Problem]) -> None:
    """One warning with the number of problems and the first one; each problem at debug level."""
    for problem in problems:
        logger.debug("not typed: %s: %s", problem.where, problem.what)
    if problems:
        first = next(iter(problems))
        logger.warning(
            "%d parts of the API are untyped (see --log-level debug); one: %s: %s",
            len(problems),
            first.where,
            first.what,
        )
