"""Identical root fields, and root fields with the same upstream request."""

import asyncio

import pytest
from graphql import GraphQLSchema, OperationDefinitionNode, build_schema, parse
from graphql.execution.collect_fields import GroupedFieldSet, collect_fields
from graphql.execution.values import VariableValues

from gateway.execution.root_fields import count_requests, find_leaders, shared_slots

SCHEMA: GraphQLSchema = build_schema(
    "type Query { pods(n: Int): Thing nodes: Thing resources: Thing } type Thing { a: Int b: Int }"
)


def fields(document: str, *, with_locations: bool = True) -> GroupedFieldSet:
    (operation,) = parse(document, no_location=not with_locations).definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert SCHEMA.query_type is not None
    collected = collect_fields(SCHEMA, {}, VariableValues({}, {}), SCHEMA.query_type, operation, False)
    return collected.grouped_field_set


@pytest.mark.parametrize("with_locations", [True, False])
@pytest.mark.parametrize(
    ("document", "leaders"),
    [
        ("{ a: pods { a } b: pods { a } c: pods { a } }", {"b": "a", "c": "a"}),
        ("{ pods { a } b: pods { a } }", {"b": "pods"}),
        ("{ a: pods { a } b: pods { b } }", {}),
        ("{ a: pods(n: 1) { a } b: pods(n: 2) { a } }", {}),
        ("{ a: pods { a } b: nodes { a } }", {}),
        ("{ a: pods { a } a: pods { b } b: pods { a } }", {}),
    ],
)
def test_a_field_is_led_by_the_first_one_that_differs_only_in_its_alias(
    document: str, leaders: dict[str, str], with_locations: bool
) -> None:
    assert find_leaders(fields(document, with_locations=with_locations)) == leaders


@pytest.mark.parametrize(
    ("document", "in_parallel", "serially"),
    [
        ("{ a: pods { a } b: pods { b } }", 1, 2),
        ("{ a: pods(n: 1) { a } b: pods(n: 2) { a } nodes { a } }", 3, 3),
        ("{ __typename resources { a } }", 0, 0),
    ],
)
def test_queries_share_requests_and_mutations_do_not(document: str, in_parallel: int, serially: int) -> None:
    assert count_requests(fields(document), serially=False) == in_parallel
    assert count_requests(fields(document), serially=True) == serially


def test_fields_with_one_request_share_a_slot_whatever_they_select() -> None:
    document = "{ a: pods(n: 1) { a } b: pods(n: 1) { b } c: pods(n: 2) { a } d: nodes { a } }"
    slots = shared_slots(fields(document), asyncio.Semaphore(1))
    assert set(slots) == {"a", "b"}
    assert slots["a"] is slots["b"]
