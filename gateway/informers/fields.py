"""The fields, per resource, for which the store itself can evaluate a field selector.

Their meaning is that of the API server (``AddFieldLabelConversionFunc`` and ``ToSelectableFields`` of
Kubernetes' registry): the value of an absent field is the empty string, ``false`` or ``0``. A selector with
any other field is sent upstream, and the API server evaluates or refuses it.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from operator import attrgetter
from typing import Any, cast

import msgspec

from gateway.kube.received import ObjectHeader
from schema.resources import GroupVersionResource

__all__ = ["METADATA", "field_getter", "header_type", "selectable_fields", "value_of"]

_INVOLVED = ("apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid")

_SELECTABLE: Mapping[tuple[str, str], Mapping[str, type]] = {
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
        **{f"involvedObject.{name}": str for name in _INVOLVED},
        "reason": str,
        "reportingComponent": str,
        "type": str,
    },
    ("events.k8s.io", "events"): {
        **{f"regarding.{name}": str for name in _INVOLVED},
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
_JSON_NAMES = {"status.successful": "status.succeeded"}
METADATA = frozenset(("metadata.name", "metadata.namespace"))
"""The selectable fields of every resource."""


def selectable_fields(gvr: GroupVersionResource) -> frozenset[str]:
    """The fields of a resource for which the store can evaluate a selector."""
    return METADATA | _SELECTABLE.get((gvr.group, gvr.resource), {}).keys()


@cache
def header_type(gvr: GroupVersionResource) -> type[ObjectHeader]:
    """The Struct that decodes the selectable fields of a resource beside its metadata."""
    fields = _SELECTABLE.get((gvr.group, gvr.resource))
    if not fields:
        return ObjectHeader
    tree: dict[str, Any] = {}
    for path, kind in fields.items():
        *parents, leaf = _JSON_NAMES.get(path, path).split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[leaf] = kind
    members = _members(tree)
    built = msgspec.defstruct("SelectableHeader", members, bases=(ObjectHeader,), frozen=True, gc=False)
    return cast("type[ObjectHeader]", built)


def _members(tree: Mapping[str, Any]) -> Iterable[tuple[str, Any, Any]]:
    for name, branch in tree.items():
        if isinstance(branch, dict):
            nested = msgspec.defstruct(name, _members(branch), frozen=True, gc=False)
            yield name, nested, msgspec.field(default_factory=nested)
        else:
            yield name, branch, branch()


def value_of(header: ObjectHeader) -> Callable[[str], str]:
    """A function from a selectable field's path to the object's value."""
    return partial(_value, header)


def _value(header: ObjectHeader, field: str) -> str:
    return field_getter(field)(header)


@cache
def field_getter(field: str) -> Callable[[ObjectHeader], str]:
    """A function from an object's header to the value of ``field``, as a selector compares it."""
    get = attrgetter(_JSON_NAMES.get(field, field))

    def value_in(header: ObjectHeader) -> str:
        value = get(header)
        return str(value).lower() if isinstance(value, bool) else str(value)

    return value_in
