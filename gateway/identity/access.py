"""Access reviews: SelfSubjectAccessReviews that the gateway makes as the caller.

"Allowed" is cached for :data:`LIFETIME_SECONDS` (``docs/identity.md``), per identity. Denials are not cached.
Concurrent reviews of one identity for the same access are one request.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from gateway.concurrency import Coalesced
from gateway.errors import Forbidden, GatewayError, Status, UpstreamProtocolError
from gateway.kube.client import KubeClient
from gateway.lru import LRU
from schema.resources import Resource

__all__ = ["REVIEW_RESULTS", "Access", "AccessReviews", "Verdict"]

DISCOVERY = "/openapi/v3"
"""A caller with the right to get this path may see the served API: by default every authenticated user
(ClusterRole ``system:discovery``)."""

ACCESS_REVIEWS = "apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
LIFETIME_SECONDS = 10.0
MAX_ENTRIES = 8192

_CACHED, _ALLOWED, _DENIED, _FAILED = REVIEW_RESULTS = ("cached", "allowed", "denied", "failed")
"""The results that :attr:`AccessReviews.results` counts; all but the first needed a request."""


@dataclass(frozen=True, slots=True)
class Access:
    """The subject of an access review, as ``resourceAttributes``; an empty text is left out.

    Without a namespace it is all namespaces, without a name any object. ``path`` is that of a non-resource
    request and excludes the others but the verb. An API server before 1.32 ignores the selectors (KEP-4601).
    """

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    label_selector: str = ""
    field_selector: str = ""
    path: str = ""

    @classmethod
    def to(
        cls, verb: str, resource: Resource, namespace: str | None = None, name: str | None = None
    ) -> "Access":
        """The access to the objects of a namespace (None: of all), or to one object."""
        gvr = resource.gvr
        return cls(verb, gvr.group, gvr.version, gvr.resource, namespace=namespace or "", name=name or "")

    def selecting(self, label_selector: str, field_selector: str) -> "Access":
        """The same access, limited to the selected objects."""
        return replace(self, label_selector=label_selector, field_selector=field_selector)

    def within(self, namespace: str) -> "Access":
        """The same access in one namespace."""
        return replace(self, namespace=namespace)

    @property
    def spec(self) -> dict[str, Any]:
        """The ``spec`` of the review."""
        if self.path:
            return {"nonResourceAttributes": {"path": self.path, "verb": self.verb}}
        texts = {
            "verb": self.verb,
            "group": self.group,
            "version": self.version,
            "resource": self.resource,
            "subresource": self.subresource,
            "namespace": self.namespace,
            "name": self.name,
        }
        attributes: dict[str, Any] = {key: value for key, value in texts.items() if value}
        if self.label_selector:
            attributes["labelSelector"] = {"rawSelector": self.label_selector}
        if self.field_selector:
            attributes["fieldSelector"] = {"rawSelector": self.field_selector}
        return {"resourceAttributes": attributes}

    def refusal(self, reason: str = "") -> Forbidden:
        """The error of a denied access, in the API server's words (apiserver's ``ForbiddenMessage``)."""
        if self.path:
            return Forbidden(
                Status(403, "Forbidden", f"forbidden: you cannot {self.verb} path {self.path!r}")
            )
        plural = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        qualified = f"{self.resource}.{self.group}" if self.group else self.resource
        subject = f'{qualified} "{self.name}"' if self.name else qualified
        where = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        message = (
            f'{subject} is forbidden: you cannot {self.verb} resource "{plural}" in API group "{self.group}"'
            f" {where}{f': {reason}' if reason else ''}"
        )
        details = {"name": self.name, "group": self.group, "kind": self.resource}
        return Forbidden(
            Status(403, "Forbidden", message, details={key: text for key, text in details.items() if text})
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a review, with the time of its request (:class:`AccessReviews`' clock, in seconds).

    ``status`` is that of the SelfSubjectAccessReview; empty for a cached verdict.
    """

    allowed: bool
    reviewed_at: float
    status: Mapping[str, Any]

    @property
    def reason(self) -> str:
        """The authorizer's reason, or its error."""
        return str(self.status.get("reason") or self.status.get("evaluationError") or "")


_Key = tuple[str, Access]


