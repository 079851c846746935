"""The selection of a derived value."""

import pytest

from schema.model import Scalar
from schema.selection.projection import projection
from schema.selection.tree import Constant, Field, Leaf, Node, NonNull, Repeated

LEAF = Leaf(Scalar.JSON)
PAIR = Node("Pair", (Field("n", "name", LEAF), Field("__typename", "__typename", Constant("Pair"))))


@pytest.mark.parametrize("value", [LEAF, Repeated(LEAF), Repeated(Repeated(LEAF))])
def test_a_value_without_fields_is_the_whole_value(value: Leaf | Repeated) -> None:
    assert projection(value) is None


def test_fields_have_the_names_and_the_order_of_the_answer() -> None:
    select = projection(PAIR)
    assert select is not None
    assert select({"other": 1, "name": "a"}) == {"n": "a", "__typename": "Pair"}
    assert select({}) == {"n": None, "__typename": "Pair"}
    assert select(None) is None


def test_items_of_a_list_are_selected_one_by_one() -> None:
    select = projection(Repeated(NonNull(PAIR)))
    assert select is not None
    assert select([{"name": "a"}]) == [{"n": "a", "__typename": "Pair"}]
    assert select([]) == []
    assert select(None) is None


@pytest.mark.parametrize("value", [NonNull(LEAF), NonNull(PAIR), NonNull(Repeated(LEAF))])
def test_null_is_refused_where_the_type_forbids_it(value: NonNull) -> None:
    select = projection(value)
    assert select is not None
    with pytest.raises(ValueError, match="never null"):
        select(None)


def test_null_inside_of_an_object_or_of_a_list_is_refused_too() -> None:
    for value, source in (
        (Node("Pair", (Field("n", "name", NonNull(LEAF)),)), {"name": None}),
        (Repeated(NonNull(PAIR)), [None]),
    ):
        select = projection(value)
        assert select is not None
        with pytest.raises(ValueError, match="never null"):
            select(source)
