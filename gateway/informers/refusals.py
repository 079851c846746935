"""When a refusal by the API server ends an informer: only once it is confirmed, or has lasted for a minute.

A kube-apiserver that has just restarted answers 401, 403 or 404 for seconds to every identity but
``system:masters``, because its RBAC and CRD informers are not synced. A token file may lag behind a rotation.
A refusal of an informer that has synced before is therefore retried with back-off, and is final when

- the confirmation denies twice in a row: for 403 a SelfSubjectAccessReview as the informer's own identity,
  for 404 discovery without the resource. A denial counts only if ``/readyz`` does not fail: a server whose
  RBAC informers are half synced denies, and is not ready (1.36: for 2 s after its first response); or
- the refusals have lasted for :attr:`Refusals.limit` seconds without another failure in between.

401 and a token file or plugin without a credential have no confirmation, because the review would fail, too;
each attempt reads the credentials again. The first list of an informer is not covered: its refusal is final
at once.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.errors import Forbidden, GatewayError, NotFound, StatusError
from gateway.informers.source import Source

__all__ = ["Refusals"]

_ACCESS_REVIEWS = "apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_DENIALS = 2
_SERVER_ERROR = 500
_TIMEOUT_SECONDS = 10.0


class Refusals:
    """Decides for one reflector whether a refusal is final; ``limit`` is in seconds."""

    def __init__(self, source: Source, limit: float) -> None:
        self.limit = limit
        self._source = source
        self._since: float | None = None
        self._denials = 0

    def reset(self) -> None:
        """Forget the refusals so far, because an attempt succeeded."""
        self._since = None
        self._denials = 0

    def interrupt(self) -> None:
        """Restart the count of seconds, because the API server failed in another way."""
        self._since = None

    async def is_final(self, error: GatewayError, verb: str, now: float) -> bool:
        """Count a refusal of ``verb`` at the time ``now``; whether the informer ends with it."""
        self._since = now if self._since is None else self._since
        if now - self._since >= self.limit:
            return True
        self._denials = self._denials + 1 if await self._is_denied(error, verb) else 0
        return self._denials >= _DENIALS

    async def _is_denied(self, error: GatewayError, verb: str) -> bool:
        try:
            if isinstance(error, Forbidden):
                denied = not await _is_allowed(self._source, verb)
            else:
                denied = isinstance(error, NotFound) and not await _is_served(self._source)
            return denied and await _is_ready(self._source)
        except GatewayError:
            return False


async def _is_ready(source: Source) -> bool:
    """Whether the API server is ready, or has no endpoint for readiness. Raises GatewayError if it is not."""
    try:
        await source.client.get("readyz", timeout=_TIMEOUT_SECONDS)
    except StatusError as error:
        if error.status.code >= _SERVER_ERROR:
            raise
    return True


class _ReviewStatus(msgspec.Struct):
    allowed: bool


class _Review(msgspec.Struct):
    status: _ReviewStatus


async def _is_allowed(source: Source, verb: str) -> bool:
    """The answer of a SelfSubjectAccessReview; an unreadable one allows. Raises GatewayError."""
    gvr, scope = source.resource.gvr, source.scope
    attributes = {"verb": verb, "group": gvr.group, "version": gvr.version, "resource": gvr.resource}
    attributes |= {"namespace": scope.namespace or "", "name": scope.name or ""}
    review: Mapping[str, Any] = {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "spec": {"resourceAttributes": attributes},
    }
    response = await source.client.request(
        "POST",
        _ACCESS_REVIEWS,
        body=msgspec.json.encode(review),
        content_type="application/json",
        repeatable=True,
        timeout=_TIMEOUT_SECONDS,
    )
    try:
        return msgspec.json.decode(response.body, type=_Review).status.allowed
    except msgspec.DecodeError:
        return True


class _ServedResource(msgspec.Struct):
    name: str = ""


class _ServedResources(msgspec.Struct):
    resources: list[_ServedResource]


class _Version(msgspec.Struct, rename="camel"):
    group_version: str = ""


class _Group(msgspec.Struct):
    versions: list[_Version]


class _Groups(msgspec.Struct):
    groups: list[_Group]


async def _is_served(source: Source) -> bool:
    """Whether discovery lists the resource; an unreadable answer counts as yes. Raises GatewayError."""
    gvr = source.resource.gvr
    version = f"{gvr.group}/{gvr.version}"
    try:
        if gvr.group:
            # The list of groups has to omit the version: a server that starts answers 404 to any path.
            response = await source.client.get("apis", timeout=_TIMEOUT_SECONDS)
            groups = msgspec.json.decode(response.body, type=_Groups)
            if not any(found.group_version == version for group in groups.groups for found in group.versions):
                return False
        path = f"apis/{version}" if gvr.group else f"api/{gvr.version}"
        response = await source.client.get(path, timeout=_TIMEOUT_SECONDS)
        served = msgspec.json.decode(response.body, type=_ServedResources)
    except msgspec.DecodeError:
        return True
    return any(found.name == gvr.resource for found in served.resources)