class AccessReviews:
    """Reviews accesses, and caches allowed ones; ``now`` is a monotonic clock in seconds.

    ``results`` counts the reviews by their result (:data:`REVIEW_RESULTS`).
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.results: Counter[str] = Counter()
        self._now = now
        self._allowed_at: LRU[_Key, float] = LRU(MAX_ENTRIES)
        self._authenticated_at: LRU[str, float] = LRU(MAX_ENTRIES)
        self._in_flight: Coalesced[_Key, Verdict] = Coalesced()

    async def review(
        self, client: KubeClient, access: Access, *, max_age: float = LIFETIME_SECONDS
    ) -> Verdict:
        """Whether the caller has the access; an allowed verdict may be ``max_age`` seconds old.

        Raises GatewayError if the review itself fails.
        """
        key = (client.identity, access)
        reviewed_at = self._allowed_at.get(key)
        if reviewed_at is not None and self._now() - reviewed_at < max_age:
            self.results[_CACHED] += 1
            return Verdict(True, reviewed_at, {})
        return await self._in_flight.run(key, lambda: self._fetch(key, client, access))

    def remembers(self, client: KubeClient, access: Access) -> bool:
        """Whether the access is allowed without a request; counts as a cached review if so."""
        reviewed_at = self._allowed_at.get((client.identity, access))
        remembered = reviewed_at is not None and self._now() - reviewed_at < LIFETIME_SECONDS
        self.results[_CACHED] += remembered
        return remembered

    async def allows(self, client: KubeClient, access: Access) -> bool:
        """Whether the caller has the access; False also if the review fails."""
        try:
            return (await self.review(client, access)).allowed
        except GatewayError:
            return False

    async def expect(self, client: KubeClient, access: Access) -> Verdict:
        """The allowed verdict; raises Forbidden for a denial, and the error of a review that fails."""
        verdict = await self.review(client, access)
        if not verdict.allowed:
            raise access.refusal(verdict.reason)
        return verdict

    async def expect_discovery(self, client: KubeClient) -> None:
        """Raise Forbidden, or the error of the review, unless the caller may read discovery."""
        await self.expect(client, Access("get", path=DISCOVERY))

    async def expect_authenticated(self, client: KubeClient) -> None:
        """Raise Unauthenticated, or the error of the review, unless the API server accepts the caller.

        The request is the review of :meth:`expect_discovery`. A caller that may not read discovery, or may
        not review its rights, is authenticated.
        """
        authenticated_at = self._authenticated_at.get(client.identity)
        if authenticated_at is not None and self._now() - authenticated_at < LIFETIME_SECONDS:
            return
        authenticated_at = self._now()
        with suppress(Forbidden):
            authenticated_at = (await self.review(client, Access("get", path=DISCOVERY))).reviewed_at
        self._authenticated_at.put(client.identity, authenticated_at)

    def age(self, verdict: Verdict) -> float:
        """The seconds since the request of the review."""
        return self._now() - verdict.reviewed_at

    async def fetch(self, client: KubeClient, access: Access) -> Verdict:
        """A new verdict; neither uses nor fills the cache. Raises GatewayError if the review fails."""
        reviewed_at = self._now()
        try:
            status = await _fetch_status(client, access)
        except GatewayError:
            self.results[_FAILED] += 1
            raise
        allowed = status.get("allowed") is True
        self.results[_ALLOWED if allowed else _DENIED] += 1
        return Verdict(allowed, reviewed_at, status)

    async def _fetch(self, key: _Key, client: KubeClient, access: Access) -> Verdict:
        verdict = await self.fetch(client, access)
        if verdict.allowed:
            self._allowed_at.put(key, verdict.reviewed_at)
        else:
            self._allowed_at.discard(key)
        return verdict


class _Review(msgspec.Struct):
    status: dict[str, Any]


async def _fetch_status(client: KubeClient, access: Access) -> Mapping[str, Any]:
    """The ``status`` of a SelfSubjectAccessReview as the caller. Raises GatewayError."""
    body = msgspec.json.encode(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": access.spec,
        }
    )
    response = await client.request(
        "POST", ACCESS_REVIEWS, body=body, content_type="application/json", repeatable=True
    )
    try:
        return msgspec.json.decode(response.body, type=_Review).status
    except msgspec.DecodeError as error:
        raise UpstreamProtocolError("the API server's answer is not an access review") from error
