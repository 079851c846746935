"""Properties of health over all kinds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.health import (
    Health,
    HealthStatus,
    health_of,
    health_paths,
    parse_health_rules,
    since_of,
    worst_status,
)
from schema.health.evaluate import _RULES
from tests.schema.health.objects import condition, container, object_of, pod

KINDS = [*_RULES, ("", "Namespace"), ("example.com", "Widget")]
WORDS = (
    *("metadata", "spec", "status", "conditions", "type", "reason", "message", "replicas", "phase"),
    *("generation", "observedGeneration", "deletionTimestamp", "Ready", "True", "False", "Running", "Failed"),
    *("containerStatuses", "initContainerStatuses", "state", "lastState", "waiting", "terminated"),
    *("loadBalancer", "ingress", "updateStrategy", "rollingUpdate", "partition", "attachError", "2"),
)
TEXTS = st.sampled_from(WORDS) | st.text(max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.fixed_dictionaries(
    {}, optional={"metadata": VALUES, "spec": VALUES, "status": VALUES, "kind": VALUES}
)
RULES = parse_health_rules(
    {
        "health": [
            {
                "group": "example.com",
                "kind": "Widget",
                "rules": [
                    {"status": "FAILED", "field": "spec.state.phase", "in": [1, "Failed"], "reason": "spec"},
                    {"status": "CURRENT", "condition": "Ready"},
                ],
            }
        ]
    }
)


@given(st.sampled_from(KINDS), OBJECTS | VALUES)
def test_health_never_raises(kind: tuple[str, str], found: Any) -> None:
    assert isinstance(health_of(found, *kind, RULES.of(*kind)), Health)


@given(st.sampled_from(KINDS), OBJECTS)
def test_the_paths_name_every_value_that_a_rule_reads(kind: tuple[str, str], found: Any) -> None:
    rules = RULES.of(*kind)
    pruned = prune(found, health_paths(*kind, rules))
    assert health_of(pruned, *kind, rules) == health_of(found, *kind, rules)


def prune(found: dict[str, Any], paths: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    """The values at the paths; a value of another type than an object ends a path."""
    pruned: dict[str, Any] = {}
    for path in paths:
        source, target = found, pruned
        for key in path[:-1]:
            if key not in source:
                break
            if not isinstance(source[key], dict):
                target[key] = source[key]
                break
            source, target = source[key], target.setdefault(key, {})
        else:
            if path[-1] in source:
                target[path[-1]] = source[path[-1]]
    return pruned


@pytest.mark.parametrize(
    "found",
    [
        {"status": "ok"},
        {"metadata": {"generation": True}},
        {"status": {"conditions": {"Ready": True}}},
        {"status": {"conditions": ["Ready"]}},
        {"status": {"conditions": [condition("Ready") | {"status": True}]}},
        [],
        None,
    ],
)
def test_values_of_another_type_make_health_unknown(found: Any) -> None:
    health = health_of(found, "example.com", "Widget")
    assert (health.status, health.reason) == (HealthStatus.UNKNOWN, "UnexpectedValue")


def test_an_unexpected_value_is_named() -> None:
    found = object_of(status={"phase": "Running", "containerStatuses": [container() | {"state": "up"}]})
    assert health_of(found, "", "Pod").message == "status.containerStatuses.0.state is not a JSON object."


def test_the_worst_of_several_states() -> None:
    assert worst_status([]) == "CURRENT"
    assert worst_status([HealthStatus.CURRENT, HealthStatus.IN_PROGRESS, HealthStatus.TERMINATING]) == (
        "IN_PROGRESS"
    )
    assert worst_status(list(HealthStatus)) == "FAILED"


@given(OBJECTS)
def test_no_json_has_a_beginning_that_raises(found: Any) -> None:
    since_of(found, Health(HealthStatus.FAILED, "Any"))


def test_a_problem_began_with_its_condition_or_the_end_of_its_container() -> None:
    unschedulable = condition(
        "PodScheduled", "False", "Unschedulable", lastTransitionTime="2026-01-02T00:00:00Z"
    )
    found = pod("Pending", unschedulable)
    assert since_of(found, health_of(found, "", "Pod")) == "2026-01-02T00:00:00Z"
    last = {"terminated": {"exitCode": 1, "finishedAt": "2026-01-03T00:00:00Z"}}
    found = pod("Running", containerStatuses=[container(last=last, waiting={"reason": "CrashLoopBackOff"})])
    assert since_of(found, health_of(found, "", "Pod")) == "2026-01-03T00:00:00Z"
    found = object_of(creationTimestamp="2026-01-01T00:00:00Z")
    assert since_of(found, health_of(found, "", "Pod")) == "2026-01-01T00:00:00Z"
    assert since_of({}, health_of({}, "", "Pod")) is None
