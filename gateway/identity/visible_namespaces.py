"""The namespaces in which a caller has a right, for ``partial: true`` (``docs/identity.md``).

Kubernetes has no request for this. The candidates are all namespaces, listed as the caller or, with shared
informers, as the gateway: the answer names only namespaces in which the caller has the right. If neither may
list namespaces, the candidates are the namespace of the context and the namespaces that the caller's rules
name (``resourceNames`` of ``namespaces``).

A SelfSubjectRulesReview per candidate lists the caller's rules there, for every resource at once. It shows
rights and does not grant them: the API server, or an access review, decides on the read that follows. Where
the rules are ``incomplete`` (some authorizers cannot list them, such as the Node authorizer), an access
review per candidate takes its place.

Bounds: at most :data:`MAX_CANDIDATES` candidates, :data:`_CONCURRENT` requests of one caller at once. Answers
are kept for 10 s, denials, too; concurrent requests for equal answers are one request.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import msgspec

from gateway.concurrency import Coalesced
from gateway.errors import Forbidden, NotFound, QueryTooComplex, UpstreamProtocolError
from gateway.identity.access import Access, AccessReviews
from gateway.kube.client import KubeClient
from gateway.kube.lists import list_pages
from gateway.lru import LRU
from schema.resources import GroupVersionKind

__all__ = ["MAX_CANDIDATES", "Rules", "VisibleNamespaces"]

MAX_CANDIDATES = 2000
_CONCURRENT = 8
_LIFETIME_SECONDS = 10.0
_MAX_KEPT_RULES = 100_000
_MAX_KEPT_LISTS = 256
_MAX_KEPT_NAMES = 100_000
_RULES_REVIEWS = "apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
_NAMESPACE = GroupVersionKind("", "v1", "Namespace")
_NAMESPACES = "namespaces"

T = TypeVar("T")

_Search = tuple[str, Access, str]
"""Identity, access, home."""


class _Rule(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A ``ResourceRule``."""

    verbs: frozenset[str] = frozenset()
    api_groups: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    resource_names: frozenset[str] = frozenset()

    def covers(self, verb: str, group: str, resource: str) -> bool:
        """Whether the rule is about that verb and resource, for some or all names (RBAC's matching)."""
        return (
            bool({verb, "*"} & self.verbs)
            and bool({group, "*"} & self.api_groups)
            and bool({resource, "*"} & self.resources)
        )


class Rules(msgspec.Struct, frozen=True, rename="camel"):
    """The caller's rules in one namespace: the ``status`` of a SelfSubjectRulesReview."""

    resource_rules: tuple[_Rule, ...] = ()
    incomplete: bool = False

    def grants(self, access: Access) -> bool:
        """Whether a rule grants the access."""
        return any(
            rule.covers(access.verb, access.group, access.resource)
            and (not rule.resource_names or access.name in rule.resource_names)
            for rule in self.resource_rules
        )

    def names(self, verb: str, resource: str) -> frozenset[str]:
        """The objects of a core resource that rules grant by name."""
        rules = (rule for rule in self.resource_rules if rule.covers(verb, "", resource))
        return frozenset(name for rule in rules for name in rule.resource_names)


class _Review(msgspec.Struct):
    status: Rules


