"""Paths: encoded and decoded values equal the values in the JSON object."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.relations.paths import EncodedValues, texts_at, value_at, values_at

keys = st.sampled_from(["a", "b", "a.b", "", "é"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(keys, values, max_size=4)
paths = st.lists(st.lists(keys, min_size=1, max_size=3).map(tuple), max_size=4)


@given(objects, paths)
def test_encoded_values_are_those_of_the_object(value: dict[str, Any], wanted: list[tuple[str, ...]]) -> None:
    reader = EncodedValues(wanted)
    read = reader.read(json.dumps(value).encode())
    assert len(read) == len(reader.roots)
    found = [value_at(json.loads(read[index]), rest) for index, rest in reader.places(wanted)]
    assert found == [value_at(value, path) for path in wanted]


def test_a_path_inside_of_another_is_not_read_by_itself() -> None:
    reader = EncodedValues([("spec", "name"), ("spec",), ("metadata", "name"), ("metadata", "name")])
    assert reader.roots == (("spec",), ("metadata", "name"))
    assert reader.places([("spec", "name"), ("spec",)]) == ((0, ("name",)), (0, ()))


def test_values_stay_as_they_were_encoded() -> None:
    body = (
        b'{"metadata": {"name": "a", "labels": null}, "spec": {"big": 12345678901234567890.10, "x": [1, 2]}}'
    )
    reader = EncodedValues([("spec",), ("metadata", "labels"), ("status", "phase")])
    assert reader.read(body) == (b'{"big": 12345678901234567890.10, "x": [1, 2]}', b"null", b"null")


POD: Any = {
    "spec": {
        "volumes": [{"secret": {"name": "a"}}, {"emptyDir": {}}, {"secret": {"name": "b"}}, "text", None],
        "node": "n",
        "none": None,
    }
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("spec.node", ["n"]),
        ("spec.none", []),
        ("spec.volumes[].secret.name", ["a", "b"]),
        ("spec.volumes[].missing[].name", []),
        ("spec.node[].name", []),
        ("spec.volumes.secret", []),
        ("spec.node.deeper", []),
    ],
)
def test_values_at_a_path_with_lists(path: str, expected: list[Any]) -> None:
    assert list(values_at(POD, path)) == expected


def test_texts_have_no_duplicates_and_keep_their_order() -> None:
    assert list(texts_at(POD, ["spec.node", "spec.volumes[].secret.name", "spec.node"])) == ["n", "a", "b"]
    assert list(texts_at(["no object"], ["spec.node"])) == []
