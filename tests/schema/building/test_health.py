"""The field ``health``: the same answer compiled and executed, and users' rules."""

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from schema.building import DecodedObject
from schema.building.health import build_any_health_field
from schema.health import HealthRules, parse_health_rules
from schema.model import Model, ServedResource
from tests.schema.lowering.test_pipeline_kubernetes import kubernetes
from tests.schema.selection.cases import case, normalised

QUERY = "{ things { items { health { status why: reason message } status { phase } } } }"
PODS: list[dict[str, Any]] = [
    {"metadata": {"generation": 1}, "status": {"phase": "Running", "conditions": []}},
    {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Pending"}},
    {"status": {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}},
    {"metadata": None, "spec": {}},
    {},
]


def served(model: Model, kind: str) -> ServedResource:
    return next(item for item in model.resources if item.resource.kind.kind == kind)


def answers(model: Model, kind: str, query: str, items: list[Any]) -> list[dict[str, Any]]:
    """The items of the compiled answer, which equals the executed one."""
    answering = case(model, served(model, kind))
    body = json.dumps({"kind": f"{kind}List", "metadata": {}, "items": items}).encode()
    answer = normalised(answering.answer(query, body, {}))
    assert answering.fitted
    assert answer == normalised(answering.answer_by_execution(query, body, {}))
    found: list[dict[str, Any]] = json.loads(answer)["data"]["things"]["items"]
    return found


def test_compiled_health_is_that_of_graphql_core() -> None:
    found = answers(kubernetes(), "Pod", QUERY, PODS)
    assert [item["health"]["why"] for item in found] == [
        "PodRunningNotReady",
        "Terminating",
        "Evicted",
        "PodNotObserved",
        "PodNotObserved",
    ]


def test_an_unexpected_value_makes_health_unknown_and_leaves_the_rest() -> None:
    query = "{ things { items { health { status message } } } }"
    found = answers(kubernetes(), "Pod", query, [{"status": {"conditions": "none"}}, PODS[0]])
    assert [item["health"]["status"] for item in found] == ["UNKNOWN", "IN_PROGRESS"]


@pytest.mark.parametrize(("kind", "is_only"), [("ConfigMap", True), ("Secret", True), ("Service", False)])
def test_a_kind_without_status_needs_only_its_metadata(kind: str, is_only: bool) -> None:
    model = kubernetes()
    answering = case(model, served(model, kind))
    answering.answer("{ thing { health { status } } }", b"{}", {})
    assert answering.compiled is not None
    assert answering.compiled.only_metadata is is_only


def test_rules_of_the_user_apply_and_may_read_any_value() -> None:
    rule = {
        "status": "FAILED",
        "field": "data.state",
        "in": ["broken"],
        "message": "metadata.annotations[why]",
    }
    rules = parse_health_rules({"health": [{"kind": "ConfigMap", "rules": [rule]}]})
    query = "{ things { items { health { status message } } } }"
    items = [
        {"metadata": {"annotations": {"why": "by hand"}}, "data": {"state": "broken"}},
        {"metadata": {}, "data": {"state": "fine"}},
    ]
    found = answers(replace(kubernetes(), health_rules=rules), "ConfigMap", query, items)
    assert [item["health"] for item in found] == [
        {"status": "FAILED", "message": "by hand"},
        {"status": "CURRENT", "message": None},
    ]


def test_an_object_of_a_kind_that_the_schema_does_not_have_has_health() -> None:
    field = build_any_health_field(HealthRules())
    conditions = [{"type": "Ready", "status": "False", "reason": "Waiting"}]
    source = DecodedObject(apiVersion="x.example/v1", kind="Thing", status={"conditions": conditions})
    assert field.resolve is not None
    assert field.resolve(source, cast("Any", None))["reason"] == "Waiting"
