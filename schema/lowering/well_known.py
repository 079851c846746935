"""Definitions that are known by name: scalars in disguise, and the definitions that every schema needs.

The documents of every API server contain the needed definitions. If a document could not be fetched, a
minimal form stands in, so that the schema can be built.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from schema.model import Scalar
from schema.resources import GroupVersionKind

__all__ = [
    "ALWAYS_LOWERED",
    "DISGUISED_SCALARS",
    "LIST_META",
    "OBJECT_META",
    "SCALE",
    "SCALE_KIND",
    "STAND_INS",
    "friendly_name",
    "is_custom_resource",
    "stand_in_id",
]

META = "io.k8s.apimachinery.pkg.apis.meta.v1"
OBJECT_META = f"{META}.ObjectMeta"
LIST_META = f"{META}.ListMeta"
OWNER_REFERENCE = f"{META}.OwnerReference"
SCALE = "io.k8s.api.autoscaling.v1.Scale"
SCALE_KIND = GroupVersionKind("autoscaling", "v1", "Scale")
ALWAYS_LOWERED = (OBJECT_META, LIST_META, f"{META}.Status", f"{META}.DeleteOptions")

DISGUISED_SCALARS: Mapping[str, Scalar] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": Scalar.QUANTITY,
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": Scalar.INT_OR_STRING,
}

TEXT = {"type": "string"}
FLAG = {"type": "boolean"}
TIME = {"type": "string", "format": "date-time"}
INT32 = {"type": "integer", "format": "int32"}
INT64 = {"type": "integer", "format": "int64"}
TEXT_MAP = {"type": "object", "additionalProperties": TEXT}
JSON_OBJECT = {"type": "object"}


def friendly_name(kind: GroupVersionKind) -> str:
    """The id of a custom resource's definition in the API server: ``io.cert-manager.v1.Issuer``."""
    reversed_group = ".".join(reversed(kind.group.split(".")))
    return f"{reversed_group}.{kind.version}.{kind.kind}"


def is_custom_resource(id_: str, kind: GroupVersionKind) -> bool:
    """Whether the definition belongs to a custom resource; built-in ones are named after Go packages."""
    return "." in kind.group and id_ == friendly_name(kind)


def stand_in_id(kind: GroupVersionKind) -> str:
    """The id for a kind that no document defines."""
    if "." in kind.group:
        return friendly_name(kind)
    return f"io.k8s.api.{kind.group or 'core'}.{kind.version}.{kind.kind}"


def _reference(id_: str) -> Mapping[str, Any]:
    return {"$ref": f"#/components/schemas/{id_}"}


def _list(items: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "array", "items": items}


def _object(**properties: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"type": "object", "properties": properties})


STAND_INS: Mapping[str, bytes] = {
    OBJECT_META: _object(
        name=TEXT,
        generateName=TEXT,
        namespace=TEXT,
        uid=TEXT,
        resourceVersion=TEXT,
        generation=INT64,
        creationTimestamp=TIME,
        deletionTimestamp=TIME,
        deletionGracePeriodSeconds=INT64,
        labels=TEXT_MAP,
        annotations=TEXT_MAP,
        finalizers=_list(TEXT),
        ownerReferences=_list(_reference(OWNER_REFERENCE)),
        managedFields=_list(JSON_OBJECT),
        selfLink=TEXT,
    ),
    OWNER_REFERENCE: _object(
        apiVersion=TEXT, kind=TEXT, name=TEXT, uid=TEXT, controller=FLAG, blockOwnerDeletion=FLAG
    ),
    LIST_META: _object(**{"continue": TEXT, "remainingItemCount": INT64, "resourceVersion": TEXT}),
    SCALE: _object(
        apiVersion=TEXT,
        kind=TEXT,
        metadata=_reference(OBJECT_META),
        spec=_reference(f"{SCALE}Spec"),
        status=_reference(f"{SCALE}Status"),
    ),
    f"{SCALE}Spec": _object(replicas=INT32),
    f"{SCALE}Status": _object(replicas=INT32, selector=TEXT),
}
