"""Mutations of one object: POST and PATCH as the caller. The API server decides."""

from typing import Any

from gateway.errors import BadArgument
from gateway.kube.paths import resource_path
from gateway.resolvers.causes import mapped_causes, place_in_object
from gateway.resolvers.context import Info
from gateway.resolvers.patch import MERGE_PATCH
from gateway.resolvers.write_request import Write, answer_write
from gateway.resolvers.written import (
    JSON,
    JSONObject,
    metadata_of,
    namespace_of,
    one_object,
    parameters_of,
    with_kind,
)
from schema.building import RootField
from schema.lowering import SCALE_KIND

__all__ = [
    "apply_object",
    "create_object",
    "merge_into_object",
    "prepare_apply",
    "scale_object",
]

APPLY_PATCH = "application/apply-patch+yaml"


async def create_object(
    root: RootField,
    info: Info,
    *,
    written: JSONObject | None = None,
    written_json: Any = None,
    namespace: str | None = None,
    **options: Any,
) -> Any:
    """Answer ``createPod(object: …)``: POST, with ``apiVersion`` and ``kind`` added if absent."""
    body = with_kind(root.served.resource.kind, one_object(written, written_json))
    path = resource_path(root.served.resource, namespace_of(root, info, namespace, body))
    with mapped_causes(place_in_object(info, written, written_json)):
        write = Write("POST", path, body, JSON, parameters_of(**options))
        return await answer_write(info, root.served.resource.kind, write)


async def apply_object(root: RootField, info: Info, **arguments: Any) -> Any:
    """Answer ``applyPod(object: …)``: server-side apply (KEP-555)."""
    with mapped_causes(place_in_object(info, arguments.get("written"), arguments.get("written_json"))):
        return await answer_write(info, root.served.resource.kind, prepare_apply(root, info, **arguments))


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
    body = with_kind(root.served.resource.kind, one_object(written, written_json))
    name = metadata_of(body).get("name")
    if not isinstance(name, str) or not name:
        raise BadArgument(
            "apply needs metadata.name in the object: server-side apply says which one it means"
        )
    path = resource_path(root.served.resource, namespace_of(root, info, namespace, body), name)
    parameters = {**parameters_of(**options), "force": "true" if force else "false"}
    return Write("PATCH", path, body, APPLY_PATCH, parameters, repeatable=True)


async def scale_object(
    root: RootField,
    info: Info,
    *,
    name: str,
    replicas: int,
    namespace: str | None = None,
    dry_run: bool = False,
) -> Any:
    """Answer ``scaleDeployment(name: …, replicas: …)`` with the ``Scale``."""
    path = resource_path(root.served.resource, namespace_of(root, info, namespace), name, "scale")
    body = {"spec": {"replicas": replicas}}
    with mapped_causes(lambda field: ["replicas"] if field == "spec.replicas" else None):
        return await answer_write(
            info, SCALE_KIND, Write("PATCH", path, body, MERGE_PATCH, parameters_of(dry_run))
        )


async def merge_into_object(
    change: JSONObject,
    root: RootField,
    info: Info,
    *,
    name: str,
    namespace: str | None = None,
    dry_run: bool = False,
) -> Any:
    """Answer a field that makes one fixed ``change``, such as ``cordonNode(name: …)``."""
    path = resource_path(root.served.resource, namespace_of(root, info, namespace), name)
    write = Write("PATCH", path, change, MERGE_PATCH, parameters_of(dry_run))
    return await answer_write(info, root.served.resource.kind, write)
