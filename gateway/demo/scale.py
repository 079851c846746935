"""The ``scale`` subresource: the number of replicas, as an object of its own (``autoscaling/v1``)."""

from typing import Any

from gateway.demo.catalog import Target
from gateway.demo.statuses import Cause, bad_request, conflict, invalid
from gateway.demo.storage import Stored
from schema.resources import GroupVersionKind, GroupVersionResource, Resource

__all__ = ["SCALE", "read_scale", "scaled"]

Object = dict[str, Any]

SCALE = Resource(
    gvr=GroupVersionResource("autoscaling", "v1", "scales"),
    kind=GroupVersionKind("autoscaling", "v1", "Scale"),
    namespaced=True,
    singular="scale",
    verbs=frozenset(("get", "patch", "update")),
    preferred=True,
)
METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "", "DoesNotExist": "!"}


def read_scale(stored: Stored) -> Object:
    """The Scale of an object, without its kind."""
    metadata, spec = stored.object["metadata"], stored.object.get("spec") or {}
    status: Object = {"replicas": stored.object.get("status", {}).get("replicas", 0)}
    if selector := selector_text(spec.get("selector") or {}):
        status["selector"] = selector
    replicas = spec.get("replicas", 0)
    return {
        "metadata": {key: metadata[key] for key in METADATA if key in metadata},
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def selector_text(selector: Object) -> str:
    """A LabelSelector object as text; a replication controller's selector is plain labels."""
    plain = selector if not {"matchLabels", "matchExpressions"} & selector.keys() else {}
    terms = [f"{key}={value}" for key, value in sorted({**plain, **selector.get("matchLabels", {})}.items())]
    for each in selector.get("matchExpressions", ()):
        operator, values = OPERATORS[each["operator"]], ",".join(sorted(each.get("values", ())))
        if each["operator"] in ("In", "NotIn"):
            terms.append(f"{each['key']} {operator} ({values})")
        else:
            terms.append(f"{operator}{each['key']}")
    return ",".join(terms)


def scaled(target: Target, stored: Stored, scale: Object) -> Object:
    """The object with the replicas of a Scale; refuses what is not one, or is one of another version."""
    spec = scale.get("spec") or {}
    replicas = spec.get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request('Scale in version "v1" cannot be handled as a Scale: spec.replicas is no integer')
    if replicas < 0:
        cause = Cause.invalid("spec.replicas", str(replicas), "must be greater than or equal to 0")
        raise invalid(SCALE, target.name, [cause])
    version = (scale.get("metadata") or {}).get("resourceVersion")
    if version and version != str(stored.revision):
        raise conflict(target.resource, target.name)
    return {**stored.object, "spec": {**stored.object.get("spec", {}), "replicas": replicas}}
