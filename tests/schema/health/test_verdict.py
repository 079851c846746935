"""The result of a health rule, and the worst of several."""

import pytest

from schema.health.verdict import Health, HealthStatus, worst_status

CURRENT, TERMINATING, IN_PROGRESS, UNKNOWN, FAILED = HealthStatus


def test_every_status_is_worse_than_the_ones_before_it() -> None:
    order = [CURRENT, TERMINATING, IN_PROGRESS, UNKNOWN, FAILED]
    for index, status in enumerate(order):
        assert worst_status(reversed(order[: index + 1])) is status


def test_without_objects_the_status_is_current() -> None:
    assert worst_status([]) is CURRENT


@pytest.mark.parametrize(
    ("health", "status"),
    [
        (Health.in_progress("", ""), IN_PROGRESS),
        (Health.failed("", ""), FAILED),
        (Health.unknown(""), UNKNOWN),
    ],
)
def test_an_empty_reason_or_message_is_absent(health: Health, status: HealthStatus) -> None:
    assert health == Health(status, None, None)


def test_a_deletion_has_a_reason_of_its_own() -> None:
    assert Health.terminating("gone soon") == Health(TERMINATING, "Terminating", "gone soon")
