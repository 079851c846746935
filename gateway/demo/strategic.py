"""Strategic merge patch: merge patch that merges lists by a key, as the OpenAPI document says.

The directives are Kubernetes' own: ``$patch`` (``replace``, ``delete``, ``merge``), ``$retainKeys``,
``$deleteFromPrimitiveList/<field>`` and ``$setElementOrder/<field>``.
"""

from typing import Any

from gateway.demo.documents import Node
from gateway.demo.patches import PatchError

__all__ = ["apply_strategic_patch"]

Object = dict[str, Any]

DIRECTIVE = "$patch"
RETAIN = "$retainKeys"
DELETE = "$deleteFromPrimitiveList/"
ORDER = "$setElementOrder/"


def apply_strategic_patch(node: Node | None, target: Object, patch: Object) -> Object:
    """The target with the patch merged into it; PatchError where the patch is malformed."""
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
            merged[field] = [each for each in merged.get(field) or () if each not in value]
        elif not key.startswith("$"):
            _merge_key(node.child(key) if node else None, merged, key, value)
    for key, order in patch.items():
        if key.startswith(ORDER):
            field = key.removeprefix(ORDER)
            if isinstance(merged.get(field), list):
                merged[field] = _ordered(node.child(field) if node else None, merged[field], order)
    return merged


def _retained(target: Object, patch: Object) -> Object:
    if RETAIN not in patch:
        return dict(target)
    keys = patch[RETAIN]
    if extra := {key for key in patch if not key.startswith("$")} - set(keys):
        raise PatchError(f"$retainKeys does not name what the patch sets: {', '.join(sorted(extra))}")
    return {key: value for key, value in target.items() if key in keys}


def _merge_key(node: Node | None, merged: Object, key: str, value: Any) -> None:
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
        merged[key] = _merge_list(node, current if isinstance(current, list) else [], value)
    else:
        merged[key] = value


def _merge_list(node: Node, current: list[Any], patch: list[Any]) -> list[Any]:
    key = node.merge_key
    if key is None:
        return [*current, *(each for each in patch if each not in current)]
    if {DIRECTIVE: "replace"} in patch:
        return [_without_directives(each) for each in patch if each != {DIRECTIVE: "replace"}]
    merged = [dict(each) for each in current]
    added: list[Object] = []
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise PatchError(f"map: {item} does not contain declared merge key: {key}")
        found = next((each for each in (*merged, *added) if each.get(key) == item[key]), None)
        if item.get(DIRECTIVE) == "delete":
            merged = [each for each in merged if each.get(key) != item[key]]
        elif found is None:
            added.append(apply_strategic_patch(node.items, {}, item))
        else:
            result = apply_strategic_patch(node.items, found, item)
            found.clear()
            found.update(result)
    # without $setElementOrder new items come last, as they do upstream
    return [*merged, *added]


def _ordered(node: Node | None, items: list[Any], order: list[Any]) -> list[Any]:
    """The items that the order names, in its order; others stay behind the one they followed."""
    key = node.merge_key if node else None

    def name(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    places = {name(each): index for index, each in enumerate(order)}
    named = sorted((each for each in items if name(each) in places), key=lambda each: places[name(each)])
    others = [(index, each) for index, each in enumerate(items) if name(each) not in places]
    for index, item in others:
        named.insert(min(index, len(named)), item)
    return named


def _without_directives(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_directives(each) for key, each in value.items() if not key.startswith("$")}
    return [_without_directives(each) for each in value] if isinstance(value, list) else value
