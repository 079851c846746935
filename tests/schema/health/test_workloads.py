"""The health of workloads: kstatus' rules."""

from typing import Any

import pytest

from schema.health import health_of
from tests.schema.health.objects import condition, deployment, object_of

Object = dict[str, Any]
FAILURE = condition("ReplicaFailure", reason="FailedCreate", message="exceeded quota")
PROGRESSING = condition("Progressing", reason="ReplicaSetUpdated")


@pytest.mark.parametrize(
    ("found", "status", "reason"),
    [
        (deployment(), "CURRENT", None),
        (deployment(0), "CURRENT", None),
        (deployment(3, replicas=2), "IN_PROGRESS", "LessReplicas"),
        (deployment(3, PROGRESSING, FAILURE, replicas=2), "FAILED", "FailedCreate"),
        (deployment(3, updatedReplicas=1), "IN_PROGRESS", "LessUpdated"),
        (deployment(3, replicas=4), "IN_PROGRESS", "ExtraPods"),
        (deployment(3, availableReplicas=2), "IN_PROGRESS", "LessAvailable"),
        (deployment(3, readyReplicas=2), "IN_PROGRESS", "LessReady"),
        (deployment(3, PROGRESSING), "IN_PROGRESS", "ReplicaSetNotAvailable"),
        (
            deployment(3, condition("Progressing", reason="NewReplicaSetAvailable")),
            "IN_PROGRESS",
            "DeploymentNotAvailable",
        ),
        (
            deployment(3, condition("Available"), spec={"progressDeadlineSeconds": 2147483647}),
            "CURRENT",
            None,
        ),
        (
            deployment(
                3,
                condition("Progressing", "Unknown", "DeploymentPaused"),
                condition("Available"),
                spec={"paused": True},
            ),
            "CURRENT",
            None,
        ),
        (
            deployment(3, condition("Progressing", "False", "ProgressDeadlineExceeded", "timed out")),
            "FAILED",
            "ProgressDeadlineExceeded",
        ),
        (object_of({"replicas": 2}, generation=1), "IN_PROGRESS", "LessReplicas"),
        (
            object_of({}, {"observedGeneration": 1}, generation=2),
            "IN_PROGRESS",
            "LatestGenerationNotObserved",
        ),
    ],
)
def test_deployments(found: Object, status: str, reason: str | None) -> None:
    health = health_of(found, "apps", "Deployment")
    assert (health.status, health.reason) == (status, reason)


def counts(**values: int) -> Object:
    return {"fullyLabeledReplicas": 2, "availableReplicas": 2, "readyReplicas": 2, "replicas": 2, **values}


@pytest.mark.parametrize("group_and_kind", [("apps", "ReplicaSet"), ("", "ReplicationController")])
@pytest.mark.parametrize(
    ("status", "expected", "reason"),
    [
        (counts(), "CURRENT", None),
        (counts(fullyLabeledReplicas=1), "IN_PROGRESS", "LessLabelled"),
        (counts(availableReplicas=1), "IN_PROGRESS", "LessAvailable"),
        (counts(readyReplicas=1), "IN_PROGRESS", "LessReady"),
        (counts(replicas=3), "IN_PROGRESS", "ExtraPods"),
        ({**counts(replicas=0), "conditions": [FAILURE]}, "FAILED", "FailedCreate"),
    ],
)
def test_replica_sets(
    group_and_kind: tuple[str, str], status: Object, expected: str, reason: str | None
) -> None:
    health = health_of(object_of({"replicas": 2}, status), *group_and_kind)
    assert (health.status, health.reason) == (expected, reason)


def stateful(partition: int | None = 0, **values: Any) -> Object:
    strategy = {"type": "RollingUpdate"}
    return object_of(
        {
            "replicas": 3,
            "updateStrategy": strategy
            if partition is None
            else {**strategy, "rollingUpdate": {"partition": partition}},
        },
        {
            "replicas": 3,
            "readyReplicas": 3,
            "currentReplicas": 3,
            "updatedReplicas": 3,
            "currentRevision": "a",
            "updateRevision": "a",
            **values,
        },
    )


