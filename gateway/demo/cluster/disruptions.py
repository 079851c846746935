"""The disruption controller: the status of PodDisruptionBudgets."""

from typing import Any

from gateway.demo.apiserver import BUDGETS, Change, Stored, is_selected
from gateway.demo.cluster.cluster_state import ClusterState, owner_uid, set_condition
from gateway.demo.cluster.controller import DELAY
from gateway.demo.cluster.replicas import is_ready
from gateway.demo.cluster.rollouts import resolve_share

__all__ = ["Disruptions"]

_SCALED = ("replicasets.apps", "statefulsets.apps", "replicationcontrollers")


class Disruptions:
    """Counts the healthy pods of each budget after a change of a pod or of the budget."""

    def __init__(self, cluster: ClusterState) -> None:
        self.cluster = cluster
        self.dirty: set[str] = set()
        cluster.listen("pods", self._pod_changed)
        cluster.listen(BUDGETS, self._budget_changed)

    def _pod_changed(self, change: Change) -> None:
        for budget in self.cluster.objects(BUDGETS, change.new.namespace):
            if is_selected(budget, change.new):
                self._mark(budget.key)

    def _budget_changed(self, change: Change) -> None:
        self._mark(change.new.key)

    def _mark(self, key: str) -> None:
        if key not in self.dirty:
            self.dirty.add(key)
            self.cluster.timeline.after(DELAY, lambda: self._count(key))

    def _count(self, key: str) -> None:
        self.dirty.discard(key)
        budget = self.cluster.storage.get(BUDGETS, key)
        if budget is None:
            return
        pods = [pod for pod in self.cluster.objects("pods", budget.namespace) if is_selected(budget, pod)]
        old = budget.object.get("status") or {}
        leaving = {pod.name for pod in pods if "deletionTimestamp" in pod.object["metadata"]}
        present = {pod.name for pod in pods} - leaving
        # an evicted pod counts as disrupted until its deletion is seen
        disrupted = {
            name: since for name, since in (old.get("disruptedPods") or {}).items() if name in present
        }
        healthy = sum(is_ready(pod) for pod in pods if pod.name in present - disrupted.keys())
        expected, wanted = self._expected(budget, pods)
        allowed = max(0, healthy - wanted) if expected else 0
        reason, state = ("SufficientPods", "True") if allowed else ("InsufficientPods", "False")
        condition = {"type": "DisruptionAllowed", "status": state, "reason": reason, "message": ""}
        status: dict[str, Any] = {
            "observedGeneration": budget.object["metadata"].get("generation", 1),
            "disruptionsAllowed": allowed,
            "currentHealthy": healthy,
            "desiredHealthy": wanted,
            "expectedPods": expected,
            "conditions": set_condition(old.get("conditions") or [], condition, self.cluster.now()),
        }
        if disrupted:
            status["disruptedPods"] = disrupted
        self.cluster.save(BUDGETS, budget, status=status)

    def _expected(self, budget: Stored, pods: list[Stored]) -> tuple[int, int]:
        """How many pods there should be, and how many of them have to be healthy."""
        spec = budget.object["spec"]
        least = spec.get("minAvailable")
        if isinstance(least, int):
            return len(pods), least
        expected = self._scale(pods)
        if least is not None:
            return expected, resolve_share(least, expected, up=True)
        unavailable = resolve_share(spec.get("maxUnavailable", 0), expected, up=True)
        return expected, max(0, expected - unavailable)

    def _scale(self, pods: list[Stored]) -> int:
        """The replicas of the pods' controllers together."""
        owners = {owner_uid(pod) for pod in pods}
        return sum(
            int(item.object["spec"].get("replicas", 1))
            for table in _SCALED
            for item in self.cluster.objects(table)
            if item.object["metadata"]["uid"] in owners
        )
