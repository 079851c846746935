"""The tree of a selection: equal selections are equal trees, and fields with resolvers are not compilable."""

from typing import Any

import pytest
from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, GraphQLString, execute_sync, parse

from schema.building import ObjectTypes
from schema.model import Property, Scalar
from schema.selection.tree import (
    Constant,
    Entry,
    Field,
    Leaf,
    Node,
    NonNull,
    NotCompilable,
    Repeated,
    SelectionReader,
    details_of,
    nodes_in,
    replace_node,
    unwrap,
)
from tests.schema.models import GADGET, small_model

TYPES = ObjectTypes(small_model())
SPEC = TYPES.output(f"{GADGET}/spec")
GADGETS = TYPES.output(GADGET)


def read(type_: GraphQLObjectType, document: str, **variables: Any) -> tuple[Node, SelectionReader]:
    """The tree of the selection of ``thing``, a root field of that type."""
    found: list[tuple[Node, SelectionReader]] = []

    def resolve(_source: Any, info: Any) -> None:
        reader = SelectionReader(info)
        found.append((reader.node(type_, details_of(info)), reader))

    query = GraphQLObjectType("Query", {"thing": GraphQLField(type_, resolve=resolve)})
    result = execute_sync(GraphQLSchema(query), parse(document), variable_values=variables)
    if result.errors:
        raise result.errors[0].original_error or result.errors[0]
    return found[0]


def test_fragments_and_aliases_are_resolved() -> None:
    tree, _ = read(
        SPEC, "{ thing { n: replicas ...F ... @skip(if: true) { old } } } fragment F on GadgetSpec { _ref }"
    )
    assert tree == Node(
        "GadgetSpec",
        (Field("n", "replicas", Leaf(Scalar.INT)), Field("_ref", "$ref", Leaf(Scalar.STRING))),
    )


def test_lists_and_objects_are_nested() -> None:
    tree, _ = read(SPEC, "{ thing { grid parts { __typename class } } }")
    inner = Node(
        "GadgetSpec",
        (
            Field("__typename", "__typename", Constant("GadgetSpec")),
            Field("class", "class", Leaf(Scalar.STRING)),
        ),
    )
    assert [field.value for field in tree.fields] == [Repeated(Repeated(Leaf(Scalar.INT))), Repeated(inner)]
    assert nodes_in([field.value for field in tree.fields]) == [inner]
    assert tree.keys() == {"grid", "parts"}


def test_repeated_fields_are_merged() -> None:
    once, _ = read(SPEC, "{ thing { parts { class replicas } } }")
    twice, _ = read(SPEC, "{ thing { parts { class } parts { replicas } } }")
    assert once == twice
    assert hash(once) == hash(twice)


def test_a_label_of_a_variable_makes_the_tree_one_of_its_request() -> None:
    document = (
        "query ($key: String!, $on: Boolean!) { thing { metadata { label(key: %s) @include(if: $on) } } }"
    )
    tree, reader = read(GADGETS, document % "$key", key="app", on=True)
    assert unwrap(tree.fields[0].value) == Node("ObjectMeta", (Field("label", "labels", Entry("app")),))
    assert not reader.is_repeatable
    assert reader.booleans == {("on", True)}
    assert read(GADGETS, document.replace("$key: String!, ", "") % '"app"', on=True)[1].is_repeatable


@pytest.mark.parametrize("key", ['a"b', "a\\b", "a\nb"])
def test_a_key_that_a_struct_cannot_have_is_not_compilable(key: str) -> None:
    field = GraphQLField(GraphQLString, extensions={"property": Property(key, "odd", Scalar.STRING)})
    with pytest.raises(NotCompilable):
        read(GraphQLObjectType("Odd", {"odd": field}), "{ thing { odd } }")


def test_a_field_with_a_resolver_is_not_compilable() -> None:
    with pytest.raises(NotCompilable, match="resolver of its own"):
        read(GraphQLObjectType("Odd", {"odd": GraphQLField(GraphQLString)}), "{ thing { odd } }")


def test_the_innermost_node_is_replaced_inside_its_wrappers() -> None:
    node, other = Node("A", ()), Node("B", ())
    assert replace_node(Repeated(NonNull(node)), lambda _: other) == Repeated(NonNull(other))
    assert replace_node(Leaf(Scalar.INT), lambda _: other) == Leaf(Scalar.INT)
    assert unwrap(Repeated(NonNull(node))) is node
