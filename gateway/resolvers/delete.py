"""Deletion: of one object, of the objects that selectors match, and by eviction."""

from typing import Any

from gateway.errors import BadArgument
from gateway.kube.paths import resource_path
from gateway.resolvers.context import Info, note_in_audit_log
from gateway.resolvers.write_request import Write, send_write
from gateway.resolvers.written import JSON, JSONObject, namespace_of, present
from schema.building import RootField
from schema.selectors import parse_field_selector, parse_label_selector

__all__ = ["delete_collection", "delete_object", "evict_object"]

METADATA_LIST = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{JSON}"


async def evict_object(
    root: RootField,
    info: Info,
    *,
    name: str,
    namespace: str | None = None,
    grace_period_seconds: int | None = None,
    dry_run: bool = False,
) -> JSONObject:
    """Answer ``evictPod(name: …)``: POST an Eviction, which PodDisruptionBudgets may refuse."""
    where = namespace_of(root, info, namespace)
    options = {"gracePeriodSeconds": grace_period_seconds, "dryRun": ["All"] if dry_run else None}
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": where},
        "deleteOptions": present(options),
    }
    path = resource_path(root.served.resource, where, name, "eviction")
    return _deletion(await send_write(info, Write("POST", path, body, JSON, repeatable=dry_run)))


async def delete_object(
    root: RootField,
    info: Info,
    *,
    name: str,
    namespace: str | None = None,
    dry_run: bool = False,
    **options: Any,
) -> JSONObject:
    """Answer ``deletePod(name: …)``: the API server's answer as a ``DeleteResult``."""
    path = resource_path(root.served.resource, namespace_of(root, info, namespace), name)
    body = _delete_options(dry_run, **options)
    write = Write("DELETE", path, body, JSON, repeatable=dry_run, guarded="preconditions" in body)
    return _deletion(await send_write(info, write))


async def delete_collection(
    root: RootField,
    info: Info,
    *,
    label_selector: str,
    field_selector: str | None = None,
    namespace: str | None = None,
    dry_run: bool = False,
    **options: Any,
) -> JSONObject:
    """Answer ``deletePods(namespace: …, labelSelector: …)`` with the objects that the API server deletes.

    Raises BadArgument for an empty label selector, which would match every object.
    """
    selectors = _selectors(label_selector, field_selector)
    if root.served.resource.namespaced and not namespace:
        raise BadArgument("namespace is empty: name the namespace whose objects are to be deleted")
    path = resource_path(root.served.resource, namespace)
    body = _delete_options(dry_run, **options)
    write = Write("DELETE", path, body, JSON, selectors, repeatable=dry_run, accept=METADATA_LIST)
    deleted = _deleted_collection(await send_write(info, write))
    note_in_audit_log(info, count=deleted["count"], outcome="OK")
    return deleted


def _selectors(label_selector: str, field_selector: str | None) -> dict[str, str]:
    try:
        requirements = parse_label_selector(label_selector).requirements
        parse_field_selector(field_selector or "")
    except ValueError as error:
        raise BadArgument(str(error)) from error
    if not requirements:
        raise BadArgument(
            "labelSelector is empty, which matches every object: give a requirement, such as app=web"
        )
    return present({"labelSelector": label_selector, "fieldSelector": field_selector or None})


def _deleted_collection(answer: JSONObject) -> JSONObject:
    """The objects of the List that the API server answers with; an aggregated API may send a Status."""
    if answer.get("kind") == "Status":
        return {"count": None, "names": None}
    names = [item["metadata"]["name"] for item in answer.get("items") or ()]
    return {"count": len(names), "names": names}


def _delete_options(
    dry_run: bool,
    *,
    propagation_policy: str | None = None,
    grace_period_seconds: int | None = None,
    resource_version: str | None = None,
    uid: str | None = None,
) -> JSONObject:
    options = {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "propagationPolicy": propagation_policy,
        "gracePeriodSeconds": grace_period_seconds,
        "preconditions": present({"uid": uid, "resourceVersion": resource_version}) or None,
        "dryRun": ["All"] if dry_run else None,
    }
    return present(options)


def _deletion(answer: JSONObject) -> JSONObject:
    """A DELETE is answered with a Status, or with the object if its deletion is not finished."""
    if answer.get("kind") == "Status" and answer.get("apiVersion") == "v1":
        return {
            "status": answer.get("status"),
            "uid": (answer.get("details") or {}).get("uid"),
            "object": None,
        }
    metadata = answer.get("metadata") or {}
    waits = bool(metadata.get("finalizers")) or bool(metadata.get("deletionGracePeriodSeconds"))
    return {
        "status": "Terminating" if waits else "Success",
        "uid": metadata.get("uid"),
        "object": answer,
    }
