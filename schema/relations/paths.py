"""Paths in JSON objects: ``spec.volumes[].configMap.name`` is that value of every volume."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import defstruct

__all__ = ["decode_parts", "texts_at", "value_at", "values_at"]

_ITEMS = "[]"


def value_at(value: Any, path: tuple[str, ...]) -> Any:
    """The value at the keys; None where a value on the way is absent or no object."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def values_at(value: Any, path: str) -> Iterator[Any]:
    """The values at the path that are not null; ``[]`` after a key stands for every item of its list."""
    key, _, rest = path.partition(".")
    inner = value.get(key.removesuffix(_ITEMS)) if isinstance(value, dict) else None
    items = inner if key.endswith(_ITEMS) else [inner]
    for item in items if isinstance(items, list) else ():
        if item is not None:
            yield from values_at(item, rest) if rest else (item,)


def texts_at(value: Any, paths: Iterable[str]) -> dict[str, None]:
    """The non-empty texts at the paths, without duplicates, in their order."""
    found = (text for path in paths for text in values_at(value, path))
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
