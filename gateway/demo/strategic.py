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
            _merge_key(node.child(key) if node else None, merged, key, value, patch.get(ORDER + key))
    for key, order in patch.items():
        field = key.removeprefix(ORDER)
        child = node.child(field) if node else None
        # an order alone, with no item changed
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
    """The list with the patch's items merged into those of the same name; ``order`` as the patch wants it."""
    key = node.merge_key
    if {DIRECTIVE: "replace"} in patch:
        return [_without_directives(each) for each in patch if each != {DIRECTIVE: "replace"}]
    if key is not None and (nameless := next((each for each in patch if key not in each), None)):
        raise PatchError(f"map: {nameless} does not contain declared merge key: {key}")

    def name(item: Any) -> Any:
        return item.get(key) if key is not None and isinstance(item, dict) else item

    names = [name(each) for each in patch]
    if order is not None:
        wanted = [name(each) for each in order]
        if names != [each for each in wanted if each in names]:
            raise PatchError(f"the order of the patch {names} does not match $setElementOrder {wanted}")
    deleted = [name(each) for each in patch if isinstance(each, dict) and each.get(DIRECTIVE) == "delete"]
    found = {name(each): each for each in current}
    for each in patch:
        if name(each) not in deleted:
            item = found.get(name(each), {})
            found[name(each)] = (
                apply_strategic_patch(node.items, item, each) if isinstance(each, dict) else each
            )
    before = [name(each) for each in current]
    placed = names if order is None else wanted
    ordered = _ordered([each for each in placed if each in found], before)
    return [found[each] for each in ordered if each not in deleted]


def _ordered(placed: list[Any], before: list[Any]) -> list[Any]:
    """The names that the patch places, in its order, among those that were there before, in theirs.

    Of two that were both there, the first one stays the first; else the one that the patch places is.
    """
    others = [each for each in before if each not in placed]
    ordered = []
    for each in placed:
        while others and each in before and before.index(others[0]) < before.index(each):
            ordered.append(others.pop(0))
        ordered.append(each)
    return [*ordered, *others]


def _without_directives(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_directives(each) for key, each in value.items() if not key.startswith("$")}
    return [_without_directives(each) for each in value] if isinstance(value, list) else value
