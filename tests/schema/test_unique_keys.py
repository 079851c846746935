"""A key that occurs twice in an object is found, with its path."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.unique_keys import RepeatedKey, parse_unique

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@given(VALUES)
def test_a_text_without_repeated_keys_is_read_as_json_reads_it(value: object) -> None:
    assert parse_unique(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"a": 1, "a": 1}', "a"),
        ('{"variables": {"o": {"data": {"a": "1", "b": "", "a": "2"}}}}', "variables.o.data.a"),
        ('[{}, {"items": [1, {"x": {}, "x": {}}]}]', "[1].items[1].x"),
        ('{"a": {"b": 1, "b": 2}, "a": 3}', "a"),
        ('{"a": {"b": 1, "b": 2}, "c": {"d": 1}}', "a.b"),
        (r'{"a": 1, "\u0061": 2}', "a"),
    ],
)
def test_a_repeated_key_is_named_with_its_path(text: str, path: str) -> None:
    with pytest.raises(RepeatedKey) as repeated:
        parse_unique(text)
    assert repeated.value.path == path


def test_a_malformed_text_is_the_error_of_json() -> None:
    with pytest.raises(json.JSONDecodeError):
        parse_unique("{")
