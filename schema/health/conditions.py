"""The rule of kinds without a rule of their own: the conditions that controllers set by convention.

kstatus decides by ``Stalled``, ``Reconciling`` and ``Ready``. Controllers that have no ``Ready`` use other
conditions of the same meaning; those decide here after kstatus' three, in the order of the tables.
"""

import re

from schema.health.reading import Condition, Reader
from schema.health.verdict import Health, HealthStatus

__all__ = ["judge_conditions", "standard_conditions"]

_BAD = ("Failed", "Degraded", "Error")
"""Conditions whose ``True`` is a failure."""
_GOOD = (
    *("Healthy", "Available", "Succeeded", "Synced", "Accepted", "Programmed", "Reconciled", "Established"),
    *("Bound", "Installed", "Initialized", "Completed", "Complete"),
)
"""Conditions whose ``True`` is the goal of the object."""
_FAILS_WHEN_FALSE = ("Healthy", "Succeeded")
_FAILURE = re.compile(
    r"(?:^|[a-z])(?:Fail(?:ed|ure)?|Err(?:or)?|Invalid|Denied|Rejected|Exceeded)(?:[A-Z]|$)"
)
"""A reason that says that the controller has failed and does not merely wait."""


def standard_conditions(found: Reader) -> Health | None:
    """kstatus' own conditions, which come before the rules of a kind; None if they do not decide."""
    if stalled := found.true_condition("Stalled"):
        return Health.failed(stalled.reason, stalled.message)
    if reconciling := found.true_condition("Reconciling"):
        return Health.in_progress(reconciling.reason, reconciling.message)
    return None


def judge_conditions(found: Reader) -> Health:
    """The health by conditions alone; ``CURRENT`` if no condition of a known meaning is there."""
    if bad := found.true_condition(*_BAD):
        return Health.failed(bad.reason or bad.type, bad.message)
    goals = [found.conditions[type_] for type_ in ("Ready", *_GOOD) if type_ in found.conditions]
    if goals and goals[0].type == "Ready":
        goals = goals[:1]  # a summary of the others, by convention
    judged = [_judge(goal, found.optional_integer("metadata", "generation")) for goal in goals]
    if unmet := [health for health in judged if health is not None]:
        return max(unmet, key=lambda health: health.status is HealthStatus.FAILED)
    if goals:
        return Health.current(goals[0].message or None, goals[0].reason or None)
    if progressing := found.true_condition("Progressing"):
        return Health.in_progress(progressing.reason, progressing.message)
    return Health.current()


def _judge(goal: Condition, generation: int | None) -> Health | None:
    """The health while a goal is not reached; None once it is."""
    observed = goal.observed_generation
    if observed is not None and generation is not None and observed < generation:
        return Health.in_progress(
            "LatestGenerationNotObserved",
            f"The condition {goal.type} is of generation {observed}; the newest is {generation}.",
        )
    if goal.is_true:
        return None
    reason = goal.reason or f"Not{goal.type}"
    fails = goal.is_false and (goal.type in _FAILS_WHEN_FALSE or _FAILURE.search(reason))
    return Health.failed(reason, goal.message) if fails else Health.in_progress(reason, goal.message)
