"""When a refusal by the API server ends an informer: only once it is confirmed, or has lasted for a minute.

A kube-apiserver that has just restarted answers 401, 403 or 404 for seconds to every identity but
``system:masters``, because its RBAC and CRD informers are not synced. A token file may lag behind a rotation.
A refusal of an informer that has synced before is therefore retried with back-off, and is final when

- the confirmation denies twice in a row: for 403 a SelfSubjectAccessReview as the informer's own identity,
  for 404 discovery without the resource. Twice, because a server whose RBAC informers are half synced may
  answer a review wrongly; or
- the refusals have lasted for :attr:`Refusals.limit` seconds.

401 has no confirmation, because the review would be refused, too; each attempt reads the credentials again.
The first list of an informer is not covered: its refusal is final at once.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.errors import Forbidden, GatewayError, NotFound, StatusError
from gateway.informers.source import Source

__all__ = ["Refusals"]

_ACCESS_REVIEWS = "apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_DENIALS = 2


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

    async def is_final(self, error: StatusError, verb: str, now: float) -> bool:
        """Count a refusal of ``verb`` at the time ``now``; whether the informer ends with it."""
        self._since = now if self._since is None else self._since
        if now - self._since >= self.limit:
            return True
        self._denials = self._denials + 1 if await self._is_denied(error, verb) else 0
        return self._denials >= _DENIALS

    async def _is_denied(self, error: StatusError, verb: str) -> bool:
        try:
            if isinstance(error, Forbidden):
                return not await _is_allowed(self._source, verb)
            return isinstance(error, NotFound) and not await _is_served(self._source)
        except GatewayError:
            return False


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
        "POST", _ACCESS_REVIEWS, body=msgspec.json.encode(review), content_type="application/json"
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
            groups = msgspec.json.decode((await source.client.get("apis")).body, type=_Groups)
            if not any(found.group_version == version for group in groups.groups for found in group.versions):
                return False
        path = f"apis/{version}" if gvr.group else f"api/{gvr.version}"
        served = msgspec.json.decode((await source.client.get(path)).body, type=_ServedResources)
    except msgspec.DecodeError:
        return True
    return any(found.name == gvr.resource for found in served.resources)
