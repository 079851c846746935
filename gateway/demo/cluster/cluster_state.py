"""The cluster as its controllers see it: stored objects, owner references and Events."""

from collections.abc import Iterator
from typing import Any

from gateway.demo.apiserver import Change, Stamps, Storage, Stored, object_key
from gateway.demo.cluster.timeline import Timeline

__all__ = ["ClusterState", "controller_reference", "owner_uid", "set_condition"]

Object = dict[str, Any]


def owner_uid(stored: Stored) -> str:
    """The uid of the object's controller; empty without one."""
    for reference in stored.object["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return str(reference["uid"])
    return ""


def controller_reference(kind: str, api_version: str, owner: Stored) -> Object:
    """The owner reference that a controller sets on the objects that it creates."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": owner.name,
        "uid": owner.object["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def set_condition(conditions: list[Object], new: Object, now: str) -> list[Object]:
    """The conditions with one replaced; ``lastTransitionTime`` changes only with the status."""
    old = next((item for item in conditions if item["type"] == new["type"]), {})
    same = old.get("status") == new["status"]
    changed = {**new, "lastTransitionTime": old.get("lastTransitionTime", now) if same else now}
    if not old:
        return [*conditions, changed]
    return [changed if item["type"] == new["type"] else item for item in conditions]


class ClusterState:
    """The storage as controllers use it; they schedule their actions on ``timeline``."""

    def __init__(self, storage: Storage, stamps: Stamps, timeline: Timeline) -> None:
        self.storage = storage
        self.stamps = stamps
        self.timeline = timeline
        self.random = stamps.random

    def now(self) -> str:
        return self.stamps.now()

    def objects(self, table: str, namespace: str = "") -> Iterator[Stored]:
        """The objects of a table, or of one namespace of it, in the order of their keys."""
        objects = self.storage.all(table)
        for key in sorted(objects):
            if not namespace or key.startswith(f"{namespace}/"):
                yield objects[key]

    def owned(self, table: str, owner: Stored) -> list[Stored]:
        """The objects whose controller is this object."""
        uid = owner.object["metadata"]["uid"]
        return [item for item in self.objects(table, owner.namespace) if owner_uid(item) == uid]

    def create(self, table: str, value: Object) -> Stored:
        """Store a new object, with the metadata that the API server sets."""
        metadata = value["metadata"]
        metadata.setdefault("uid", self.stamps.uid())
        metadata.setdefault("creationTimestamp", self.now())
        key = object_key(metadata.get("namespace", ""), metadata["name"])
        return self.storage.put(table, key, value)

    def save(self, table: str, stored: Stored, **parts: Any) -> Stored:
        """Replace some top-level parts of an object; without a difference nothing is stored."""
        current = self.storage.get(table, stored.key)
        if current is None:
            return stored
        value = {**current.object, **parts}
        return current if value == current.object else self.storage.put(table, stored.key, value)

    def remove(self, table: str, stored: Stored) -> None:
        """Remove an object, if it still exists."""
        if self.storage.get(table, stored.key):
            self.storage.delete(table, stored.key)

    def listen(self, table: str, action: Any) -> None:
        """Call the listener on every change of a table."""

        def tell(change: Change) -> None:
            if change.table == table:
                action(change)

        self.storage.listeners.append(tell)

    def event(
        self, kind: str, about: Stored, reason: str, message: str, *, source: str, warning: bool = False
    ) -> None:
        """Write an Event about an object; a repeated Event increments its count."""
        api_version = "v1" if kind in ("Pod", "Node") else "apps/v1"
        namespace = about.namespace or "default"
        uid = about.object["metadata"]["uid"]
        now = self.now()
        for item in self.objects("events", namespace):
            told = item.object
            if told["involvedObject"].get("uid") == uid and (told["reason"], told["message"]) == (
                reason,
                message,
            ):
                self.save("events", item, count=told.get("count", 1) + 1, lastTimestamp=now)
                return
        involved = {
            "kind": kind,
            "namespace": about.namespace,
            "name": about.name,
            "uid": uid,
            "apiVersion": api_version,
            "resourceVersion": str(about.revision),
        }
        self.create(
            "events",
            {
                "metadata": {
                    "name": f"{about.name}.{self.stamps.random.getrandbits(64):016x}",
                    "namespace": namespace,
                },
                "involvedObject": {key: value for key, value in involved.items() if value},
                "reason": reason,
                "message": message,
                "source": {"component": source},
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
                "type": "Warning" if warning else "Normal",
                "eventTime": None,
                "reportingComponent": source,
                "reportingInstance": "",
            },
        )
