"""Templates of many objects at once equal the templates of each object alone."""

import msgspec
import pytest

from schema.derivation import Derivation
from schema.model import Scalar
from schema.selection import SelectionMismatch
from schema.selection.templates import HOLE, SEPARATOR, HoleColumn, template_selection
from schema.selection.tree import Derived, Field, Leaf, Node

TREE = Node(
    "Thing",
    (
        Field("name", "name", Leaf(Scalar.STRING)),
        Field("related", "related", Derived(Derivation((("name",),), HoleColumn(3)), Leaf(Scalar.JSON))),
    ),
)


def test_templates_are_the_same_one_by_one_and_together() -> None:
    selection = template_selection(TREE, only_metadata=False)
    bodies = [
        msgspec.json.encode(body) for body in ({"name": "a"}, {}, {"name": None}, {"name": "é", "x": 1})
    ]
    together = selection.encode_each(bodies)
    assert together == [selection.encode(body) for body in bodies]
    assert together[0] == b'{"name":"a","related":' + HOLE + b"}" + SEPARATOR + b'[[3,["a"]]]'
    assert selection.encode_each([]) == []
    assert selection.encode_list(b'{"kind":"ThingList","items":[' + b",".join(bodies) + b"]}") == together
    for empty in (b'{"items":[]}', b'{"items":null}', b"{}"):
        assert selection.encode_list(empty) == []


def test_an_object_that_does_not_fit_is_a_mismatch_of_all() -> None:
    selection = template_selection(TREE, only_metadata=False)
    for wrong in (b'{"name":1}', b'{"name":"\xff"}', b"["):
        with pytest.raises(SelectionMismatch):
            selection.encode_each([b'{"name":"a"}', wrong])
        with pytest.raises(SelectionMismatch):
            selection.encode_list(b'{"items":[{"name":"a"},' + wrong + b"]}")
