"""Access reviews: SelfSubjectAccessReviews that the gateway makes as the caller.

"Allowed" is cached for :data:`LIFETIME_SECONDS` (design section 7): a revoked right ends within that time.
Denials are not cached: the real request follows and the API server decides.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from gateway.errors import Forbidden, GatewayError, Status
from gateway.kube.client import KubeClient
from gateway.lru import LRU
from schema.resources import Resource

__all__ = ["ACCESS_REVIEWS", "AccessReviews", "review_body"]

DISCOVERY = "/openapi/v3"
"""A caller with the right to get this path may see the served API: by default every authenticated user
(ClusterRole ``system:discovery``)."""

ACCESS_REVIEWS = "apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
LIFETIME_SECONDS = 10.0
MAX_ENTRIES = 4096

Key = tuple[str, str, str, str, str]


class _Status(msgspec.Struct):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _Status = msgspec.field(default_factory=_Status)


class AccessReviews:
    """Caches allowed reviews per identity; ``now`` is a monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._allowed_at: LRU[Key, float] = LRU(MAX_ENTRIES)
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    async def allows(self, client: KubeClient, verb: str, resource: Resource, namespace: str | None) -> bool:
        """Whether the caller has the verb on every object of the namespace; None means all namespaces.

        False also if the review itself fails.
        """
        key = (client.identity, verb, resource.gvr.group, resource.gvr.resource, namespace or "")
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            if self._is_allowed(key):
                return True
            reviewed_at = self._now()
            allowed = await _review_resource(client, verb, resource, namespace)
            if allowed:
                self._allowed_at.put(key, reviewed_at)
            return allowed

    async def expect_discovery(self, client: KubeClient) -> None:
        """Raise Forbidden, or the error of the review, unless the caller may read discovery."""
        key = (client.identity, "get", "", DISCOVERY, "")
        async with self._locks.setdefault(key, asyncio.Lock()):
            if self._is_allowed(key):
                return
            reviewed_at = self._now()
            if not await _review(client, {"nonResourceAttributes": {"path": DISCOVERY, "verb": "get"}}):
                raise Forbidden(Status(403, "Forbidden", f"you may not get {DISCOVERY}"))
            self._allowed_at.put(key, reviewed_at)

    def _is_allowed(self, key: Key) -> bool:
        reviewed_at = self._allowed_at.get(key)
        return reviewed_at is not None and self._now() - reviewed_at < LIFETIME_SECONDS


def review_body(attributes: Mapping[str, str]) -> bytes:
    """The body of a SelfSubjectAccessReview with these ``resourceAttributes``."""
    return _body({"resourceAttributes": attributes})


def _body(spec: Mapping[str, Any]) -> bytes:
    review: dict[str, Any] = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": spec,
    }
    return msgspec.json.encode(review)


async def _review_resource(client: KubeClient, verb: str, resource: Resource, namespace: str | None) -> bool:
    gvr = resource.gvr
    attributes = {"verb": verb, "group": gvr.group, "version": gvr.version, "resource": gvr.resource}
    if namespace:
        attributes["namespace"] = namespace
    try:
        return await _review(client, {"resourceAttributes": attributes})
    except GatewayError:
        return False


async def _review(client: KubeClient, spec: Mapping[str, Any]) -> bool:
    body = _body(spec)
    response = await client.request("POST", ACCESS_REVIEWS, body=body, content_type="application/json")
    try:
        return msgspec.json.decode(response.body, type=_Review).status.allowed
    except msgspec.DecodeError:
        return False
