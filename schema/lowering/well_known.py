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

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
OBJECT_META = f"{_META}.ObjectMeta"
LIST_META = f"{_META}.ListMeta"
_OWNER_REFERENCE = f"{_META}.OwnerReference"
SCALE = "io.k8s.api.autoscaling.v1.Scale"
SCALE_KIND = GroupVersionKind("autoscaling", "v1", "Scale")
ALWAYS_LOWERED = (OBJECT_META, LIST_META, f"{_META}.Status", f"{_META}.DeleteOptions")

DISGUISED_SCALARS: Mapping[str, Scalar] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": Scalar.QUANTITY,
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": Scalar.INT_OR_STRING,
}

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_TIME = {"type": "string", "format": "date-time"}
_INT32 = {"type": "integer", "format": "int32"}
_INT64 = {"type": "integer", "format": "int64"}
_TEXT_MAP = {"type": "object", "additionalProperties": _TEXT}
_JSON_OBJECT = {"type": "object"}


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
        name=_TEXT,
        generateName=_TEXT,
        namespace=_TEXT,
        uid=_TEXT,
        resourceVersion=_TEXT,
        generation=_INT64,
        creationTimestamp=_TIME,
        deletionTimestamp=_TIME,
        deletionGracePeriodSeconds=_INT64,
        labels=_TEXT_MAP,
        annotations=_TEXT_MAP,
        finalizers=_list(_TEXT),
        ownerReferences=_list(_reference(_OWNER_REFERENCE)),
        managedFields=_list(_JSON_OBJECT),
        selfLink=_TEXT,
    ),
    _OWNER_REFERENCE: _object(
        apiVersion=_TEXT, kind=_TEXT, name=_TEXT, uid=_TEXT, controller=_FLAG, blockOwnerDeletion=_FLAG
    ),
    LIST_META: _object(**{"continue": _TEXT, "remainingItemCount": _INT64, "resourceVersion": _TEXT}),
    SCALE: _object(
        apiVersion=_TEXT,
        kind=_TEXT,
        metadata=_reference(OBJECT_META),
        spec=_reference(f"{SCALE}Spec"),
        status=_reference(f"{SCALE}Status"),
    ),
    f"{SCALE}Spec": _object(replicas=_INT32),
    f"{SCALE}Status": _object(replicas=_INT32, selector=_TEXT),
}
