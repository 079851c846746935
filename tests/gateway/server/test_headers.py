"""The headers of ASGI messages."""

from gateway.server.headers import header, header_values

FIELDS = [(b"host", b"a"), (b"x-user", b"\xe9"), (b"host", b"b")]


def test_the_first_value_is_found() -> None:
    assert header(FIELDS, b"host") == "a"
    assert header(FIELDS, b"x-user") == "\xe9"
    assert header(FIELDS, b"accept") is None


def test_all_values_are_found_in_order() -> None:
    assert header_values(FIELDS, b"host") == ["a", "b"]
    assert header_values(FIELDS, b"accept") == []
