"""DELETE: removes an object immediately, after its grace period, or after its finalizers are removed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.demo.apiserver.catalog import Target, table_of
from gateway.demo.apiserver.creation import timestamp
from gateway.demo.apiserver.statuses import Cause, conflict, invalid_options
from gateway.demo.apiserver.storage import Storage, Stored, preview

__all__ = ["DeleteOptions", "delete_object", "parse_delete_options"]

POLICIES = ("Foreground", "Background", "Orphan", "nil")
FINALIZERS = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """The options of a DELETE request; absent options are None or empty."""

    propagation_policy: str = ""
    grace_period_seconds: int | None = None
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False


def parse_delete_options(query: Mapping[str, str], body: Mapping[str, Any]) -> DeleteOptions:
    """Read the options from the body, with the query as fallback.

    Raises ApiError (422) for an unsupported propagation policy or dry-run value.
    """
    preconditions = body.get("preconditions") or {}
    policy = body.get("propagationPolicy") or query.get("propagationPolicy", "")
    grace = body.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
    dry_run = body.get("dryRun") or ([query["dryRun"]] if query.get("dryRun") else [])
    causes = []
    if policy and policy not in POLICIES[:3]:
        causes.append(Cause.unsupported("propagationPolicy", f'"{policy}"', POLICIES))
    if dry_run not in ([], ["All"]):
        shown = ", ".join(f'"{item}"' for item in dry_run)
        causes.append(Cause.unsupported("dryRun", f"[{shown}]", ("All",)))
    if grace is not None and int(grace) < 0:
        grace = 1
    if causes:
        raise invalid_options("DeleteOptions", causes)
    return DeleteOptions(
        propagation_policy=policy,
        grace_period_seconds=None if grace is None else int(grace),
        uid=preconditions.get("uid") or "",
        resource_version=preconditions.get("resourceVersion") or "",
        dry_run=bool(dry_run),
    )


def delete_object(
    storage: Storage, target: Target, old: Stored, options: DeleteOptions
) -> tuple[Stored, bool]:
    """Delete an object; returns its last state and whether it was removed from the storage.

    A namespace, and an object with finalizers or a grace period, stays in the storage with a deletion
    timestamp. Raises ApiError (409) if a precondition fails.
    """
    _check(target, old, options)
    table = table_of(target.resource)
    metadata = dict(old.object["metadata"])
    finalizers = _finalizers(metadata, options)
    grace = _grace_period(target, old, options)
    if not finalizers and not grace and table_of(target.resource) != "namespaces":
        if options.dry_run:
            return old, True
        if table == "pods":
            # a watch on pods gets a MODIFIED event with the deletion timestamp before the DELETED event
            storage.put(table, old.key, _terminating(target, old, metadata, finalizers, grace))
        return storage.delete(table, old.key), True
    value = _terminating(target, old, metadata, finalizers, grace)
    if value == old.object:
        return old, False
    return (preview(old.key, value) if options.dry_run else storage.put(table, old.key, value)), False


def _terminating(
    target: Target, old: Stored, metadata: dict[str, Any], finalizers: list[str], grace: int
) -> dict[str, Any]:
    since = metadata.get("deletionTimestamp")
    shorter = since and grace < metadata.get("deletionGracePeriodSeconds", 0)
    if not since or shorter:
        metadata["deletionTimestamp"] = timestamp(datetime.now(UTC) + timedelta(seconds=grace))
        metadata["deletionGracePeriodSeconds"] = grace
        if "generation" in metadata and not since:
            metadata["generation"] += 1
    if finalizers:
        metadata["finalizers"] = finalizers
    value = {**old.object, "metadata": metadata}
    if table_of(target.resource) == "namespaces":
        value["status"] = {**value.get("status", {}), "phase": "Terminating"}
        del metadata["deletionGracePeriodSeconds"]
    return value


def _check(target: Target, old: Stored, options: DeleteOptions) -> None:
    resource, kind = target.resource, target.resource.kind.kind
    uid, version = old.object["metadata"].get("uid", ""), str(old.revision)
    if options.uid and options.uid != uid:
        message = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({uid}). "
            "The object might have been deleted and then recreated"
        )
        raise conflict(resource, target.name, message, kind=kind)
    if options.resource_version and options.resource_version != version:
        message = (
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match "
            f"the ResourceVersion in record ({version}). The object might have been modified"
        )
        raise conflict(resource, target.name, message, kind=kind)


def _finalizers(metadata: Mapping[str, Any], options: DeleteOptions) -> list[str]:
    """Return the finalizers; only the requested propagation policy keeps or gets its finalizer."""
    own = [item for item in metadata.get("finalizers") or () if item not in FINALIZERS.values()]
    if options.propagation_policy in FINALIZERS:
        own.append(FINALIZERS[options.propagation_policy])
    return own


def _grace_period(target: Target, old: Stored, options: DeleteOptions) -> int:
    """Return the grace period in seconds; 0 except for scheduled pods that have not finished."""
    spec = old.object.get("spec") or {}
    if table_of(target.resource) != "pods":
        return 0
    if not spec.get("nodeName") or old.object.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    if options.grace_period_seconds is not None:
        return options.grace_period_seconds
    return int(spec.get("terminationGracePeriodSeconds", 30))
