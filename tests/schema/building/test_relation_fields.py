"""The field of a relation: its type follows from the target, its arguments from the number of objects."""

import pytest
from graphql import GraphQLField, GraphQLObjectType, GraphQLString

from schema.building.object_types import ObjectTypes
from schema.building.relation_fields import build_relation_field
from schema.model import ServedResource
from schema.relations import RELATION, Relation
from schema.relations.relation import Rule
from tests.schema.models import served_gadget, small_model

TYPES = ObjectTypes(small_model())
LIST = GraphQLObjectType("GadgetList", {"kind": GraphQLField(GraphQLString)})
SERVED = served_gadget()


def list_of(served: ServedResource) -> GraphQLObjectType:
    assert served is SERVED
    return LIST


def field(target: ServedResource | None, *, to_many: bool, takes_kinds: bool = False) -> GraphQLField:
    relation = Relation(
        "r", Rule.USER, "R.", (), lambda *_values: (), target, to_many=to_many, takes_kinds=takes_kinds
    )
    result = build_relation_field(relation, TYPES, list_of, lambda *_arguments: None)
    assert result.extensions[RELATION] is relation
    return result


@pytest.mark.parametrize(
    ("target", "to_many", "name"),
    [
        (SERVED, False, "Gadget"),
        (SERVED, True, "GadgetList"),
        (None, False, str(TYPES.interface)),
        (None, True, str(TYPES.mixed_list)),
    ],
)
def test_the_type_follows_from_the_target(target: ServedResource | None, to_many: bool, name: str) -> None:
    assert str(field(target, to_many=to_many).type) == name


def test_a_relation_to_one_object_has_no_arguments() -> None:
    assert field(SERVED, to_many=False).args == {}


def test_only_a_relation_to_several_kinds_takes_kinds() -> None:
    assert set(field(SERVED, to_many=True).args) == {"labelSelector", "limit"}
    assert set(field(None, to_many=True, takes_kinds=True).args) == {"kinds", "labelSelector", "limit"}
