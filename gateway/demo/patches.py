"""JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396)."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["PatchError", "apply_json_patch", "apply_merge_patch"]


class PatchError(Exception):
    """A patch that cannot be applied to this object."""


def apply_merge_patch(target: Any, patch: Any) -> Any:
    """The target with the patch merged into it; null takes a key away. Changes neither of the two."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = apply_merge_patch(merged.get(key), value)
    return merged


def apply_json_patch(target: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """The target after all operations; PatchError where one cannot be done. Changes neither of the two."""
    document = copy.deepcopy(target)
    for operation in operations:
        document = _apply(document, operation)
    return document


def _apply(document: Any, operation: Mapping[str, Any]) -> Any:
    path = _parse_pointer(operation.get("path"))
    match operation.get("op"):
        case "add":
            return _add(document, path, _value(operation))
        case "remove":
            return _remove(document, path)
        case "replace":
            return _replace(document, path, _value(operation))
        case "move":
            source = _parse_pointer(operation.get("from"))
            value = _get(document, source)
            return _add(_remove(document, source), path, value)
        case "copy":
            return _add(document, path, copy.deepcopy(_get(document, _parse_pointer(operation.get("from")))))
        case "test":
            if not _equal(_get(document, path), _value(operation)):
                raise PatchError(f"test failed: {operation.get('path')}")
            return document
    raise PatchError(f"unknown operation: {operation.get('op')!r}")


def _value(operation: Mapping[str, Any]) -> Any:
    if "value" not in operation:
        raise PatchError("the operation needs a value")
    return copy.deepcopy(operation["value"])


def _parse_pointer(pointer: Any) -> list[str]:
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise PatchError(f"not a JSON pointer: {pointer!r}")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _index(key: str, *, end: int) -> int:
    # RFC 6901: digits without leading zeros
    if not (key.isascii() and key.isdigit()) or (len(key) > 1 and key[0] == "0") or int(key) >= end:
        raise PatchError(f"no such index: {key}")
    return int(key)


def _get(document: Any, path: list[str]) -> Any:
    for key in path:
        if isinstance(document, list):
            document = document[_index(key, end=len(document))]
        elif isinstance(document, dict) and key in document:
            document = document[key]
        else:
            raise PatchError(f"no such key: {key}")
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, key = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        at = len(parent) if key == "-" else _index(key, end=len(parent) + 1)
        parent.insert(at, value)
    elif isinstance(parent, dict):
        parent[key] = value
    else:
        raise PatchError(f"nothing can be added below {'/'.join(path[:-1])}")
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        raise PatchError("the whole document cannot be removed")
    _get(document, path)
    parent, key = _get(document, path[:-1]), path[-1]
    del parent[int(key) if isinstance(parent, list) else key]
    return document


def _replace(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, key = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        parent[_index(key, end=len(parent))] = value
    elif isinstance(parent, dict):
        # RFC 6902 wants the member to be there; the API server's library does not
        parent[key] = value
    else:
        raise PatchError(f"nothing can be replaced below {'/'.join(path[:-1])}")
    return document


def _equal(one: Any, other: Any) -> bool:
    """JSON equality: unlike Python's, true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)
