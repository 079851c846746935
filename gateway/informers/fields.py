"""The fields that a field selector can be answered by from the store, per resource.

What each means is the API server's (``AddFieldLabelConversionFunc`` and ``ToSelectableFields`` of
Kubernetes' registry): an absent one is the empty string, ``false`` or ``0``. A selector with any other
field goes upstream, and the API server answers or refuses it.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from operator import attrgetter
from typing import Any, cast

import msgspec

from gateway.kube.received import ObjectHeader
from schema.resources import GroupVersionResource

__all__ = ["METADATA", "field_getter", "header_type", "selectable_fields", "value_of"]

INVOLVED = ("apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid")

SELECTABLE: Mapping[tuple[str, str], Mapping[str, type]] = {
    ("", "pods"): {
        "spec.hostNetwork": bool,
        "spec.nodeName": str,
        "spec.restartPolicy": str,
        "spec.schedulerName": str,
        "spec.serviceAccountName": str,
        "status.nominatedNodeName": str,
        "status.phase": str,
        "status.podIP": str,
    },
    ("", "events"): {
        **{f"involvedObject.{each}": str for each in INVOLVED},
        "reason": str,
        "reportingComponent": str,
        "type": str,
    },
    ("events.k8s.io", "events"): {
        **{f"regarding.{each}": str for each in INVOLVED},
        "reason": str,
        "reportingController": str,
        "type": str,
    },
    ("", "namespaces"): {"status.phase": str},
    ("", "nodes"): {"spec.unschedulable": bool},
    ("", "replicationcontrollers"): {"status.replicas": int},
    ("", "secrets"): {"type": str},
    ("", "services"): {"spec.clusterIP": str, "spec.type": str},
    ("apps", "replicasets"): {"status.replicas": int},
    ("batch", "jobs"): {"status.successful": int},
    ("certificates.k8s.io", "certificatesigningrequests"): {"spec.signerName": str},
}
JSON_NAMES = {"status.successful": "status.succeeded"}
METADATA = frozenset(("metadata.name", "metadata.namespace"))
"""Those that every object has."""


def selectable_fields(gvr: GroupVersionResource) -> frozenset[str]:
    """The fields of a resource that the store can answer."""
    return METADATA | SELECTABLE.get((gvr.group, gvr.resource), {}).keys()


@cache
def header_type(gvr: GroupVersionResource) -> type[ObjectHeader]:
    """The Struct that holds the selectable fields of a resource."""
    fields = SELECTABLE.get((gvr.group, gvr.resource))
    if not fields:
        return ObjectHeader
    tree: dict[str, Any] = {}
    for path, kind in fields.items():
        *parents, leaf = JSON_NAMES.get(path, path).split(".")
        below = tree
        for parent in parents:
            below = below.setdefault(parent, {})
        below[leaf] = kind
    members = _members(tree)
    built = msgspec.defstruct("SelectableHeader", members, bases=(ObjectHeader,), frozen=True, gc=False)
    return cast("type[ObjectHeader]", built)


def _members(tree: Mapping[str, Any]) -> Iterable[tuple[str, Any, Any]]:
    for name, below in tree.items():
        if isinstance(below, dict):
            nested = msgspec.defstruct(name, _members(below), frozen=True, gc=False)
            yield name, nested, msgspec.field(default_factory=nested)
        else:
            yield name, below, below()


def value_of(header: ObjectHeader) -> Callable[[str], str]:
    """The values of the selectable fields of one object."""
    return partial(_value, header)


def _value(header: ObjectHeader, field: str) -> str:
    return field_getter(field)(header)


@cache
def field_getter(field: str) -> Callable[[ObjectHeader], str]:
    """What gives the value of that field of any object that has it."""
    get = attrgetter(JSON_NAMES.get(field, field))

    def value_in(header: ObjectHeader) -> str:
        value = get(header)
        return str(value).lower() if isinstance(value, bool) else str(value)

    return value_in
