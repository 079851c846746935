"""The head of a request: repeated headers, and values that name an identity."""

import pytest

from gateway.errors import CallerUnauthenticated
from gateway.identity import RequestHead


def test_repeated_headers_are_joined_in_order() -> None:
    head = RequestHead([(b"host", b"a"), (b"accept", b"x"), (b"host", b"b")])
    assert head.headers == {"host": "a, b", "accept": "x"}


def test_values_of_an_identity_are_separate_and_utf8() -> None:
    head = RequestHead(
        [(b"x-remote-group", b"a, b"), (b"x-remote-group", b""), (b"x-remote-group", "é".encode())]
    )
    assert head.values("x-remote-group") == ["a, b", "é"]
    assert head.values("x-remote-user") == []


def test_a_value_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(CallerUnauthenticated, match="not UTF-8"):
        RequestHead([(b"x-remote-user", b"\xff")]).values("x-remote-user")
