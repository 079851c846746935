"""Matches: the keys to which an object belongs, and the selectors that find it at the API server."""

from typing import Any

import pytest

from schema.relations.matches import (
    All,
    FieldValue,
    LabelValue,
    Match,
    Named,
    OwnedBy,
    Selected,
    Selecting,
    labels_of,
    selector_text,
)

POD: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}, "ownerReferences": [{"uid": "1"}, {"uid": "2"}]},
    "spec": {"nodeName": "n", "volumes": [{"secret": {"secretName": "s"}}, {"secret": {"secretName": "t"}}]},
}


@pytest.mark.parametrize(
    ("match", "keys"),
    [
        (All(), {""}),
        (OwnedBy(), {"1", "2"}),
        (LabelValue("app"), {"web"}),
        (LabelValue("tier"), set()),
        (FieldValue("spec.nodeName"), {"n"}),
        (Named(("spec.volumes[].secret.secretName", "spec.other")), {"s", "t"}),
        (Selected(), set()),
    ],
)
def test_an_object_belongs_to_its_keys(match: Match, keys: set[str]) -> None:
    assert set(match.keys_of(POD)) == keys


@pytest.mark.parametrize("object_", [{}, {"metadata": None}, {"metadata": {"labels": []}, "spec": "text"}])
@pytest.mark.parametrize("match", [OwnedBy(), LabelValue("app"), FieldValue("spec.nodeName")])
def test_an_object_of_another_shape_belongs_to_none(match: Match, object_: dict[str, Any]) -> None:
    assert list(match.keys_of(object_)) == []
    assert labels_of(object_) == {}


@pytest.mark.parametrize(
    ("match", "key", "selectors"),
    [
        (All(), "", {}),
        (OwnedBy(), "1", None),
        (LabelValue("app"), "web", {"labelSelector": "app=web"}),
        (FieldValue("spec.nodeName"), "a,b=c", {"fieldSelector": r"spec.nodeName=a\,b\=c"}),
        (Named(("a",)), "s", None),
        (Selected(), "app=web", {"labelSelector": "app=web"}),
        (Selected(), "", {}),
        (Selecting(("spec", "selector"), empty_selects=True), "{}", None),
    ],
)
def test_the_api_server_finds_what_selectors_express(match: Match, key: str, selectors: Any) -> None:
    assert match.server_selectors(key) == selectors


def test_a_match_reads_its_paths() -> None:
    assert Selecting(("spec", "selector"), empty_selects=True).reads == ("spec.selector",)
    assert Named(("a", "b")).reads == ("a", "b")
    assert OwnedBy().reads == ()


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({"b": "1", "a": "2"}, "a=2,b=1"),
        ({"matchLabels": {"a": "1"}}, "a=1"),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["y", "x"]}]}, "a in (x,y)"),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["x"]}]}, "a notin (x)"),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, "a"),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, "!a"),
        ({}, ""),
        (None, None),
        ("app=web", None),
        ({"a": 1}, None),
        ({"matchLabels": []}, ""),
        ({"matchExpressions": [{"key": "a"}]}, None),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": []}]}, None),
    ],
)
def test_a_selector_has_one_text(selector: Any, text: str | None) -> None:
    assert selector_text(selector) == text


def test_an_empty_selector_may_select_nothing() -> None:
    assert selector_text({}, empty_selects=False) is None
