"""``pods/eviction``: a PodDisruptionBudget may refuse it, and loses one disruption if it does not."""

from typing import Any

import pytest

from gateway.demo.apiserver.catalog import Catalog
from gateway.demo.apiserver.creation import Stamps
from gateway.demo.apiserver.evictions import BUDGETS, evict, is_selected
from gateway.demo.apiserver.statuses import ApiError
from gateway.demo.apiserver.storage import Storage
from schema.resources import GroupVersion

READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
TARGET = Catalog().target(GroupVersion("", "v1"), "namespaces/n/pods/a/eviction")


def storage(*budgets: dict[str, Any], status: dict[str, Any] = READY) -> Storage:
    """A pod, and budgets that select it."""
    found = Storage()
    metadata = {"name": "a", "namespace": "n", "labels": {"app": "web"}}
    found.put("pods", "n/a", {"metadata": {**metadata, "uid": "u"}, "spec": {}, "status": status})
    for number, budget in enumerate(budgets):
        spec = {"selector": {"matchLabels": {"app": "web"}}, **budget.get("spec", {})}
        own = {"name": f"b{number}", "namespace": "n", "generation": 1}
        found.put(BUDGETS, f"n/b{number}", {"metadata": own, "spec": spec, "status": budget["status"]})
    return found


def budget(allowed: int, **more: Any) -> dict[str, Any]:
    return {"status": {"observedGeneration": 1, "disruptionsAllowed": allowed, **more}}


def attempt(found: Storage, **eviction: Any) -> dict[str, Any]:
    assert TARGET is not None
    return evict(found, Stamps(1), TARGET, found.all("pods")["n/a"], eviction)


def test_an_eviction_uses_one_disruption() -> None:
    found = storage(budget(1))
    assert attempt(found)["code"] == 201
    assert found.all("pods") == {}
    status = found.all(BUDGETS)["n/b0"].object["status"]
    assert (status["disruptionsAllowed"], list(status["disruptedPods"])) == (0, ["a"])


def test_a_dry_run_changes_nothing() -> None:
    found = storage(budget(1))
    before = found.revision
    assert attempt(found, deleteOptions={"dryRun": ["All"]})["status"] == "Success"
    assert found.revision == before


@pytest.mark.parametrize(
    ("budgets", "code"),
    [
        ([budget(0)], 429),
        ([budget(1, observedGeneration=0)], 429),
        ([budget(1), budget(1)], 500),
    ],
    ids=["no disruption left", "not processed yet", "several budgets"],
)
def test_a_refused_eviction_keeps_the_pod(budgets: list[dict[str, Any]], code: int) -> None:
    found = storage(*budgets)
    with pytest.raises(ApiError) as caught:
        attempt(found)
    assert caught.value.code == code
    assert "n/a" in found.all("pods")


def test_the_name_of_another_pod_is_refused() -> None:
    with pytest.raises(ApiError, match="name in URL"):
        attempt(storage(), metadata={"name": "b"})


@pytest.mark.parametrize("phase", ["Pending", "Succeeded", "Failed"])
def test_a_pod_that_does_not_run_needs_no_disruption(phase: str) -> None:
    assert attempt(storage(budget(0), status={"phase": phase}))["code"] == 201


def test_an_unready_pod_may_always_be_evicted_if_the_budget_says_so() -> None:
    unready = {"phase": "Running"}
    with pytest.raises(ApiError):
        attempt(storage(budget(0), status=unready))
    always = {**budget(0), "spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}}
    assert attempt(storage(always, status=unready))["code"] == 201
    enough = budget(0, desiredHealthy=1, currentHealthy=1)
    assert attempt(storage(enough, status=unready))["code"] == 201


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "db"}}, False),
    ],
)
def test_an_absent_selector_selects_nothing_and_an_empty_one_everything(
    selector: Any, selected: bool
) -> None:
    found = storage({**budget(0), "spec": {"selector": selector}})
    assert is_selected(found.all(BUDGETS)["n/b0"], found.all("pods")["n/a"]) is selected
