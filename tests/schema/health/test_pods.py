"""The health of pods."""

from typing import Any

import pytest

from schema.health import Health, HealthStatus, health_of
from tests.schema.health.objects import condition, container, object_of, pod

READY = condition("Ready")
CRASHED = {"terminated": {"exitCode": 1, "reason": "Error"}}
CRASH_LOOP = container(
    restarts=5, last=CRASHED, waiting={"reason": "CrashLoopBackOff", "message": "back-off"}
)
PULL = container(waiting={"reason": "ImagePullBackOff", "message": 'Back-off pulling image "nope:1"'})


@pytest.mark.parametrize(
    ("found", "status", "reason"),
    [
        (pod("Running", READY), "CURRENT", None),
        (pod("Succeeded"), "CURRENT", "Completed"),
        (pod("Failed", reason="Evicted", message="The node was low on memory."), "FAILED", "Evicted"),
        (pod("Failed", containerStatuses=[container(terminated={"exitCode": 2})]), "FAILED", "Error"),
        (
            pod("Failed", containerStatuses=[container(terminated={"exitCode": 137, "reason": "OOMKilled"})]),
            "FAILED",
            "OOMKilled",
        ),
        (pod("Failed"), "FAILED", "PodFailed"),
        (pod("Running", containerStatuses=[CRASH_LOOP]), "FAILED", "CrashLoopBackOff"),
        (pod("Pending", initContainerStatuses=[CRASH_LOOP]), "FAILED", "CrashLoopBackOff"),
        (pod("Pending", containerStatuses=[PULL]), "FAILED", "ImagePullBackOff"),
        (
            pod("Pending", containerStatuses=[container(waiting={"reason": "ErrImagePull"})]),
            "FAILED",
            "ErrImagePull",
        ),
        (
            pod("Pending", containerStatuses=[container(waiting={"reason": "CreateContainerConfigError"})]),
            "FAILED",
            "CreateContainerConfigError",
        ),
        (
            pod("Pending", condition("PodScheduled", "False", "Unschedulable", "0/3 nodes are available")),
            "FAILED",
            "Unschedulable",
        ),
        (
            pod("Pending", condition("PodScheduled", "False", "SchedulingGated")),
            "IN_PROGRESS",
            "SchedulingGated",
        ),
        (
            pod("Pending", containerStatuses=[container(waiting={"reason": "ContainerCreating"})]),
            "IN_PROGRESS",
            "PodPending",
        ),
        (
            pod("Running", condition("Ready", "False", "ContainersNotReady", "unready: [app]")),
            "IN_PROGRESS",
            "ContainersNotReady",
        ),
        (pod("Running"), "IN_PROGRESS", "PodRunningNotReady"),
        (object_of(), "IN_PROGRESS", "PodNotObserved"),
        (pod("Unknown", reason="NodeLost"), "UNKNOWN", "NodeLost"),
        (pod("Lost"), "UNKNOWN", "PodPhaseUnknown"),
        (
            object_of(status={"phase": "Running"}, deletionTimestamp="2026-01-01T00:00:00Z"),
            "TERMINATING",
            "Terminating",
        ),
        (pod("Running", READY, containerStatuses=[CRASH_LOOP]), "CURRENT", None),
    ],
)
def test_pods(found: dict[str, Any], status: str, reason: str | None) -> None:
    health = health_of(found, "", "Pod")
    assert (health.status, health.reason) == (status, reason)
    assert health.message is None or health.message == health.message.strip()


def test_a_crash_loop_names_container_exit_code_and_restarts() -> None:
    message = health_of(pod("Running", containerStatuses=[CRASH_LOOP]), "", "Pod").message
    assert message == "Container app crashes again and again: exit code 1 (Error), 5 restarts."


def test_a_missing_image_repeats_the_message_of_kubelet() -> None:
    assert health_of(pod("Pending", containerStatuses=[PULL]), "", "Pod") == Health(
        HealthStatus.FAILED,
        "ImagePullBackOff",
        'Container app cannot get its image: Back-off pulling image "nope:1"',
    )


def test_an_init_container_is_named_as_such() -> None:
    message = health_of(pod("Pending", initContainerStatuses=[PULL]), "", "Pod").message
    assert message is not None
    assert message.startswith("Init container app cannot get its image")