@pytest.mark.parametrize(
    ("found", "status", "reason"),
    [
        (stateful(), "CURRENT", None),
        (stateful(None), "CURRENT", None),
        (stateful(replicas=1), "IN_PROGRESS", "LessReplicas"),
        (stateful(readyReplicas=1), "IN_PROGRESS", "LessReady"),
        (stateful(replicas=4), "IN_PROGRESS", "ExtraPods"),
        (stateful(2, updatedReplicas=1, updateRevision="b"), "CURRENT", None),
        (stateful(2, updatedReplicas=0, updateRevision="b"), "IN_PROGRESS", "PartitionRollout"),
        (stateful(None, currentReplicas=1), "IN_PROGRESS", "LessCurrent"),
        (stateful(None, updateRevision="b"), "IN_PROGRESS", "RevisionMismatch"),
        (object_of({"replicas": 3, "updateStrategy": {"type": "OnDelete"}}), "CURRENT", None),
    ],
)
def test_stateful_sets(found: Object, status: str, reason: str | None) -> None:
    health = health_of(found, "apps", "StatefulSet")
    assert (health.status, health.reason) == (status, reason)


def daemon(**values: int) -> Object:
    full = dict.fromkeys(
        ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady"), 2
    )
    return object_of(
        {}, {"observedGeneration": 1, "desiredNumberScheduled": 2, **full, **values}, generation=1
    )


@pytest.mark.parametrize(
    ("found", "status", "reason"),
    [
        (daemon(), "CURRENT", None),
        (daemon(currentNumberScheduled=1), "IN_PROGRESS", "LessCurrent"),
        (daemon(updatedNumberScheduled=1), "IN_PROGRESS", "LessUpdated"),
        (daemon(numberAvailable=1), "IN_PROGRESS", "LessAvailable"),
        (daemon(numberReady=1), "IN_PROGRESS", "LessReady"),
        (object_of(), "IN_PROGRESS", "NoGeneration"),
        (object_of(generation=1), "IN_PROGRESS", "NoObservedGeneration"),
        (object_of({}, {"observedGeneration": 1}, generation=1), "IN_PROGRESS", "NoDesiredNumber"),
    ],
)
def test_daemon_sets(found: Object, status: str, reason: str | None) -> None:
    health = health_of(found, "apps", "DaemonSet")
    assert (health.status, health.reason) == (status, reason)


@pytest.mark.parametrize(
    ("status", "expected", "reason"),
    [
        ({}, "IN_PROGRESS", "JobNotStarted"),
        ({"startTime": "2026-01-01T00:00:00Z", "active": 1}, "CURRENT", None),
        ({"conditions": [condition("Complete")]}, "CURRENT", "Complete"),
        ({"conditions": [condition("Suspended")]}, "CURRENT", "Suspended"),
        (
            {"conditions": [condition("Failed", reason="BackoffLimitExceeded")]},
            "FAILED",
            "BackoffLimitExceeded",
        ),
        (
            {"conditions": [condition("FailureTarget", reason="DeadlineExceeded")]},
            "FAILED",
            "DeadlineExceeded",
        ),
    ],
)
def test_jobs(status: Object, expected: str, reason: str | None) -> None:
    health = health_of(object_of({"completions": 1}, status), "batch", "Job")
    assert (health.status, health.reason) == (expected, reason)


def test_messages_count_replicas() -> None:
    assert health_of(deployment(3, availableReplicas=2), "apps", "Deployment").message == (
        "2 of 3 replicas are available."
    )
    assert health_of(deployment(1), "apps", "Deployment").message == "1 replica is available."


def test_a_suspended_schedule_is_current() -> None:
    assert health_of(object_of({"suspend": True}), "batch", "CronJob").reason == "Suspended"
    assert health_of(object_of(), "batch", "CronJob").status == "CURRENT"
