"""Parsed documents: the locations of errors, and the cache."""

from graphql import Source, build_schema, parse
from hypothesis import given
from hypothesis import strategies as st

from gateway.execution.documents import Document, _IndexedSource


@given(st.text("a\n\r ", max_size=30))
def test_graphql_core_has_the_same_locations(text: str) -> None:
    plain, indexed = Source(text), _IndexedSource(text)
    positions = range(len(text) + 2)
    assert [indexed.get_location(at) for at in positions] == [plain.get_location(at) for at in positions]


def test_operations_are_prepared_once_and_unknown_names_are_not_kept() -> None:
    schema = build_schema("type Query { a: Int }")
    document = Document(parse("query A { a } query B { a }"), [], 1)
    prepared = document.operation(schema, "A")
    assert prepared is not None
    assert document.operation(schema, "A") is prepared
    assert [document.operation(schema, name) for name in ("C", "D", None)] == [None, None, None]
    assert set(document.prepared) == {"A", None}
