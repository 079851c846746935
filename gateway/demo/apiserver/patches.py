"""JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396)."""

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.demo.apiserver.apply import apply_object
from gateway.demo.apiserver.catalog import Target
from gateway.demo.apiserver.conversion import from_stored
from gateway.demo.apiserver.openapi_documents import Node
from gateway.demo.apiserver.requests import Patch, PatchType, WriteOptions
from gateway.demo.apiserver.scale import SCALE, read_scale, scaled
from gateway.demo.apiserver.statuses import (
    Cause,
    bad_request,
    internal,
    invalid_options,
    invalid_patch,
    unprocessable,
)
from gateway.demo.apiserver.storage import Stored
from gateway.demo.apiserver.strict_decoding import DecodingError, decode
from gateway.demo.apiserver.writes import Writer, Written
from schema.resources import Resource

__all__ = ["PatchError", "apply_json_patch", "apply_merge_patch", "patch_object", "patch_scale"]


class PatchError(Exception):
    """A patch that cannot be applied to this object."""


def apply_merge_patch(target: Any, patch: Any) -> Any:
    """The target with the patch merged into it; null deletes a key. Modifies neither argument."""
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
    """The target after all operations. Raises PatchError if one fails; modifies neither argument."""
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
            if not _equal(_get_or_null(document, path), _value(operation)):
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


def _get_or_null(document: Any, path: list[str]) -> Any:
    """The value at the path; null for an absent key, as in the library of the API server."""
    parent = _get(document, path[:-1])
    is_absent = bool(path) and isinstance(parent, dict) and path[-1] not in parent
    return None if is_absent else _get(document, path)


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
        # RFC 6902 requires the member to exist; the API server's library does not
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


Object = dict[str, Any]

DIRECTIVE = "$patch"
RETAIN = "$retainKeys"
DELETE = "$deleteFromPrimitiveList/"
ORDER = "$setElementOrder/"


def apply_strategic_patch(node: Node | None, target: Object, patch: Object) -> Object:
    """The target with the patch merged into it; raises PatchError if the patch is malformed."""
    match patch.get(DIRECTIVE):
        case "replace":
            replaced: Object = _without_directives(patch)
            return replaced
        case "delete":
            return {}
        case None | "merge":
            pass
        case other:
            raise PatchError(f"invalid value for the $patch directive: {other}")
    merged = _retained(target, patch)
    for key, value in patch.items():
        if key.startswith(DELETE):
            field = key.removeprefix(DELETE)
            merged[field] = [item for item in merged.get(field) or () if item not in value]
        elif not key.startswith("$"):
            _merge_key(node.child(key) if node else None, merged, key, value, patch.get(ORDER + key))
    for key, order in patch.items():
        field = key.removeprefix(ORDER)
        child = node.child(field) if node else None
        # only the order changes
        if key.startswith(ORDER) and field not in patch and child and isinstance(merged.get(field), list):
            merged[field] = _merge_list(child, merged[field], [], order)
    return merged


def _retained(target: Object, patch: Object) -> Object:
    if RETAIN not in patch:
        return dict(target)
    keys = patch[RETAIN]
    if extra := {key for key in patch if not key.startswith("$")} - set(keys):
        raise PatchError(f"$retainKeys does not name what the patch sets: {', '.join(sorted(extra))}")
    return {key: value for key, value in target.items() if key in keys}


def _merge_key(node: Node | None, merged: Object, key: str, value: Any, order: list[Any] | None) -> None:
    current = merged.get(key)
    if value is None:
        merged.pop(key, None)
    elif isinstance(value, dict):
        replaced = node is not None and "replace" in node.patch_strategies
        base = current if isinstance(current, dict) and not replaced else {}
        result = apply_strategic_patch(node, base, value)
        if value.get(DIRECTIVE) == "delete":
            merged.pop(key, None)
        else:
            merged[key] = result
    elif isinstance(value, list) and node is not None and "merge" in node.patch_strategies:
        merged[key] = _merge_list(node, current if isinstance(current, list) else [], value, order)
    else:
        merged[key] = value


