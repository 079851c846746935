"""The status of PodDisruptionBudgets: how many pods are healthy, and how many may be disrupted."""

from typing import Any

import pytest

from gateway.demo.apiserver import BUDGETS
from gateway.demo.cluster.cluster_state import ClusterState, controller_reference
from gateway.demo.cluster.disruptions import Disruptions
from tests.gateway.demo.cluster.workloads import unserved_cluster

READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
PENDING = {"phase": "Pending", "conditions": []}


def create(cluster: ClusterState, name: str, status: dict[str, Any], **metadata: Any) -> None:
    labels = {"app": "web"}
    pod = {"metadata": {"name": name, "namespace": "n", "labels": labels, **metadata}, "status": status}
    cluster.create("pods", {**pod, "spec": {}})


def status_of(budget: dict[str, Any], *, replicas: int = 4, ready: int = 3) -> dict[str, Any]:
    """The status of a budget beside a replica set; the pods that are not ready are pending."""
    cluster = unserved_cluster()
    Disruptions(cluster)
    metadata = {"name": "web", "namespace": "n"}
    owner = cluster.create("replicasets.apps", {"metadata": dict(metadata), "spec": {"replicas": replicas}})
    reference = controller_reference("ReplicaSet", "apps/v1", owner)
    spec = {"selector": {"matchLabels": {"app": "web"}}, **budget}
    stored = cluster.create(BUDGETS, {"metadata": {**metadata, "generation": 2}, "spec": spec})
    for number in range(replicas):
        create(cluster, f"p{number}", READY if number < ready else PENDING, ownerReferences=[reference])
    cluster.timeline.skip(1)
    return cluster.storage.all(BUDGETS)[stored.key].object["status"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("budget", "desired", "allowed"),
    [
        ({"minAvailable": 2}, 2, 1),
        ({"minAvailable": 4}, 4, 0),
        ({"minAvailable": "50%"}, 2, 1),
        ({"minAvailable": "51%"}, 3, 0),
        ({"maxUnavailable": 1}, 3, 0),
        ({"maxUnavailable": "50%"}, 2, 1),
        ({}, 4, 0),
    ],
)
def test_healthy_pods_beyond_the_desired_ones_may_be_disrupted(
    budget: dict[str, Any], desired: int, allowed: int
) -> None:
    status = status_of(budget)
    assert (status["expectedPods"], status["currentHealthy"]) == (4, 3)
    assert (status["desiredHealthy"], status["disruptionsAllowed"]) == (desired, allowed)
    assert status["conditions"][0]["status"] == ("True" if allowed else "False")
    assert status["observedGeneration"] == 2


def test_a_budget_without_pods_allows_nothing() -> None:
    assert status_of({"minAvailable": 0}, replicas=0, ready=0)["disruptionsAllowed"] == 0
