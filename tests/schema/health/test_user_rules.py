"""Users' rules of health."""

from typing import Any

import pytest

from schema.health import HealthRule, HealthRules, InvalidHealthRule, health_of, parse_health_rules
from tests.schema.health.objects import condition, object_of

WORKFLOW = ("argoproj.io", "Workflow")


def rules(*entries: dict[str, Any]) -> tuple[HealthRule, ...]:
    document = {"health": [{"group": "argoproj.io", "kind": "Workflow", "rules": list(entries)}]}
    return parse_health_rules(document).of(*WORKFLOW)


FAILED = {
    "status": "FAILED",
    "field": "status.phase",
    "in": ["Failed", "Error"],
    "reason": "status.phase",
    "message": "status.message",
}


def test_a_field_decides_and_gives_reason_and_message() -> None:
    found = object_of(status={"phase": "Error", "message": "a step failed"})
    health = health_of(found, *WORKFLOW, rules(FAILED))
    assert (health.status, health.reason, health.message) == ("FAILED", "Error", "a step failed")


def test_the_first_rule_that_matches_decides() -> None:
    other = {"status": "IN_PROGRESS", "field": "status.phase", "exists": True}
    found = object_of(status={"phase": "Error"})
    assert health_of(found, *WORKFLOW, rules(FAILED, other)).status == "FAILED"
    assert health_of(found, *WORKFLOW, rules(other, FAILED)).status == "IN_PROGRESS"


def test_without_a_match_the_rules_of_the_kind_decide() -> None:
    found = object_of(status={"phase": "Fine", "conditions": [condition("Ready", "False", "Later")]})
    assert health_of(found, *WORKFLOW, rules(FAILED)).reason == "Later"


def test_rules_are_of_their_kind_only_and_add_up() -> None:
    entry = {"kind": "Widget", "rules": [FAILED]}
    found = parse_health_rules({"health": [entry, {**entry, "group": "example.com"}, entry]})
    assert [len(found.of(group, "Widget")) for group in ("", "example.com", "example.org")] == [2, 1, 0]


def test_a_condition_decides_with_its_reason_and_message() -> None:
    rule = {"status": "FAILED", "condition": "Completed", "is": "False"}
    found = object_of(status={"conditions": [condition("Completed", "False", "Stopped", "by hand")]})
    health = health_of(found, *WORKFLOW, rules(rule))
    assert (health.status, health.reason, health.message) == ("FAILED", "Stopped", "by hand")


def test_absence_and_keys_with_dots() -> None:
    rule = {"status": "UNKNOWN", "field": "metadata.annotations[example.com/state]", "exists": False}
    assert health_of(object_of(), *WORKFLOW, rules(rule)).status == "UNKNOWN"
    found = object_of(annotations={"example.com/state": "done"})
    assert health_of(found, *WORKFLOW, rules(rule)).status == "CURRENT"


def test_true_is_not_one() -> None:
    rule = {"status": "FAILED", "field": "spec.flag", "in": [1]}
    assert health_of(object_of({"flag": True}), *WORKFLOW, rules(rule)).status == "CURRENT"
    assert health_of(object_of({"flag": 1}), *WORKFLOW, rules(rule)).status == "FAILED"


def test_an_object_that_is_being_deleted_is_terminating_before_any_rule() -> None:
    found = object_of(status={"phase": "Failed"}, deletionTimestamp="2026-01-01T00:00:00Z")
    assert health_of(found, *WORKFLOW, rules(FAILED)).status == "TERMINATING"


def test_a_file_without_rules_of_health() -> None:
    assert parse_health_rules({}) == HealthRules()
    assert parse_health_rules({"health": None}) == HealthRules()


def entry(**rule: Any) -> dict[str, Any]:
    return {"health": [{"kind": "Widget", "rules": [rule]}]}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "the file: a mapping is required"),
        ({"health": {}}, "health: a list is required"),
        ({"health": ["x"]}, "health[0]: a mapping is required"),
        ({"health": [{"rules": []}]}, "health[0]: kind is required"),
        ({"health": [{"kind": "Widget"}]}, "health[0]: rules is required"),
        ({"health": [{"kind": 1, "rules": []}]}, "health[0].kind: a text is required"),
        ({"health": [{"kind": "Widget", "rule": []}]}, "health[0]: unknown rule"),
        (entry(), "health[0].rules[0]: status is required"),
        (entry(status="BROKEN", field="a", exists=True), "health[0].rules[0].status: 'BROKEN' is none of"),
        (entry(status="FAILED"), "exactly one of field and condition is required"),
        (entry(status="FAILED", field="a", condition="b"), "exactly one of field and condition"),
        (entry(status="FAILED", field="a"), "exactly one of in and exists is required"),
        (entry(status="FAILED", field="a", **{"in": []}), "in: a list of texts, numbers or Booleans"),
        (entry(status="FAILED", field="a", exists="yes"), "exists: true or false is required"),
        (entry(status="FAILED", field="a..b", exists=True), "'a..b' is no path such as status.phase"),
        (entry(status="FAILED", field=".a", exists=True), "'.a' is no path"),
        (
            entry(status="FAILED", field="a", exists=True, **{"is": "True"}),
            "is cannot be combined with field",
        ),
        (entry(status="FAILED", condition="a", reason="b"), "reason cannot be combined with condition"),
        (entry(status="FAILED", condition="a", more=1), "unknown more"),
    ],
)
def test_mistakes_are_named_with_their_place(document: object, message: str) -> None:
    with pytest.raises(InvalidHealthRule) as error:
        parse_health_rules(document)
    assert message in str(error.value)
