"""Mutations of one object: POST, PATCH and DELETE as the caller. The API server decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.errors import BadArgument, Conflict, Invalid
from gateway.kube.paths import resource_path
from gateway.resolvers.context import Info
from gateway.resolvers.write_request import Write, send_write, send_write_until_no_conflict
from schema.building import RootField

__all__ = [
    "apply_object",
    "create_object",
    "delete_object",
    "evict_object",
    "merge_into_object",
    "patch_object",
    "patch_status",
    "prepare_apply",
    "restart_object",
    "scale_object",
]

FIELD_MANAGER = "kube-graphql"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
JSON = "application/json"
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
    written: JSONObject | None = None,
    written_json: Any = None,
    namespace: str | None = None,
    **options: Any,
) -> JSONObject:
    """Answer ``createPod(object: …)``: POST, with ``apiVersion`` and ``kind`` added if absent."""
    body = _with_kind(root, _one_object(written, written_json))
    path = resource_path(root.served.resource, _namespace_of(root, info, namespace, body))
    return await send_write(info, Write("POST", path, body, JSON, _parameters(**options)))


async def apply_object(root: RootField, info: Info, **arguments: Any) -> JSONObject:
    """Answer ``applyPod(object: …)``: server-side apply (KEP-555)."""
    return await send_write(info, prepare_apply(root, info, **arguments))


def prepare_apply(
    root: RootField,
    info: Info,
    *,
    written: JSONObject | None = None,
    written_json: Any = None,
    namespace: str | None = None,
    force: bool = False,
    **options: Any,
) -> Write:
    """The request of ``applyPod(object: …)``. Raises BadArgument."""
    body = _with_kind(root, _one_object(written, written_json))
    name = _metadata_of(body).get("name")
    if not isinstance(name, str) or not name:
        raise BadArgument(
            "apply needs metadata.name in the object: server-side apply says which one it means"
        )
    path = resource_path(root.served.resource, _namespace_of(root, info, namespace, body), name)
    parameters = {**_parameters(**options), "force": "true" if force else "false"}
    return Write("PATCH", path, body, APPLY_PATCH, parameters, repeatable=True)


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
    body = {"spec": {"replicas": replicas}}
    return await send_write(info, Write("PATCH", path, body, MERGE_PATCH, _parameters(dry_run)))


async def restart_object(
    root: RootField, info: Info, *, name: str, namespace: str | None = None
) -> JSONObject:
    """Answer ``restartDeployment(name: …)``: annotates the pod template, like ``kubectl rollout restart``."""
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    patch = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: stamp}}}}}
    path = resource_path(root.served.resource, _namespace_of(root, info, namespace), name)
    return await send_write(info, Write("PATCH", path, patch, STRATEGIC_PATCH, _parameters()))


async def merge_into_object(
    change: JSONObject,
    root: RootField,
    info: Info,
    *,
    name: str,
    namespace: str | None = None,
    dry_run: bool = False,
) -> JSONObject:
    """Answer a field that makes one fixed ``change``, such as ``cordonNode(name: …)``."""
    path = resource_path(root.served.resource, _namespace_of(root, info, namespace), name)
    return await send_write(info, Write("PATCH", path, change, MERGE_PATCH, _parameters(dry_run)))


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
    where = _namespace_of(root, info, namespace)
    options = {"gracePeriodSeconds": grace_period_seconds, "dryRun": ["All"] if dry_run else None}
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": where},
        "deleteOptions": _present(options),
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
    path = resource_path(root.served.resource, _namespace_of(root, info, namespace), name)
    body = _delete_options(dry_run, **options)
    return _deletion(await send_write(info, Write("DELETE", path, body, JSON, repeatable=dry_run)))


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
    **arguments: Any,
) -> JSONObject:
    path = resource_path(root.served.resource, _namespace_of(root, info, namespace), name, subresource)
    options = {key: arguments.pop(key) for key in _WRITE_OPTIONS if key in arguments}
    body, content_type = _Change(**arguments).request(root)
    write = Write("PATCH", path, body, content_type, _parameters(**options))
    try:
        return await send_write_until_no_conflict(info, write, arguments.get("retry_on_conflict") or 0)
    except Invalid as error:
        if arguments.get("uid") is not None and _is_about_uid(error):
            raise Conflict(error.status) from error
        raise


def _is_about_uid(error: Invalid) -> bool:
    """Whether the object has another UID: the API server reports that as the change of an immutable field."""
    causes = error.status.details.get("causes") or ()
    return bool(causes) and all(cause.get("field") == "metadata.uid" for cause in causes)


_WRITE_OPTIONS = ("dry_run", "field_manager", "field_validation")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """The arguments of a patch that say what changes."""

    patch: JSONObject | None = None
    patch_json: Any = None
    operations: Sequence[JSONObject] | None = None
    patch_type: str | None = None
    resource_version: str | None = None
    uid: str | None = None
    retry_on_conflict: int | None = None

    def request(self, root: RootField) -> tuple[Any, str]:
        """The body and the content type of the PATCH. Raises BadArgument for a contradiction."""
        if sum(given is not None for given in (self.patch, self.patch_json, self.operations)) != 1:
            raise BadArgument("give exactly one of patch, patchJson and operations")
        if self.operations is None:
            if self.retry_on_conflict is not None:
                raise BadArgument("retryOnConflict needs operations: their `test` guards the repeated change")
            return self._merged(_one_object(self.patch, self.patch_json)), _content_type(
                root, self.patch_type
            )
        if self.patch_type is not None:
            raise BadArgument("type says how a patch is merged; it does not go with operations")
        if self.retry_on_conflict is not None and self._preconditions:
            raise BadArgument(
                "retryOnConflict does not go with resourceVersion and uid: their conflict stays"
            )
        return [*self._guards(), *self.operations], JSON_PATCH

    @property
    def _preconditions(self) -> JSONObject:
        return _present({"resourceVersion": self.resource_version, "uid": self.uid})

    def _merged(self, patch: JSONObject) -> JSONObject:
        """The patch of an object of this version and UID; the API server refuses another one with 409."""
        if not self._preconditions:
            return patch
        return {**patch, "metadata": {**_metadata_of(patch), **self._preconditions}}

    def _guards(self) -> list[JSONObject]:
        """Operations to the same effect; a `test` would fail with 422 instead of 409."""
        return [
            {"op": "replace", "path": f"/metadata/{key}", "value": value}
            for key, value in self._preconditions.items()
        ]


def _content_type(root: RootField, patch_type: str | None) -> str:
    """The content type. Strategic merge is for built-in types: custom resources answer 415."""
    if patch_type is None:
        patch_type = "strategic" if root.served.object.startswith(STRATEGIC_DEFINITIONS) else "merge"
    return STRATEGIC_PATCH if patch_type == "strategic" else MERGE_PATCH


def _parameters(
    dry_run: bool = False, field_manager: str | None = None, field_validation: str | None = None
) -> dict[str, str]:
    parameters = {
        "fieldManager": field_manager or FIELD_MANAGER,
        "fieldValidation": field_validation,
        "dryRun": "All" if dry_run else None,
    }
    return _present(parameters)


def _one_object(typed: JSONObject | None, as_json: Any) -> JSONObject:
    """The object of ``object`` and ``objectJson``, or ``patch`` and ``patchJson``: exactly one is given."""
    if (typed is None) == (as_json is None):
        raise BadArgument("give exactly one of object and objectJson")
    written = as_json if typed is None else typed
    if not isinstance(written, dict):
        raise BadArgument("the JSON of an object has to be an object, {…}, not a string, number or list")
    return written


def _metadata_of(written: JSONObject) -> JSONObject:
    metadata = written.get("metadata")
    if not isinstance(metadata, dict | None):
        raise BadArgument("metadata has to be an object")
    return metadata or {}


def _namespace_of(
    root: RootField,
    info: Info,
    namespace: str | None,
    written: JSONObject | None = None,
) -> str | None:
    if not root.served.resource.namespaced:
        return None
    of_object = _metadata_of(written or {}).get("namespace")
    if not isinstance(of_object, str | None):
        raise BadArgument("metadata.namespace has to be a string")
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


def _present(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}
