"""The requests of a scripted API server, and its JSON responses."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schema.resources import GroupVersionKind, GroupVersionResource, Resource
from schema.selectors import FieldSelector, parse_field_selector

__all__ = [
    "CONFIG_MAPS",
    "TYPE_META",
    "Logged",
    "Object",
    "Reply",
    "Request",
    "encode",
    "event",
    "failure",
    "seen",
    "selects",
    "shaped",
    "status",
    "version",
]

CONFIG_MAPS = Resource(
    GroupVersionResource("", "v1", "configmaps"),
    GroupVersionKind("", "v1", "ConfigMap"),
    namespaced=True,
    singular="configmap",
    verbs=frozenset(("get", "list", "watch")),
    preferred=True,
)
TYPE_META = {"kind": "ConfigMap", "apiVersion": "v1"}
METADATA_TYPE = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """A request that came."""

    path: str
    query: Mapping[str, str]
    metadata_only: bool = False

    @property
    def is_watch(self) -> bool:
        return self.query.get("watch") == "true"


@dataclass(frozen=True, slots=True)
class Reply:
    """A scripted response: status, headers, body."""

    code: int
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Logged:
    """A change; ``previous`` is None for a creation, ``current`` for a deletion."""

    resource_version: int
    previous: Object | None
    current: Object | None


def status(code: int, reason: str = "", message: str = "") -> Object:
    """A ``Status``."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code,
    }


def encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def event(kind: str, content: Object) -> bytes:
    return encode({"type": kind, "object": content}) + b"\n"


def version(number: int) -> Object:
    return {"resourceVersion": str(number)}


def failure(code: int, reason: str, message: str) -> Reply:
    return Reply(code, encode(status(code, reason, message)))


def selects(request: Request, content: Object) -> bool:
    """Whether an object matches the request's namespace and field selector."""
    parts = request.path.split("/")
    namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts else None
    selector: FieldSelector = parse_field_selector(request.query.get("fieldSelector", ""))

    def value(path: str) -> str:
        found: Any = content
        for part in path.split("."):
            found = found.get(part, {})
        return found if isinstance(found, str) else ""

    return namespace in (None, content["metadata"]["namespace"]) and selector.matches(value)


def seen(request: Request, logged: Logged) -> bytes | None:
    """A change as a watch with that request sees it, as kube-apiserver's watch cache does."""
    before = logged.previous is not None and selects(request, logged.previous)
    if logged.current is not None and selects(request, logged.current):
        return event("MODIFIED" if before else "ADDED", shaped(request, logged.current))
    if logged.previous is None or not before:
        return None
    metadata = {**logged.previous["metadata"], **version(logged.resource_version)}
    return event("DELETED", shaped(request, {**logged.previous, "metadata": metadata}))


def shaped(request: Request, content: Object) -> Object:
    """The object as a watch with that request gets it: with its type, perhaps only its metadata."""
    if request.metadata_only:
        return {**METADATA_TYPE, "metadata": content["metadata"]}
    return {**TYPE_META, **content}
