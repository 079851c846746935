"""The headers of ASGI messages, read without an object around them; ASGI has their names in lower case."""

from collections.abc import Iterable

__all__ = ["Fields", "header", "header_values"]

Fields = Iterable[tuple[bytes, bytes]]


def header(fields: Fields, name: bytes) -> str | None:
    """The first value of a header; None without one."""
    for key, value in fields:
        if key == name:
            return value.decode("latin-1")
    return None


def header_values(fields: Fields, name: bytes) -> list[str]:
    """All values of a header."""
    return [value.decode("latin-1") for key, value in fields if key == name]
