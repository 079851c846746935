"""Documents that ask for the schema, and documents that only mention it."""

import pytest
from graphql import parse

from gateway.execution.schema_access import introspects, selects_schema_only

SCHEMA = "{ __schema { types { name } } }"


@pytest.mark.parametrize(
    "query",
    [
        SCHEMA,
        '{ a: __type(name: "Pod") { name } }',
        "{ pods { kind } ...F } fragment F on Query { ... { __schema { types { name } } } }",
        "query A { pods } query B { ...F } fragment F on Query { ...G } fragment G on Query { __schema }",
    ],
)
def test_introspection_is_found_through_fragments(query: str) -> None:
    assert introspects(parse(query), query)


@pytest.mark.parametrize(
    "query",
    [
        "{ __typename pods { __typename } }",
        '{ pods(namespace: "__schema") { kind } }',
        "{ pods { kind } } # __schema",
        "{ ...F } fragment F on Query { ...F pods { kind } } # __type",
        "{ ...Missing } # __type",
    ],
)
def test_a_mention_of_the_schema_is_no_introspection(query: str) -> None:
    assert not introspects(parse(query), query)
    assert not selects_schema_only(query, None)


@pytest.mark.parametrize("query", [SCHEMA, "{ __typename __schema { types { name } } }", f"query Q {SCHEMA}"])
def test_a_question_about_the_schema_alone(query: str) -> None:
    assert selects_schema_only(query, None)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("{ __typename }", None),
        ("{ __schema { types { name } } version { gitVersion } }", None),
        ("{ __schema { types { name } } ...F } fragment F on Query { pods { kind } }", None),
        (f"query A {SCHEMA} query B {{ pods {{ kind }} }}", "B"),
        (f"query A {SCHEMA} query B {SCHEMA}", None),
        ("{ __schema {", None),
        ("{" * 5000 + "__schema", None),
        ("", None),
        (None, None),
    ],
)
def test_other_documents_need_credentials(query: str | None, name: str | None) -> None:
    assert not selects_schema_only(query, name)
