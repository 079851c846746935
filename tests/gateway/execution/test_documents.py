"""Parsed documents: the locations of errors, and the cache."""

from graphql import Source
from hypothesis import given
from hypothesis import strategies as st

from gateway.execution.documents import _IndexedSource


@given(st.text("a\n\r ", max_size=30))
def test_locations_equal_graphql_core_s(text: str) -> None:
    plain, indexed = Source(text), _IndexedSource(text)
    positions = range(len(text) + 2)
    assert [indexed.get_location(at) for at in positions] == [plain.get_location(at) for at in positions]
