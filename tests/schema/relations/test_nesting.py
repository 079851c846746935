"""The objects inside of an object, by type and by value."""

from typing import Any

import pytest

from schema.relations.nesting import nested_in, objects_at
from tests.schema.relations.test_placed import kubernetes, object_of


def test_nested_objects_are_found_in_properties_and_in_lists() -> None:
    found = {item.property.name: (item.id, item.lists) for item in nested_in(kubernetes(), object_of("Pod"))}
    assert found["spec"] == ("io.k8s.api.core.v1.PodSpec", 0)
    inside = {item.property.name: item.lists for item in nested_in(kubernetes(), found["spec"][0])}
    assert inside["containers"] == 1
    assert "nodeName" not in inside
    assert "nodeSelector" not in inside


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        ({"a": {"b": {"c": 1}}}, ("a", "b"), [{"c": 1}]),
        ({"a": [{"b": {"c": 1}}, {"b": [{"c": 2}, 3]}, {}]}, ("a", "b"), [{"c": 1}, {"c": 2}]),
        ([[{"c": 1}], {"c": 2}], (), [{"c": 1}, {"c": 2}]),
        ({"a": "text"}, ("a",), []),
        (None, (), []),
    ],
)
def test_a_list_on_the_way_stands_for_its_items(
    value: Any, path: tuple[str, ...], expected: list[Any]
) -> None:
    assert list(objects_at(value, path)) == expected
