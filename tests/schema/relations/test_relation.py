"""A relation, and the field that carries it."""

from dataclasses import replace

import pytest
from graphql import GraphQLField, GraphQLString

from schema.model import ServedResource
from schema.relations.relation import RELATION, Path, Relation, Rule, relation_of
from tests.schema.models import served_gadget

GADGETS = served_gadget()
NODES = replace(GADGETS, resource=replace(GADGETS.resource, namespaced=False))


def relation(target: ServedResource | None, *reads: Path) -> Relation:
    return Relation("r", Rule.REFERENCE, "R.", reads, lambda *_values: (), target)


@pytest.mark.parametrize(
    ("target", "reads", "needs_namespace"),
    [
        (GADGETS, [("spec", "name")], True),
        (NODES, [("spec", "name")], False),
        (None, [("spec", "name")], True),
        (NODES, [], True),
    ],
)
def test_only_a_cluster_scoped_target_needs_no_namespace(
    target: ServedResource | None, reads: list[Path], needs_namespace: bool
) -> None:
    assert relation(target, *reads).needs_namespace is needs_namespace


def test_a_field_has_its_relation_or_none() -> None:
    found = relation(None)
    assert relation_of(GraphQLField(GraphQLString, extensions={RELATION: found})) is found
    assert relation_of(GraphQLField(GraphQLString)) is None