def _merge_list(node: Node, current: list[Any], patch: list[Any], order: list[Any] | None) -> list[Any]:
    """The list with the patch's items merged into the items of the same name, in ``order``."""
    key = node.merge_key
    if {DIRECTIVE: "replace"} in patch:
        return [_without_directives(item) for item in patch if item != {DIRECTIVE: "replace"}]
    if key is not None and (nameless := next((item for item in patch if key not in item), None)):
        raise PatchError(f"map: {nameless} does not contain declared merge key: {key}")

    def name(item: Any) -> Any:
        return item.get(key) if key is not None and isinstance(item, dict) else item

    names = [name(item) for item in patch]
    if order is not None:
        wanted = [name(item) for item in order]
        if names != [item for item in wanted if item in names]:
            raise PatchError(f"the order of the patch {names} does not match $setElementOrder {wanted}")
    deleted = [name(item) for item in patch if isinstance(item, dict) and item.get(DIRECTIVE) == "delete"]
    found = {name(item): item for item in current}
    for item in patch:
        if name(item) not in deleted:
            current_item = found.get(name(item), {})
            found[name(item)] = (
                apply_strategic_patch(node.items, current_item, item) if isinstance(item, dict) else item
            )
    before = [name(item) for item in current]
    placed = names if order is None else wanted
    ordered = _ordered([item for item in placed if item in found], before)
    return [found[item] for item in ordered if item not in deleted]


def _ordered(placed: list[Any], before: list[Any]) -> list[Any]:
    """The names of the patch in its order, interleaved with the existing names in their order.

    Two existing names keep their order; otherwise the name in the patch comes first.
    """
    others = [item for item in before if item not in placed]
    ordered = []
    for item in placed:
        while others and item in before and before.index(others[0]) < before.index(item):
            ordered.append(others.pop(0))
        ordered.append(item)
    return [*ordered, *others]


def _without_directives(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_directives(item) for key, item in value.items() if not key.startswith("$")}
    return [_without_directives(item) for item in value] if isinstance(value, list) else value


def patch_object(writer: Writer, target: Target, patch: Patch, options: WriteOptions) -> Written:
    """Patch an object or its status."""
    if patch.type is PatchType.APPLY:
        return apply_object(writer, target, patch.content, options)
    _refuse_force(options)
    old = writer.find(target)
    result = patched(writer, target.resource, _served(target, old), patch)
    try:
        custom = writer.catalog.is_custom(target.resource)
        decode(writer.kinds.node(target.resource), result, lenient=custom)
    except DecodingError as error:
        # a patch that leaves a wrong type is Invalid, where a whole object with one is a BadRequest
        cause = Cause.invalid("patch", json.dumps(patch.content), str(error))
        raise invalid_patch(cause) from error
    return writer.update(target, old, result, options)


def patch_scale(writer: Writer, target: Target, patch: Patch, options: WriteOptions) -> Written:
    """Patch the scale of an object."""
    if patch.type is PatchType.APPLY:
        raise bad_request("server-side apply is not served for the scale subresource")
    _refuse_force(options)
    old = writer.find(target)
    # a strategic patch of a Scale equals a merge patch: a Scale has no lists
    plain = Patch(PatchType.MERGE, patch.content) if patch.type is PatchType.STRATEGIC else patch
    paths = writer.catalog.custom(target.resource).scale
    scale = patched(writer, SCALE, read_scale(old, paths), plain)
    return writer.update(target, old, scaled(target.resource, old, scale, paths), options)


def _served(target: Target, old: Stored) -> Object:
    kind = target.resource.kind
    typed = {"kind": kind.kind, "apiVersion": kind.api_version}
    return {**typed, **from_stored(target.resource.gvr, old.object)}


def _refuse_force(options: WriteOptions) -> None:
    if options.force is not None:
        cause = Cause.forbidden("force", "may not be specified for non-apply patch")
        raise invalid_options("PatchOptions", [cause])


def patched(writer: Writer, resource: Resource, value: Object, patch: Patch) -> Object:
    """The patched object; raises ApiError for a patch that cannot be applied."""
    if patch.type is PatchType.JSON:
        try:
            result = apply_json_patch(value, patch.content)
        except PatchError as error:
            raise unprocessable() from error
        if not isinstance(result, dict):
            raise bad_request("the patch leaves no object")
        return result
    if patch.type is PatchType.MERGE:
        merged: Object = apply_merge_patch(value, patch.content)
        return merged
    try:
        return apply_strategic_patch(writer.kinds.node(resource), value, patch.content)
    except PatchError as error:
        raise internal(str(error)) from error
