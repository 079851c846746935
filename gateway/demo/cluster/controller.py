"""The controller pattern: reconcile the observed state with the desired one.

A controller queues the object that a change concerns and reconciles it a moment later. It is
level-triggered: the result does not depend on the order of the changes.
"""

from collections.abc import Callable

from gateway.demo.apiserver import Change, Stored
from gateway.demo.cluster.cluster_state import ClusterState, owner_uid

__all__ = ["Controller"]

DELAY = 0.02


class Controller:
    """Reconciles the objects of ``table``, also after a change of an object that they own."""

    def __init__(
        self, cluster: ClusterState, table: str, owned: str, reconcile: Callable[[Stored], None]
    ) -> None:
        self.cluster = cluster
        self.table = table
        self.reconcile = reconcile
        self.dirty: set[str] = set()
        cluster.listen(table, self._changed)
        cluster.listen(owned, self._owned_changed)

    def _changed(self, change: Change) -> None:
        self._mark(change.new.key)

    def _owned_changed(self, change: Change) -> None:
        if not (uid := owner_uid(change.new)):
            return
        for stored in self.cluster.objects(self.table, change.new.namespace):
            if stored.object["metadata"]["uid"] == uid:
                self._mark(stored.key)

    def _mark(self, key: str) -> None:
        if key in self.dirty:
            return
        self.dirty.add(key)

        def act() -> None:
            self.dirty.discard(key)
            if stored := self.cluster.storage.get(self.table, key):
                self.reconcile(stored)

        self.cluster.timeline.after(DELAY, act)

    def mark(self, stored: Stored) -> None:
        """Queue an object, because something else that it depends on has changed."""
        self._mark(stored.key)

    def mark_all(self) -> None:
        """Queue every object."""
        for stored in self.cluster.objects(self.table):
            self._mark(stored.key)
