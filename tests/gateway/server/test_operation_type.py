"""The type of the selected operation is the one that graphql-core finds in the parsed document."""

import time

import pytest
from graphql import GraphQLError, OperationType, get_operation_ast, parse
from hypothesis import given
from hypothesis import strategies as some

from gateway.resolvers.limits import Limits
from gateway.server.operation_type import is_subscription

PIECES = some.lists(
    some.sampled_from(
        [
            "subscription",
            "query",
            "mutation",
            "fragment F on T",
            "A",
            "B",
            "{ a }",
            "{ subscription(x: {y: [1]}) { query } }",
            "($x: T = {subscription: [{a: 1}]}, $y: [subscription!])",
            "@a",
            '@ a(b: {c: "}"})',
            "# { subscription A\n",
            '{ a(b: """ } \\""" subscription A { """) }',
            '{ a(b: "} \\" subscription {") }',
            ",",
        ]
    ),
    max_size=8,
)


def parsed_type(query: str, operation_name: str | None) -> bool | None:
    """Whether it is a subscription; None for an invalid document."""
    try:
        operation = get_operation_ast(parse(query), operation_name)
    except GraphQLError:
        return None
    return operation is not None and operation.operation is OperationType.SUBSCRIPTION


@given(PIECES, some.sampled_from([None, "A", "B", "F"]))
def test_the_type_is_the_one_of_the_parsed_document(pieces: list[str], operation_name: str | None) -> None:
    query = " ".join(pieces)
    expected = parsed_type(query, operation_name)
    if expected is not None:
        assert is_subscription(query, operation_name, Limits()) == expected


@pytest.mark.parametrize(
    ("query", "operation_name", "expected"),
    [
        ("subscription { a }", None, True),
        ("subscription S($x: Int = 1) @d(a: {b: 1}) { a }", "S", True),
        ("query Q { a } subscription S { a }", "S", True),
        ("query Q { a } subscription S { a }", "Q", False),
        ("query Q { a } subscription S { a }", None, False),
        ("{ subscription { subscription } }", None, False),
        ("fragment F on subscription { a } subscription { ...F }", None, True),
        ("subscription", None, False),
        ("subscription " * 100_000, None, False),
    ],
)
def test_is_subscription(query: str, operation_name: str | None, expected: bool) -> None:
    assert is_subscription(query, operation_name, Limits()) is expected


def test_a_body_of_the_largest_size_takes_little_time() -> None:
    limits = Limits(max_document=5_000_000)
    for filler in (",", "a ", '"', "{", "#", '"""a', "@"):
        began = time.process_time()
        is_subscription("subscription { " + filler * (4_000_000 // len(filler)), None, limits)
        assert time.process_time() - began < 5
