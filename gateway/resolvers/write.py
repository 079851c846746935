"""Mutations: POST, PATCH and DELETE as the caller. The API server decides; no write is retried."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.errors import BadArgument
from gateway.kube.paths import resource_path
from gateway.resolvers.context import Info, upstream_of
from gateway.resolvers.decoding import decode_object
from schema.building import RootField

__all__ = [
    "apply_object",
    "create_object",
    "delete_object",
    "patch_object",
    "patch_status",
    "restart_object",
    "scale_object",
]

FIELD_MANAGER = "kube-graphql"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
STRATEGIC_DEFINITIONS = ("io.k8s.api.", "io.k8s.apiextensions-apiserver.", "io.k8s.kube-aggregator.")

JSONObject = dict[str, Any]


async def create_object(
    root: RootField,
    info: Info,
    *,
    written: JSONObject,
    namespace: str | None = None,
    dry_run: bool = False,
    field_manager: str | None = None,
) -> JSONObject:
    """Answer ``createPod(object: …)``: POST, with ``apiVersion`` and ``kind`` added if absent."""
    path = resource_path(root.served.resource, _namespace_of(root, info, namespace, written))
    body = msgspec.json.encode(_with_kind(root, written))
    response = await upstream_of(info).request(
        "POST", path, _write_parameters(dry_run, field_manager), body=body, content_type="application/json"
    )
    return decode_object(response.body)


async def apply_object(
    root: RootField,
    info: Info,
    *,
    written: JSONObject,
    namespace: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    field_manager: str | None = None,
) -> JSONObject:
    """Answer ``applyPod(object: …)``: server-side apply (KEP-555)."""
    name = (written.get("metadata") or {}).get("name")
    if not name:
        raise BadArgument("apply needs object.metadata.name: server-side apply says which object it means")
    path = resource_path(root.served.resource, _namespace_of(root, info, namespace, written), name)
    parameters = {**_write_parameters(dry_run, field_manager), "force": "true" if force else "false"}
    return await _patch(info, path, parameters, _with_kind(root, written), APPLY_PATCH)


async def patch_object(root: RootField, info: Info, **arguments: Any) -> JSONObject:
    """Answer ``patchPod(name: …, patch: …)``; a ``null`` in the patch deletes the key."""
    return await _patch_one(root, info, None, **arguments)


async def patch_status(root: RootField, info: Info, **arguments: Any) -> JSONObject:
    """Answer ``patchPodStatus(name: …, patch: …)``: a patch of the ``status`` subresource."""
    return await _patch_one(root, info, "status", **arguments)


async def scale_object(
    root: RootField,
    info: Info,
    *,
    name: str,
    replicas: int,
    namespace: str | None = None,
    dry_run: bool = False,
) -> JSONObject:
    """Answer ``scaleDeployment(name: …, replicas: …)`` with the ``Scale``."""
    path = resource_path(root.served.resource, _namespace_of(root, info, namespace), name, "scale")
    return await _patch(info, path, _write_parameters(dry_run), {"spec": {"replicas": replicas}}, MERGE_PATCH)


async def restart_object(
    root: RootField, info: Info, *, name: str, namespace: str | None = None
) -> JSONObject:
    """Answer ``restartDeployment(name: …)``: annotates the pod template, like ``kubectl rollout restart``."""
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    patch = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: stamp}}}}}
    path = resource_path(root.served.resource, _namespace_of(root, info, namespace), name)
    return await _patch(info, path, _write_parameters(False), patch, STRATEGIC_PATCH)


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
    path = resource_path(root.served.resource, _namespace_of(root, info, namespace), name)
    body = msgspec.json.encode(_delete_options(dry_run, **options))
    response = await upstream_of(info).request("DELETE", path, body=body, content_type="application/json")
    return _deletion(decode_object(response.body))


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
        "preconditions": _present({"uid": uid, "resourceVersion": resource_version}) or None,
        "dryRun": ["All"] if dry_run else None,
    }
    return _present(options)


async def _patch_one(
    root: RootField,
    info: Info,
    subresource: str | None,
    *,
    name: str,
    namespace: str | None = None,
    **options: Any,
) -> JSONObject:
    path = resource_path(root.served.resource, _namespace_of(root, info, namespace), name, subresource)
    return await _patch(info, path, *_patch_request(root, **options))


def _patch_request(
    root: RootField,
    *,
    patch: JSONObject | None = None,
    operations: Sequence[JSONObject] | None = None,
    patch_type: str | None = None,
    dry_run: bool = False,
    field_manager: str | None = None,
) -> tuple[dict[str, str], Any, str]:
    """The query parameters, the body and the content type of a PATCH."""
    if (patch is None) == (operations is None):
        raise BadArgument("give exactly one of patch and operations")
    parameters = _write_parameters(dry_run, field_manager)
    if patch is not None:
        return parameters, patch, _content_type(root, patch_type)
    if patch_type is not None:
        raise BadArgument("type says how a patch is merged; it does not go with operations")
    return parameters, operations, JSON_PATCH


async def _patch(
    info: Info, path: str, parameters: Mapping[str, str], body: Any, content_type: str
) -> JSONObject:
    encoded = msgspec.json.encode(body)
    response = await upstream_of(info).request(
        "PATCH", path, parameters, body=encoded, content_type=content_type
    )
    return decode_object(response.body)


def _content_type(root: RootField, patch_type: str | None) -> str:
    """The content type. Strategic merge is for built-in types: custom resources answer 415."""
    if patch_type is None:
        patch_type = "strategic" if root.served.object.startswith(STRATEGIC_DEFINITIONS) else "merge"
    return STRATEGIC_PATCH if patch_type == "strategic" else MERGE_PATCH


def _write_parameters(dry_run: bool, field_manager: str | None = None) -> dict[str, str]:
    return {"fieldManager": field_manager or FIELD_MANAGER, **({"dryRun": "All"} if dry_run else {})}


def _namespace_of(
    root: RootField,
    info: Info,
    namespace: str | None,
    written: Mapping[str, Any] | None = None,
) -> str | None:
    if not root.served.resource.namespaced:
        return None
    of_object = ((written or {}).get("metadata") or {}).get("namespace")
    return namespace or of_object or info.context.default_namespace


def _with_kind(root: RootField, written: JSONObject) -> JSONObject:
    kind = root.served.resource.kind
    return {
        **written,
        "apiVersion": written.get("apiVersion") or kind.api_version,
        "kind": written.get("kind") or kind.kind,
    }


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


def _present(options: Mapping[str, Any]) -> JSONObject:
    return {key: value for key, value in options.items() if value is not None}
