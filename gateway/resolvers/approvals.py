"""The decision on a CertificateSigningRequest: a condition, written through the ``approval`` subresource."""

from datetime import UTC, datetime
from typing import Any

from gateway.errors import Conflict, GatewayError, OutcomeUnknown
from gateway.kube.paths import resource_path
from gateway.resolvers.context import Info, upstream_of
from gateway.resolvers.decoding import decode_object
from gateway.resolvers.patch import MERGE_PATCH
from gateway.resolvers.write_request import Write, send_write
from gateway.resolvers.written import JSONObject, parameters_of
from schema.building import RootField

__all__ = ["decide_certificate"]

ATTEMPTS = 10
"""The number that kubectl makes, too."""


async def decide_certificate(
    decision: str,
    root: RootField,
    info: Info,
    *,
    name: str,
    reason: str | None = None,
    message: str | None = None,
    dry_run: bool = False,
) -> JSONObject:
    """Answer ``approveCertificateSigningRequest`` and ``deny…``; ``decision`` is the condition's type.

    A request that has the condition stays as it is. The patch holds for the version that was read; after a
    conflict or a lost answer the request is read again. The API server refuses a request that has the
    opposite condition.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    condition = {
        "type": decision,
        "status": "True",
        "reason": reason or f"{decision}ByKubeGraphQL",
        "message": message or f"{decision} through kube-graphql.",
        "lastUpdateTime": now,
        "lastTransitionTime": now,
    }
    resource = root.served.resource
    unknown: OutcomeUnknown | None = None
    for attempt in range(ATTEMPTS):
        try:
            response = await upstream_of(info).request("GET", resource_path(resource, None, name))
        except GatewayError as error:
            raise unknown or error from error
        current = decode_object(response.body)
        conditions: list[Any] = (current.get("status") or {}).get("conditions") or []
        if any(item.get("type") == decision for item in conditions):
            return current
        change = {
            "metadata": {"resourceVersion": current["metadata"]["resourceVersion"]},
            "status": {"conditions": [*conditions, condition]},
        }
        path = resource_path(resource, None, name, "approval")
        try:
            return await send_write(info, Write("PATCH", path, change, MERGE_PATCH, parameters_of(dry_run)))
        except (Conflict, OutcomeUnknown) as error:
            unknown = error if isinstance(error, OutcomeUnknown) else None
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")
