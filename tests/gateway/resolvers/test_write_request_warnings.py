"""Warning headers of the API server."""

import pytest

from gateway.resolvers.write_request import parse_warnings


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        ("", []),
        ('299 - "unknown field \\"spec.a\\""', ['unknown field "spec.a"']),
        ('299 - "one, two", 299 - "three\\\\"', ["one, two", "three\\"]),
        ('299 agent "text" "Wed, 21 Oct 2026 07:28:00 GMT"', ["text"]),
        ('199 - "other code"', []),
        ('299 - "unfinished', []),
    ],
)
def test_the_texts_of_warnings_are_unquoted(header: str, texts: list[str]) -> None:
    assert parse_warnings(header) == texts
