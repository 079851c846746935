"""The number of fields of a selection, and answers that are certainly too large."""

import msgspec
import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse
from hypothesis import given
from hypothesis import strategies as some

from schema.selection import count_fields, exceeds


def count(text: str) -> int:
    definitions = parse(text).definitions
    fragments = {item.name.value: item for item in definitions if isinstance(item, FragmentDefinitionNode)}
    operations = [item for item in definitions if isinstance(item, OperationDefinitionNode)]
    return count_fields([item.selection_set for item in operations], fragments)


def test_fields_count_at_every_level_and_in_inline_fragments() -> None:
    assert count("{ a { b c } ... on Query { d ... { e } } }") == 5


def test_a_fragment_counts_once_for_each_spread() -> None:
    doubled = " ".join(
        f"fragment F{level} on T {{ a: t {{ ...F{level + 1} }} b: t {{ ...F{level + 1} }} }}"
        for level in range(100)
    )
    assert count(f"{{ ...F0 }} {doubled} fragment F100 on T {{ x }}") == 2**100 + 2 * (2**100 - 1)


def test_fragments_that_spread_themselves_have_no_number() -> None:
    with pytest.raises(RecursionError):
        count("{ ...F } fragment F on T { t { ...F } }")


class Answer(msgspec.Struct):
    field0: object


ANSWERS = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner) | inner.map(Answer),
)


@given(ANSWERS)
def test_an_answer_within_the_limit_is_never_too_large(answer: object) -> None:
    assert not exceeds(answer, len(msgspec.json.encode(answer)))


def test_a_list_has_no_comma_after_its_last_item() -> None:
    assert not exceeds([0], 3)
    assert exceeds([0], 2)


def test_a_value_that_is_repeated_counts_as_often_as_it_is_encoded() -> None:
    value = {"text": "x" * 100}
    answer = Answer([[value] * 1000] * 1000)
    assert exceeds(answer, 100_000_000)
    assert not exceeds(answer, 200_000_000)
    assert exceeds(msgspec.Raw(b"[1,2,3]"), 6)
