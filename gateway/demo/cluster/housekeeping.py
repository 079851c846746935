"""Clean-up: the garbage collector and the namespace controller."""

from typing import Any

from gateway.demo.apiserver import Change, ChangeType, Stored
from gateway.demo.cluster.cluster_state import ClusterState
from gateway.demo.cluster.replicas import terminate

__all__ = ["GarbageCollector", "Namespaces"]

Object = dict[str, Any]


class GarbageCollector:
    """Deletes objects without a remaining owner, and completes foreground and orphaning deletions."""

    def __init__(self, cluster: ClusterState) -> None:
        self.cluster = cluster
        cluster.storage.listeners.append(self._changed)

    def _changed(self, change: Change) -> None:
        if change.table == "events":
            return
        if change.type is ChangeType.DELETED:
            self.cluster.timeline.after(0.02, lambda: self._collect(change.new))
            self.cluster.timeline.after(0.02, lambda: self._revisit_owners(change.new))
        elif change.new.object["metadata"].get("finalizers"):
            self.cluster.timeline.after(0.02, lambda: self._finalize(change.table, change.new.key))

    def _dependents(self, owner: Stored) -> list[tuple[str, Stored]]:
        uid = owner.object["metadata"].get("uid")
        return [
            (table, stored)
            for table, objects in self.cluster.storage.tables.items()
            if table != "events"
            for stored in list(objects.values())
            if any(item.get("uid") == uid for item in stored.object["metadata"].get("ownerReferences") or ())
        ]

    def _collect(self, owner: Stored) -> None:
        for table, stored in self._dependents(owner):
            self._delete(table, stored)

    def _delete(self, table: str, stored: Stored, *, foreground: bool = False) -> None:
        """Delete a dependent; with ``foreground`` propagation it waits for its own dependents in turn."""
        metadata = stored.object["metadata"]
        finalizers = metadata.get("finalizers") or []
        if foreground and "foregroundDeletion" not in finalizers:
            finalizers = [*finalizers, "foregroundDeletion"]
        if table == "pods":
            terminate(self.cluster, stored)
        elif finalizers:
            since = metadata.get("deletionTimestamp", self.cluster.now())
            leaving = {**metadata, "deletionTimestamp": since, "finalizers": finalizers}
            self.cluster.save(table, stored, metadata=leaving)
        else:
            self.cluster.remove(table, stored)

    def _revisit_owners(self, gone: Stored) -> None:
        """Continue a foreground deletion that waits for this object."""
        for reference in gone.object["metadata"].get("ownerReferences") or ():
            for table, objects in list(self.cluster.storage.tables.items()):
                for stored in list(objects.values()):
                    if stored.object["metadata"].get("uid") == reference.get("uid"):
                        self._finalize(table, stored.key)

    def _finalize(self, table: str, key: str) -> None:
        stored = self.cluster.storage.get(table, key)
        if stored is None or "deletionTimestamp" not in stored.object["metadata"]:
            return
        finalizers = stored.object["metadata"].get("finalizers") or []
        if "orphan" in finalizers:
            self._orphan(stored)
            self._done(table, stored, "orphan")
        elif "foregroundDeletion" in finalizers:
            dependents = self._dependents(stored)
            for where, item in dependents:
                self._delete(where, item, foreground=True)
            if not self._dependents(stored):
                self._done(table, stored, "foregroundDeletion")

    def _orphan(self, owner: Stored) -> None:
        uid = owner.object["metadata"].get("uid")
        for table, stored in self._dependents(owner):
            metadata = stored.object["metadata"]
            references = [item for item in metadata["ownerReferences"] if item.get("uid") != uid]
            rest = {item: value for item, value in metadata.items() if item != "ownerReferences"}
            kept = {**rest, "ownerReferences": references} if references else rest
            self.cluster.save(table, stored, metadata=kept)

    def _done(self, table: str, stored: Stored, finalizer: str) -> None:
        metadata = stored.object["metadata"]
        left = [item for item in metadata["finalizers"] if item != finalizer]
        if left:
            self.cluster.save(table, stored, metadata={**metadata, "finalizers": left})
        else:
            self.cluster.remove(table, stored)


class Namespaces:
    """Fills a new namespace with the default objects, and empties a deleted one."""

    def __init__(self, cluster: ClusterState) -> None:
        self.cluster = cluster
        cluster.storage.listeners.append(self._changed)

    def _changed(self, change: Change) -> None:
        if change.table == "namespaces":
            if change.type is ChangeType.ADDED:
                self.cluster.timeline.after(0.02, lambda: self._equip(change.new.name))
            elif change.type is ChangeType.MODIFIED:
                self._revisit(change.new.name)
        elif change.type is ChangeType.DELETED and change.new.namespace:
            self._revisit(change.new.namespace)

    def _revisit(self, name: str) -> None:
        self.cluster.timeline.after(0.05, lambda: self._empty(name))

    def _equip(self, name: str) -> None:
        if self.cluster.storage.get("namespaces", name) is None:
            return
        for table, value in (
            ("serviceaccounts", {"metadata": {"name": "default", "namespace": name}}),
            (
                "configmaps",
                {"metadata": {"name": "kube-root-ca.crt", "namespace": name}, "data": {"ca.crt": ""}},
            ),
        ):
            if not self.cluster.storage.get(table, f"{name}/{value['metadata']['name']}"):
                self.cluster.create(table, value)

    def _empty(self, name: str) -> None:
        namespace = self.cluster.storage.get("namespaces", name)
        if namespace is None or "deletionTimestamp" not in namespace.object["metadata"]:
            return
        left = False
        for table in list(self.cluster.storage.tables):
            for stored in list(self.cluster.objects(table, name)):
                left = True
                if table == "pods":
                    terminate(self.cluster, stored)
                elif not stored.object["metadata"].get("finalizers"):
                    self.cluster.remove(table, stored)
        if not left:
            self.cluster.remove("namespaces", namespace)
