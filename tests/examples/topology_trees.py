"""Trees of applications in the shape of the gateway's answers, for the tests of the topology example."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["application", "generated_tree", "object_of", "pod_row", "row"]

Object = dict[str, Any]
Row = dict[str, Any]


def object_of(kind: str, name: str, *, created: str = "2026-11-01T00:00:00Z", **more: Any) -> Object:
    """An object whose UID is ``KIND/NAME``."""
    metadata = {"uid": f"{kind}/{name}", "namespace": "shop", "name": name, "creationTimestamp": created}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}


def _health(status: str = "CURRENT", reason: str | None = None, message: str | None = None) -> Object:
    return {"status": status, "reason": reason, "message": message}


def row(depth: int, parent: str | None, found: Object, status: str = "CURRENT", **health: str) -> Row:
    """A row of a tree; ``parent`` is a UID."""
    return {"depth": depth, "parentUid": parent, "object": found, "health": _health(status, **health)}


def _related(found: Object) -> Object:
    return {**found, "health": _health()}


def pod_row(depth: int, parent: str, name: str, node: str | None = None, status: str = "CURRENT") -> Row:
    """A row of a pod, which the Service ``web`` selects, with the Ingress ``web``."""
    ingress = _related(object_of("Ingress", "web"))
    service = {**_related(object_of("Service", "web")), "ingresses": {"items": [ingress]}}
    found = _related(object_of("Node", node)) if node else None
    return row(depth, parent, object_of("Pod", name, node=found, services={"items": [service]}), status)


def application(sets: Mapping[str, Mapping[str, str | None]], status: str = "CURRENT") -> list[Row]:
    """The tree of the Deployment ``web``: the names of ReplicaSets, of their pods, and of the pods' nodes."""
    rows = [row(0, None, object_of("Deployment", "web"), status)]
    for name, pods in sets.items():
        rows.append(row(1, "Deployment/web", object_of("ReplicaSet", name)))
        rows += [pod_row(2, f"ReplicaSet/{name}", f"{name}-{pod}", node) for pod, node in pods.items()]
    return rows


def generated_tree(choices: Sequence[tuple[int, int, int]]) -> list[Row]:
    """A tree with a row for each choice: number of its parent, of its kind and of its node (0: none)."""
    kinds = ("ReplicaSet", "Job", "Pod", "Pod", "Service", "ConfigMap")
    rows = [row(0, None, object_of("Rollout", "root"))]
    for number, (parent, kind, node) in enumerate(choices):
        above = rows[parent % len(rows)]
        depth, uid = above["depth"] + 1, above["object"]["metadata"]["uid"]
        if kinds[kind] == "Pod":
            rows.append(pod_row(depth, uid, f"p{number}", f"node-{node}" if node else None))
        else:
            rows.append(row(depth, uid, object_of(kinds[kind], f"o{number}")))
    return rows