class VisibleNamespaces:
    """Finds namespaces for all callers; ``now`` is a monotonic clock in seconds.

    ``gateway`` lists the namespaces, if it is given and may.
    """

    def __init__(
        self,
        reviews: AccessReviews,
        gateway: KubeClient | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reviews = reviews
        self._gateway = gateway
        self._now = now
        self._lists: LRU[str, tuple[float, frozenset[str] | None]] = LRU(_MAX_KEPT_LISTS)
        self._rules: LRU[tuple[str, str], tuple[float, Rules | None]] = LRU(
            _MAX_KEPT_RULES, weigh=lambda kept: 1 + len(kept[1].resource_rules if kept[1] else ())
        )
        self._found: LRU[_Search, tuple[float, tuple[str, ...]]] = LRU(
            _MAX_KEPT_NAMES, weigh=lambda kept: 1 + len(kept[1])
        )
        self._finding: Coalesced[_Search, tuple[str, ...]] = Coalesced()
        self._listing: Coalesced[str, frozenset[str] | None] = Coalesced()
        self._reviewing: Coalesced[tuple[str, str], Rules | None] = Coalesced()

    async def find(self, client: KubeClient, access: Access, home: str) -> tuple[str, ...]:
        """The namespaces in which the caller has the access, sorted; ``home`` is a candidate in any case.

        Raises QueryTooComplex for too many candidates, and the errors of requests that fail; a refused review
        of one namespace leaves out that namespace.
        """
        key = (client.identity, access, home)
        kept = self._found.get(key)
        if kept is not None and self._now() - kept[0] < _LIFETIME_SECONDS:
            return kept[1]
        return await self._finding.run(key, lambda: self._find(key, client))

    async def _find(self, key: _Search, client: KubeClient) -> tuple[str, ...]:
        began, (_, access, home) = self._now(), key
        home_rules = await self._rules_in(client, home)
        candidates = await self._candidates(client, home, home_rules)
        if len(candidates) > MAX_CANDIDATES:
            raise QueryTooComplex(
                f"the cluster has {len(candidates)} namespaces; partial looks at {MAX_CANDIDATES} at most: "
                "give one namespace"
            )
        is_complete = home_rules is not None and not home_rules.incomplete
        free = asyncio.Semaphore(_CONCURRENT)

        async def check(namespace: str) -> bool:
            async with free:
                rules = await self._rules_in(client, namespace) if is_complete else None
                return await self._allows(client, access.within(namespace), rules)

        names = sorted(candidates)
        allowed = await _all(check(namespace) for namespace in names)
        found = tuple(name for name, is_allowed in zip(names, allowed, strict=True) if is_allowed)
        self._found.put(key, (began, found))
        return found

    async def _candidates(self, client: KubeClient, home: str, home_rules: Rules | None) -> frozenset[str]:
        for lister in (self._gateway, client):
            if lister is not None and (listed := await self._list(lister)) is not None:
                return listed
        named = home_rules.names("get", _NAMESPACES) if home_rules is not None else frozenset()
        return named | {home}

    async def _allows(self, client: KubeClient, access: Access, rules: Rules | None) -> bool:
        if rules is not None and (rules.grants(access) or not rules.incomplete):
            return rules.grants(access)
        try:
            return (await self._reviews.review(client, access)).allowed
        except Forbidden:
            return False

    async def _list(self, client: KubeClient) -> frozenset[str] | None:
        """The names of all namespaces; None if the client may not list them."""
        kept = self._lists.get(client.identity)
        if kept is not None and self._now() - kept[0] < _LIFETIME_SECONDS:
            return kept[1]
        return await self._listing.run(client.identity, lambda: self._fetch_list(client))

    async def _fetch_list(self, client: KubeClient) -> frozenset[str] | None:
        began, names = self._now(), None
        try:
            pages = list_pages(client, "api/v1/namespaces", {}, kind=_NAMESPACE, metadata_only=True)
            names = frozenset([item.header.metadata.name async for page in pages for item in page.objects])
        except Forbidden:
            pass
        self._lists.put(client.identity, (began, names))
        return names

    async def _rules_in(self, client: KubeClient, namespace: str) -> Rules | None:
        """The caller's rules; None if the API server does not list them."""
        key = (client.identity, namespace)
        kept = self._rules.get(key)
        if kept is not None and self._now() - kept[0] < _LIFETIME_SECONDS:
            return kept[1]
        return await self._reviewing.run(key, lambda: self._fetch_rules(key, client))

    async def _fetch_rules(self, key: tuple[str, str], client: KubeClient) -> Rules | None:
        began, rules = self._now(), None
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": key[1]},
        }
        try:
            response = await client.request(
                "POST",
                _RULES_REVIEWS,
                body=msgspec.json.encode(body),
                content_type="application/json",
                repeatable=True,
            )
            rules = msgspec.json.decode(response.body, type=_Review).status
        except (Forbidden, NotFound):
            pass
        except msgspec.DecodeError as error:
            raise UpstreamProtocolError("the API server's answer is not a rules review") from error
        self._rules.put(key, (began, rules))
        return rules


async def _all(work: Iterable[Awaitable[T]]) -> list[T]:
    """The results in order; raises the first error once all have ended."""
    results = await asyncio.gather(*work, return_exceptions=True)
    found: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        found.append(result)
    return found
