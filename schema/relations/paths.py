"""Paths in JSON objects: ``spec.volumes[].configMap.name`` is that value of every volume."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import defstruct

__all__ = ["EncodedValues", "decode_parts", "texts_at", "value_at", "values_at"]

_ITEMS = "[]"
_NULL = b"null"
_Keys = tuple[str, ...]


def value_at(value: Any, path: tuple[str, ...]) -> Any:
    """The value at the keys; None where a value on the way is absent or no object."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def values_at(value: Any, path: str) -> list[Any]:
    """The values at the path that are not null; ``[]`` after a key stands for every item of its list."""
    values = [value]
    for key, is_list in _steps(path):
        inner = [of.get(key) for of in values if isinstance(of, dict)]
        if is_list:
            inner = [item for items in inner if isinstance(items, list) for item in items]
        values = [item for item in inner if item is not None]
        if not values:
            break
    return values


@lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[tuple[str, bool], ...]:
    """The keys of a path, and whether each one's value is a list."""
    return tuple((key.removesuffix(_ITEMS), key.endswith(_ITEMS)) for key in path.split("."))


def texts_at(value: Any, paths: Iterable[str]) -> dict[str, None]:
    """The non-empty texts at the paths, without duplicates, in their order."""
    found = [text for path in paths for text in values_at(value, path)]
    return dict.fromkeys(text for text in found if isinstance(text, str) and text)


def decode_parts(body: bytes | msgspec.Raw, paths: tuple[str, ...]) -> Any:
    """The JSON object, decoded only as far as the paths need it. Raises msgspec.DecodeError."""
    try:
        return msgspec.to_builtins(_decoder(paths).decode(body))
    except msgspec.ValidationError:
        # a value of another type than the paths expect
        return msgspec.json.decode(body)


@lru_cache(maxsize=256)
def _decoder(paths: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_type(paths))


def _type(paths: Iterable[str]) -> Any:
    """A Struct with the first keys of the paths."""
    inner: dict[str, list[str]] = {}
    for path in paths:
        key, _, rest = path.partition(".")
        inner.setdefault(key, []).append(rest)
    fields: list[tuple[str, Any, Any]] = []
    rename: dict[str, str] = {}
    for index, (key, rests) in enumerate(inner.items()):
        type_: Any = Any if "" in rests else _type(rests) | None
        of_key: Any = list.__class_getitem__(type_) | None if key.endswith(_ITEMS) else type_
        fields.append((f"field{index}", of_key, None))
        rename[f"field{index}"] = key.removesuffix(_ITEMS)
    return defstruct("Parts", fields, rename=rename, gc=False)


class EncodedValues:
    """Reads the values at some paths of JSON objects, still encoded; nothing else is decoded.

    A path that begins with another one of the paths is not read by itself: its value is inside of the other
    one's. ``roots`` are the paths that remain.
    """

    def __init__(self, paths: Iterable[_Keys]) -> None:
        distinct = list(dict.fromkeys(paths))
        self.roots = tuple(path for path in distinct if not any(_is_inside(path, of) for of in distinct))
        self._fields = tuple(tuple(map(_field, path)) for path in self.roots)
        self._decoder = msgspec.json.Decoder(_struct_of_raws(self.roots))

    def read(self, body: bytes | msgspec.Raw) -> tuple[bytes, ...]:
        """The JSON of the value at each root, ``null`` where it is absent. Raises msgspec.DecodeError."""
        try:
            found = self._decoder.decode(body)
        except msgspec.ValidationError:
            # a value on the way is no object
            decoded = msgspec.json.decode(body)
            return tuple(msgspec.json.encode(value_at(decoded, path)) for path in self.roots)
        return tuple([_raw_at(found, fields) for fields in self._fields])

    def places(self, paths: Sequence[_Keys]) -> tuple[tuple[int, _Keys], ...]:
        """For each path the index of its root, and the keys from there."""
        return tuple(
            next(
                (index, path[len(root) :])
                for index, root in enumerate(self.roots)
                if path[: len(root)] == root
            )
            for path in paths
        )


def _is_inside(path: _Keys, other: _Keys) -> bool:
    return len(other) < len(path) and path[: len(other)] == other


def _field(key: str) -> str:
    """A field of a Struct for any key."""
    return f"of_{key.encode().hex()}"


def _raw_at(found: Any, fields: Sequence[str]) -> bytes:
    for field in fields:
        if found is None:
            return _NULL
        found = getattr(found, field)
    return bytes(found)


def _struct_of_raws(paths: Iterable[_Keys]) -> Any:
    """A Struct with nested ones down to the paths, whose values stay encoded."""
    inner: dict[str, list[_Keys]] = {}
    for key, *rest in paths:
        inner.setdefault(key, []).append(tuple(rest))
    fields = [
        (_field(key), msgspec.Raw, msgspec.Raw(_NULL))
        if () in rests
        else (_field(key), _struct_of_raws(rests) | None, None)
        for key, rests in inner.items()
    ]
    return defstruct("Parts", fields, rename={_field(key): key for key in inner}, gc=False)
