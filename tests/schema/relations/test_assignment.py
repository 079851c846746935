"""Assignment of many objects to many keys equals the comparison of each object with each key."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schema.relations.assignment import assign
from schema.relations.matches import (
    FieldValue,
    Named,
    OwnedBy,
    Selected,
    Selecting,
    parsed_selector,
    selector_text,
)

names = st.sampled_from(["a", "b", "c"])
label_maps = st.dictionaries(names, names, max_size=3)
expressions = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "key": names,
                "operator": st.sampled_from(["In", "NotIn"]),
                "values": st.lists(names, min_size=1),
            }
        ),
        st.fixed_dictionaries({"key": names, "operator": st.sampled_from(["Exists", "DoesNotExist"])}),
    ),
    max_size=2,
)
selectors = st.one_of(
    st.none(),
    label_maps,
    st.fixed_dictionaries({}, optional={"matchLabels": label_maps, "matchExpressions": expressions}),
)


@given(st.lists(st.tuples(names, label_maps), max_size=6), st.lists(st.tuples(st.none() | names, selectors)))
def test_selectors_select_labels(objects: list[Any], wanted: list[Any]) -> None:
    texts = [(namespace, selector_text(selector)) for namespace, selector in wanted]
    keys = [(namespace, text) for namespace, text in texts if text is not None]
    candidates = [(namespace, {"metadata": {"labels": labels}}) for namespace, labels in objects]
    assert assign(Selected(), candidates, keys) == {
        (namespace, text): [
            index
            for index, (place, labels) in enumerate(objects)
            if namespace in (None, place) and parsed_selector(text).matches(labels)
        ]
        for namespace, text in keys
    }


@given(st.lists(st.tuples(names, selectors), max_size=6), st.lists(st.tuples(st.none() | names, label_maps)))
def test_labels_are_selected(objects: list[Any], wanted: list[Any]) -> None:
    match = Selecting(("spec", "selector"), empty_selects=False)
    keys = {
        (namespace, msgspec.json.encode(labels, order="sorted").decode()): labels
        for namespace, labels in wanted
    }
    candidates = [(namespace, {"spec": {"selector": selector}}) for namespace, selector in objects]
    texts = [selector_text(selector, empty_selects=False) for _, selector in objects]
    assert assign(match, candidates, keys) == {
        key: [
            index
            for index, (place, _) in enumerate(objects)
            if key[0] in (None, place)
            and (text := texts[index]) is not None
            and parsed_selector(text).matches(labels)
        ]
        for key, labels in keys.items()
    }


def test_values_and_owners_are_compared() -> None:
    data: dict[str, Any] = {
        "metadata": {"ownerReferences": [{"uid": "1"}, {"uid": "2"}]},
        "spec": {"nodeName": "n", "volumes": [{"secret": {"name": "s"}}, {}, None, {"secret": None}]},
    }
    candidates = [("here", data), ("there", {"spec": "text"})]
    for match, key in (
        (OwnedBy(), "2"),
        (FieldValue("spec.nodeName"), "n"),
        (Named(("spec.volumes[].secret.name",)), "s"),
    ):
        assert assign(match, candidates, [("here", key), (None, key), ("there", key)]) == {
            ("here", key): [0],
            (None, key): [0],
            ("there", key): [],
        }
