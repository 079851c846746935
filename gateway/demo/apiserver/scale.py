"""The ``scale`` subresource: the number of replicas, as an object of its own (``autoscaling/v1``)."""

from dataclasses import dataclass
from typing import Any

from gateway.demo.apiserver.statuses import Cause, bad_request, conflict, invalid
from gateway.demo.apiserver.storage import Stored
from schema.resources import GroupVersionKind, GroupVersionResource, Resource

__all__ = ["PLAIN_SCALE", "SCALE", "ScalePaths", "read_scale", "scaled"]

Object = dict[str, Any]

SCALE = Resource(
    gvr=GroupVersionResource("autoscaling", "v1", "scales"),
    kind=GroupVersionKind("autoscaling", "v1", "Scale"),
    namespaced=True,
    singular="scale",
    verbs=frozenset(("get", "patch", "update")),
    preferred=True,
)


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """The paths of an object's replicas (``.spec.replicas``) and of its selector as text, if it has one."""

    wanted: str = ".spec.replicas"
    current: str = ".status.replicas"
    selector: str = ""


PLAIN_SCALE = ScalePaths()
METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "", "DoesNotExist": "!"}


def read_scale(stored: Stored, paths: ScalePaths) -> Object:
    """The Scale of an object, without its kind."""
    metadata, spec = stored.object["metadata"], stored.object.get("spec") or {}
    status: Object = {"replicas": _at(stored.object, paths.current) or 0}
    if paths.selector:
        selector = _at(stored.object, paths.selector) or ""
    else:
        selector = selector_text(spec.get("selector") or {}) if paths == PLAIN_SCALE else ""
    if selector:
        status["selector"] = selector
    replicas = _at(stored.object, paths.wanted) or 0
    return {
        "metadata": {key: metadata[key] for key in METADATA if key in metadata},
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def selector_text(selector: Object) -> str:
    """A LabelSelector object as text; a replication controller's selector is plain labels."""
    plain = selector if not {"matchLabels", "matchExpressions"} & selector.keys() else {}
    terms = [f"{key}={value}" for key, value in sorted({**plain, **selector.get("matchLabels", {})}.items())]
    for item in selector.get("matchExpressions", ()):
        operator, values = OPERATORS[item["operator"]], ",".join(sorted(item.get("values", ())))
        if item["operator"] in ("In", "NotIn"):
            terms.append(f"{item['key']} {operator} ({values})")
        else:
            terms.append(f"{operator}{item['key']}")
    return ",".join(terms)


def _at(value: Any, path: str) -> Any:
    for key in path.lstrip(".").split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _with(value: Object, path: list[str], new: Any) -> Object:
    """The object with another value at a path."""
    first, *rest = path
    return {**value, first: _with(value.get(first) or {}, rest, new) if rest else new}


def scaled(resource: Resource, stored: Stored, scale: Object, paths: ScalePaths) -> Object:
    """The object with the replicas of a Scale; refuses any other object, and a Scale of another version."""
    spec = scale.get("spec") or {}
    replicas = spec.get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request('Scale in version "v1" cannot be handled as a Scale: spec.replicas is no integer')
    if replicas < 0:
        cause = Cause.invalid("spec.replicas", str(replicas), "must be greater than or equal to 0")
        raise invalid(SCALE, stored.name, [cause])
    version = (scale.get("metadata") or {}).get("resourceVersion")
    if version and version != str(stored.revision):
        raise conflict(resource, stored.name)
    return _with(stored.object, paths.wanted.lstrip(".").split("."), replicas)
