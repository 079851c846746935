"""The state of a rollout, by the rules of ``kubectl rollout status``."""

from typing import Any

import pytest

from gateway.errors import WaitFailed
from gateway.resolvers.rollouts.status import rollout_status


def workload(kind: str, status: dict[str, Any], *, observed: int = 2, **spec: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"name": "web", "generation": 2},
        "spec": spec,
        "status": {"observedGeneration": observed, **status},
    }


DEPLOYED = {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}
SCHEDULED = {
    "desiredNumberScheduled": 2,
    "updatedNumberScheduled": 2,
    "numberReady": 2,
    "numberAvailable": 2,
}
REVISED = {
    "readyReplicas": 3,
    "updatedReplicas": 3,
    "availableReplicas": 3,
    "currentRevision": "a",
    "updateRevision": "a",
}


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (workload("Deployment", DEPLOYED, observed=1, replicas=3), "not observed"),
        (
            workload("Deployment", {**DEPLOYED, "updatedReplicas": 1}, replicas=3),
            "1 of 3 new pods are created",
        ),
        (workload("Deployment", {"updatedReplicas": 1}, replicas=3, paused=True), "paused"),
        (workload("Deployment", {**DEPLOYED, "replicas": 4}, replicas=3), "1 old pods"),
        (
            workload("Deployment", {**DEPLOYED, "availableReplicas": 2}, replicas=3),
            "2 of 3 new pods are available",
        ),
        (workload("StatefulSet", REVISED, observed=1, replicas=3), "not observed"),
        (workload("StatefulSet", {**REVISED, "readyReplicas": 2}, replicas=3), "2 of 3 pods are ready"),
        (workload("StatefulSet", {**REVISED, "updateRevision": "b"}, replicas=3), "the new revision"),
        (workload("DaemonSet", SCHEDULED, observed=1), "not observed"),
        (workload("DaemonSet", {**SCHEDULED, "updatedNumberScheduled": 1}), "1 of 2 new pods are created"),
        (workload("DaemonSet", {**SCHEDULED, "numberAvailable": 1}), "1 of 2 new pods are available"),
    ],
)
def test_a_rollout_is_not_done(given: dict[str, Any], part: str) -> None:
    status = rollout_status(given)
    assert not status.done
    assert part in status.message


@pytest.mark.parametrize(
    "given",
    [
        workload("Deployment", DEPLOYED, replicas=3),
        workload("Deployment", {}, replicas=0),
        workload("StatefulSet", REVISED, replicas=3),
        workload("DaemonSet", SCHEDULED),
        workload("DaemonSet", {}),
    ],
)
def test_a_rollout_is_done(given: dict[str, Any]) -> None:
    assert rollout_status(given).done


def test_a_partition_is_done_with_its_own_pods() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    status = {**REVISED, "updateRevision": "b", "updatedReplicas": 0}
    assert not rollout_status(workload("StatefulSet", status, replicas=3, updateStrategy=strategy)).done
    status["updatedReplicas"] = 1
    assert rollout_status(workload("StatefulSet", status, replicas=3, updateStrategy=strategy)).done


def test_an_exceeded_deadline_fails() -> None:
    condition = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    with pytest.raises(WaitFailed, match="progress deadline: timed out"):
        rollout_status(workload("Deployment", {"conditions": [condition]}, replicas=3))


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_pods_that_change_on_delete_have_no_rollout(kind: str) -> None:
    with pytest.raises(WaitFailed, match="OnDelete"):
        rollout_status(workload(kind, {}, updateStrategy={"type": "OnDelete"}))
