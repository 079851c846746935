"""Strict decoding of a client's object: types, unknown fields and missing required fields."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.demo.apiserver.openapi_documents import Node
from gateway.demo.apiserver.statuses import Cause

__all__ = ["Decoded", "DecodingError", "decode", "missing_fields"]

JSON_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}
GO_NAMES = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
GO_TYPES = {"string": "string", "boolean": "bool", "integer": "int32", "number": "float64"}


class DecodingError(Exception):
    """A value has another type than the API declares."""


@dataclass(slots=True)
class Decoded:
    """The object without unknown fields, and the paths of the unknown fields."""

    value: Any = field(default=None, repr=False)
    unknown: list[str] = field(default_factory=list)


def decode(node: Node, value: dict[str, Any], *, lenient: bool = False) -> Decoded:
    """Keep declared fields, drop nulls, collect unknown fields.

    Raises DecodingError for a wrong type, unless ``lenient``: then the value is kept unchanged.
    """
    decoded = Decoded()
    decoded.value = _Decoder(decoded.unknown, lenient=lenient).decode(node, value, "")
    return decoded


@dataclass(frozen=True, slots=True)
class _Decoder:
    unknown: list[str]
    lenient: bool

    def decode(self, node: Node, value: Any, path: str) -> Any:
        kind = JSON_TYPES.get(node.type or "")
        if kind is None:
            if "oneOf" in node.schema and isinstance(value, bool | list | dict) and not self.lenient:
                raise _mismatch(value, node, path)
            return value
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            if self.lenient:
                return value
            raise _mismatch(value, node, path)
        if isinstance(value, dict):
            return self._object(node, value, path)
        if isinstance(value, list):
            items = node.items
            return [self.decode(items, item, f"{path}[{index}]") for index, item in enumerate(value)]
        return value

    def _object(self, node: Node, value: dict[str, Any], path: str) -> dict[str, Any]:
        kept = {}
        for key, item in value.items():
            below = f"{path}.{key}" if path else key
            if (child := node.child(key)) is not None:
                if item is not None or child.schema.get("nullable"):
                    kept[key] = None if item is None else self.decode(child, item, below)
            elif node.takes_anything:
                kept[key] = item
            else:
                self.unknown.append(below)
        return kept


def _mismatch(value: Any, node: Node, path: str) -> DecodingError:
    wanted = node.schema.get("format") or GO_TYPES.get(node.type or "", node.type or "string")
    found = GO_NAMES.get(type(value), "null")
    return DecodingError(f"json: cannot unmarshal {found} into Go struct field .{path} of type {wanted}")


def missing_fields(node: Node, value: dict[str, Any]) -> list[Cause]:
    """The missing required fields of an object, and its values outside an enumeration.

    ``metadata`` and ``status`` are excluded: the server fills them in.
    """
    causes: list[Cause] = []
    for name, child in node.properties():
        if name not in ("metadata", "status", "apiVersion", "kind"):
            causes += _missing_property(node, name, child, value, name)
    return causes


def _missing_property(
    node: Node, name: str, child: Node, value: dict[str, Any], path: str
) -> Iterator[Cause]:
    if value.get(name) in (None, "", []):
        if name in node.schema.get("required", ()) and not child.empty_default():
            # Go does not distinguish an absent number from zero, so neither does the API server
            if child.type != "integer" and child.type != "boolean":
                yield Cause.required(path)
        elif child.empty_default() and child.type == "object":
            # an absent struct is an empty one: its required fields are missing
            yield from _missing(child, {}, path)
        return
    yield from _missing(child, value[name], path)


def _missing(node: Node, value: Any, path: str) -> Iterator[Cause]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _missing(node.items, item, f"{path}[{index}]")
    elif isinstance(value, dict) and node.type == "object":
        for name, child in node.properties():
            yield from _missing_property(node, name, child, value, f"{path}.{name}")
    elif (allowed := node.schema.get("enum")) and value not in allowed:
        yield Cause.unsupported(path, json.dumps(value), sorted(map(str, allowed)))
