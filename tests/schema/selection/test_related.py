"""Relations are found in a selection at any depth."""

from typing import Any

import pytest
from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, GraphQLString, execute_sync, parse

from schema.relations import RELATION, Relation
from schema.relations.relation import Rule
from schema.selection.related import selects_relations

FOUND: list[bool] = []


def resolve(_source: Any, info: Any) -> None:
    FOUND.append(selects_relations(info))


RELATED = Relation("owner", Rule.OWNER, "", (), lambda *_values: ())
INNER: GraphQLObjectType = GraphQLObjectType(
    "Inner",
    lambda: {
        "name": GraphQLField(GraphQLString),
        "inner": GraphQLField(INNER),
        "owner": GraphQLField(INNER, extensions={RELATION: RELATED}),
    },
)
SCHEMA = GraphQLSchema(GraphQLObjectType("Query", {"thing": GraphQLField(INNER, resolve=resolve)}))


FRAGMENT = "fragment F on Inner { inner { ...G } }"


@pytest.mark.parametrize(
    ("document", "is_found"),
    [
        ("{ thing { name inner { name __typename } } }", False),
        ("{ thing { owner { name } } }", True),
        ("{ thing { inner { inner { owner { name } } } } }", True),
        ("{ thing { ... { inner { ... on Inner { owner { name } } } } } }", True),
        (f"{{ thing {{ ...F ...F }} }} {FRAGMENT} fragment G on Inner {{ name }}", False),
        (f"{{ thing {{ ...F }} }} {FRAGMENT} fragment G on Inner {{ owner {{ name }} }}", True),
        ("{ thing { owner @skip(if: true) { name } } }", True),
        ("{ thing { name } thing { owner { name } } }", True),
    ],
)
def test_a_relation_is_found(document: str, is_found: bool) -> None:
    FOUND.clear()
    for _ in range(2):  # the second time from the cache
        assert execute_sync(SCHEMA, parse(document)).errors is None
    assert [is_found, is_found] == FOUND
