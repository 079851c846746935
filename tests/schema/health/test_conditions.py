"""The health of kinds without a rule of their own."""

from typing import Any

import pytest

from schema.health import health_of
from tests.schema.health.objects import condition, object_of

Object = dict[str, Any]


@pytest.mark.parametrize(
    ("conditions", "status", "reason"),
    [
        ([], "CURRENT", None),
        ([condition("Ready", reason="Issued")], "CURRENT", "Issued"),
        ([condition("Ready", "False", "Pending")], "IN_PROGRESS", "Pending"),
        ([condition("Ready", "False")], "IN_PROGRESS", "NotReady"),
        ([condition("Ready", "Unknown", "Checking")], "IN_PROGRESS", "Checking"),
        ([condition("Ready", "False", "ReconciliationFailed")], "FAILED", "ReconciliationFailed"),
        ([condition("Ready", "False", "ReconcileError")], "FAILED", "ReconcileError"),
        ([condition("Ready", "False", "FailoverPending")], "IN_PROGRESS", "FailoverPending"),
        ([condition("Ready"), condition("Stalled", reason="NoRetries")], "FAILED", "NoRetries"),
        ([condition("Ready"), condition("Reconciling", reason="Rollout")], "IN_PROGRESS", "Rollout"),
        ([condition("Reconciling", "False"), condition("Ready")], "CURRENT", None),
        ([condition("Healthy", "False", "Sick")], "FAILED", "Sick"),
        ([condition("Available", "False", "Waiting")], "IN_PROGRESS", "Waiting"),
        ([condition("Succeeded", "Unknown", "Running")], "IN_PROGRESS", "Running"),
        ([condition("Succeeded", "False", "TaskRunTimeout")], "FAILED", "TaskRunTimeout"),
        ([condition("Available"), condition("Degraded", reason="Broken")], "FAILED", "Broken"),
        ([condition("Available"), condition("Degraded", "False")], "CURRENT", None),
        ([condition("Accepted"), condition("Programmed", "False", "Pending")], "IN_PROGRESS", "Pending"),
        (
            [condition("Available", "False", "Slow"), condition("Synced", "False", "SyncError")],
            "FAILED",
            "SyncError",
        ),
        ([condition("Progressing", reason="Scaling")], "IN_PROGRESS", "Scaling"),
        (
            [condition("Available"), condition("Progressing", reason="NewReplicaSetAvailable")],
            "CURRENT",
            None,
        ),
        (
            [condition("Ready", observedGeneration=1)],
            "IN_PROGRESS",
            "LatestGenerationNotObserved",
        ),
        ([condition("Ready", observedGeneration=2)], "CURRENT", None),
        ([condition("DNSReady", "False", "Failed")], "CURRENT", None),
    ],
)
def test_conditions(conditions: list[Object], status: str, reason: str | None) -> None:
    health = health_of(object_of(status={"conditions": conditions}, generation=2), "example.com", "Widget")
    assert (health.status, health.reason) == (status, reason)


def test_an_observed_generation_may_be_a_string() -> None:
    def status_of(observed: object) -> str:
        found = object_of(status={"observedGeneration": observed}, generation=2)
        return health_of(found, "argoproj.io", "Rollout").status

    assert (status_of("1"), status_of("2"), status_of(2)) == ("IN_PROGRESS", "CURRENT", "CURRENT")
    assert status_of("two") == "UNKNOWN"
