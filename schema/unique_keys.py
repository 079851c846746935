"""JSON without repeated keys: RFC 8259 leaves their meaning open, and a write must not drop one silently."""

import json
from typing import Any

__all__ = ["RepeatedKey", "parse_unique"]


class RepeatedKey(ValueError):
    """A key occurs twice in one object; ``path`` leads to it, such as ``variables.o.data.a``."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} occurs twice")
        self.path = path


class _Repeating(dict[str, Any]):
    """An object with a repeated key."""

    key = ""


def parse_unique(text: str | bytes) -> Any:
    """The value of a JSON text. Raises RepeatedKey, and JSONDecodeError and ValueError as ``json`` does."""
    decoded = text if isinstance(text, str) else text.decode(json.detect_encoding(text), "surrogatepass")
    try:
        return _DECODER.decode(decoded)
    except _Repeated:
        raise RepeatedKey(_find_repeated_key(decoded)) from None


class _Repeated(ValueError):
    """An object has a repeated key."""


def _unique_members(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) != len(members):
        raise _Repeated
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_members)
"""Made once: each decoder compiles its scanner."""


def _find_repeated_key(text: str) -> str:
    """The path of the outermost repeated key of a text that has one."""

    def read_object(members: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(members)
        if len(value) == len(members):
            return value
        repeating = _Repeating(value)
        repeating.key = _first_repeated([name for name, _ in members])
        return repeating

    return _path_of_repeated_key(json.loads(text, object_pairs_hook=read_object))


def _first_repeated(names: list[str]) -> str:
    return next(name for index, name in enumerate(names) if name in names[:index])


def _path_of_repeated_key(root: Any) -> str:
    """The path of the outermost repeated key, without recursion: a document may be nested deeply."""
    pending: list[tuple[str, Any]] = [("", root)]
    while pending:
        path, value = pending.pop(0)
        if isinstance(value, _Repeating):
            return f"{path}.{value.key}" if path else value.key
        if isinstance(value, dict):
            pending += [(f"{path}.{key}" if path else key, item) for key, item in value.items()]
        elif isinstance(value, list):
            pending += [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    raise AssertionError("a repeated key inside a value that another repeated key replaced has an outer one")
