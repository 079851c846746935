"""What a caller may do, as the API server says it: SelfSubjectAccessReviews made as the caller.

A yes is believed for :data:`LIFETIME` seconds (design section 7), so that a revoked right ends what it
allowed within that time. A no is never believed here: who gets one asks the API server for the thing
itself, which refuses in its own words, or has changed its mind.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from gateway.errors import Forbidden, GatewayError, Status
from gateway.kube.client import KubeClient
from schema.resources import Resource

__all__ = ["ACCESS_REVIEWS", "AccessReviews", "review_body"]

DISCOVERY = "/openapi/v3"
"""Who may get this from the API server may know what it serves: everybody whom it knows, unless it is told
otherwise (the role ``system:discovery``)."""

ACCESS_REVIEWS = "apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
LIFETIME = 10.0
REMEMBERED = 4096

Key = tuple[str, str, str, str, str]


class _Status(msgspec.Struct):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _Status = msgspec.field(default_factory=_Status)


class AccessReviews:
    """Remembers what was allowed, per identity; ``now`` gives seconds of a steady clock."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._allowed_at: OrderedDict[Key, float] = OrderedDict()
        self._asking: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    async def allows(self, client: KubeClient, verb: str, resource: Resource, namespace: str | None) -> bool:
        """Whether the caller may do that to all objects of a namespace, or of all of them where it is None.

        False also where the API server cannot be asked.
        """
        key = (client.identity, verb, resource.gvr.group, resource.gvr.resource, namespace or "")
        lock = self._asking.setdefault(key, asyncio.Lock())
        async with lock:
            if self._is_known(key):
                return True
            asked_at = self._now()
            allowed = await _review(client, verb, resource, namespace)
            if allowed:
                self._remember(key, asked_at)
            return allowed

    async def expect_discovery(self, client: KubeClient) -> None:
        """Return where the caller may know what the cluster serves; raises what the API server says else."""
        key = (client.identity, "get", "", DISCOVERY, "")
        async with self._asking.setdefault(key, asyncio.Lock()):
            if self._is_known(key):
                return
            asked_at = self._now()
            if not await _ask(client, {"nonResourceAttributes": {"path": DISCOVERY, "verb": "get"}}):
                raise Forbidden(Status(403, "Forbidden", f"you may not get {DISCOVERY}"))
            self._remember(key, asked_at)

    def _is_known(self, key: Key) -> bool:
        return self._now() - self._allowed_at.get(key, -LIFETIME) < LIFETIME

    def _remember(self, key: Key, asked_at: float) -> None:
        self._allowed_at[key] = asked_at
        self._allowed_at.move_to_end(key)
        while len(self._allowed_at) > REMEMBERED:
            self._allowed_at.popitem(last=False)


def review_body(attributes: Mapping[str, str]) -> bytes:
    """The body of a SelfSubjectAccessReview about those ``resourceAttributes``."""
    return _body({"resourceAttributes": attributes})


def _body(spec: Mapping[str, Any]) -> bytes:
    review: dict[str, Any] = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": spec,
    }
    return msgspec.json.encode(review)


async def _review(client: KubeClient, verb: str, resource: Resource, namespace: str | None) -> bool:
    gvr = resource.gvr
    attributes = {"verb": verb, "group": gvr.group, "version": gvr.version, "resource": gvr.resource}
    if namespace:
        attributes["namespace"] = namespace
    try:
        return await _ask(client, {"resourceAttributes": attributes})
    except GatewayError:
        return False


async def _ask(client: KubeClient, spec: Mapping[str, Any]) -> bool:
    body = _body(spec)
    response = await client.request("POST", ACCESS_REVIEWS, body=body, content_type="application/json")
    try:
        return msgspec.json.decode(response.body, type=_Review).status.allowed
    except msgspec.DecodeError:
        return False
