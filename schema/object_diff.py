"""The difference between two versions of an object: the changed fields, and a unified diff of their YAML.

Fields that the API server sets by itself are left out. Values of Secrets are masked by kubectl's rule:
``***`` for a value, ``*** (before)`` and ``*** (after)`` for one that differs.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schema.yaml_output import to_yaml

__all__ = ["FieldChange", "ObjectDiff", "compare_objects"]

JSONObject = Mapping[str, Any]

_OF_SERVER = frozenset(
    {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"}
)
_MASK, _BEFORE, _AFTER = "***", "*** (before)", "*** (after)"
_MASKED = ("data", "stringData")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_PLAIN_KEY = re.compile(r"[A-Za-z_][\w-]*")
_CONTEXT_LINES = 3
_MOST_COMPARED = 4_000_000
"""Pairs of lines. A comparison takes quadratic time; beyond it the differing lines are one block."""
_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field with another value; None for a field that is absent."""

    path: str
    before: Any = field(repr=False)
    after: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class ObjectDiff:
    """``unified`` is empty without changes."""

    changes: tuple[FieldChange, ...]
    unified: str = field(repr=False)


def compare_objects(before: JSONObject | None, after: JSONObject, label: str) -> ObjectDiff:
    """The difference; ``before`` is None for an object that does not exist. ``label`` names the object."""
    old, new = _masked(_cleaned(before) if before is not None else None, _cleaned(after))
    if old is None:
        return ObjectDiff((FieldChange("", None, new),), _unified("", to_yaml(new), label))
    changes = tuple(_changes("", old, new))
    if not changes:
        return ObjectDiff((), "")
    return ObjectDiff(changes, _unified(to_yaml(old), to_yaml(new), label))


def _cleaned(content: JSONObject) -> dict[str, Any]:
    """The object without the server's fields, keys in order: the order in JSON has no meaning."""
    metadata = {key: value for key, value in content.get("metadata", {}).items() if key not in _OF_SERVER}
    cleaned: dict[str, Any] = _ordered({**content, "metadata": metadata})
    return cleaned


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def _masked(
    before: dict[str, Any] | None, after: dict[str, Any]
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    if (after.get("apiVersion"), after.get("kind")) != ("v1", "Secret"):
        return before, after
    old = before or {}
    for section in _MASKED:
        masked = _masked_entries(old.get(section), after.get(section))
        for content, entries in zip((old, after), masked, strict=True):
            if entries is not None:
                content[section] = entries
    annotations = [(content.get("metadata") or {}).get("annotations") for content in (old, after)]
    kept = [{_LAST_APPLIED: (item or {}).get(_LAST_APPLIED)} for item in annotations]
    present = [item if item[_LAST_APPLIED] is not None else {} for item in kept]
    for found, entries in zip(annotations, _masked_entries(*present), strict=True):
        if found is not None and entries:
            found.update(entries)
    return before, after


def _masked_entries(before: Any, after: Any) -> tuple[dict[str, str] | None, dict[str, str] | None]:
    """The entries of a section, masked; None for a section that is absent."""
    old, new = (entries if isinstance(entries, dict) else {} for entries in (before, after))
    differing = {key for key in old.keys() & new.keys() if old[key] != new[key]}
    return (
        {key: _BEFORE if key in differing else _MASK for key in old} if before is not None else None,
        {key: _AFTER if key in differing else _MASK for key in new} if after is not None else None,
    )


def _changes(path: str, before: Any, after: Any) -> Iterator[FieldChange]:
    """The changed fields, down to the deepest that both sides have as mappings or comparable lists."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _changes(_below(path, key), before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif isinstance(before, list) and isinstance(after, list):
        if not _are_same(before, after):
            yield from _list_changes(path, before, after)
    elif not _are_same(before, after):
        yield FieldChange(path, *(None if value is _ABSENT else value for value in (before, after)))


def _are_same(before: Any, after: Any) -> bool:
    """Equality of JSON values: 1 is not true, as in Python."""
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(_are_same(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_are_same, before, after))
    return type(before) is type(after) and bool(before == after)


def _list_changes(path: str, before: list[Any], after: list[Any]) -> Iterator[FieldChange]:
    old, new = _by_name(before), _by_name(after)
    if old is None or new is None:
        if len(before) != len(after) or not all(isinstance(item, dict) for item in (*before, *after)):
            yield FieldChange(path, before, after)
            return
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _changes(f"{path}[{number}]", one, other)
        return
    if [name for name in old if name in new] != [name for name in new if name in old]:
        yield FieldChange(path, before, after)  # another order
        return
    for name in {**old, **new}:
        element = f'{path}[name="{name}"]'
        yield from _changes(element, old.get(name, _ABSENT), new.get(name, _ABSENT))


def _by_name(items: list[Any]) -> dict[str, Any] | None:
    """The items by their ``name``, as in containers and ports; None if they have no unique names."""
    named = {
        item["name"]: item for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)
    }
    return named if len(named) == len(items) else None


def _below(path: str, key: str) -> str:
    if not _PLAIN_KEY.fullmatch(key):
        escaped = key.replace("\\", "\\\\").replace('"', '\\"')
        return f'{path}["{escaped}"]'
    return f"{path}.{key}" if path else key


def _unified(before: str, after: str, label: str) -> str:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    start, end = _common_ends(old, new)
    middle = old[start : len(old) - end], new[start : len(new) - end]
    changed = [(a + start, b + start, c + start, d + start) for a, b, c, d in _blocks(*middle)]
    lines = [f"--- live/{label}\n", f"+++ merged/{label}\n"]
    for hunk in _hunks(changed):
        lines += _hunk_lines(old, new, hunk)
    return "".join(lines)


_Block = tuple[int, int, int, int]
"""The lines [a, b) of the old text that the lines [c, d) of the new one replace."""


def _blocks(old: list[str], new: list[str]) -> list[_Block]:
    if len(old) * len(new) > _MOST_COMPARED:
        return [(0, len(old), 0, len(new))]
    opcodes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [(a, b, c, d) for tag, a, b, c, d in opcodes if tag != "equal"]


def _common_ends(old: list[str], new: list[str]) -> tuple[int, int]:
    """The number of equal lines at the start, and at the end."""
    shorter = min(len(old), len(new))
    start = next((n for n in range(shorter) if old[n] != new[n]), shorter)
    rest = shorter - start
    end = next((n for n in range(rest) if old[-1 - n] != new[-1 - n]), rest)
    return start, end


def _hunks(changed: list[_Block]) -> Iterator[list[_Block]]:
    """The blocks in groups that share their context lines."""
    group: list[_Block] = []
    for block in changed:
        if group and block[0] - group[-1][1] > 2 * _CONTEXT_LINES:
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _hunk_lines(old: list[str], new: list[str], hunk: list[_Block]) -> Iterator[str]:
    lead = min(hunk[0][0], _CONTEXT_LINES)
    tail = min(len(old) - hunk[-1][1], _CONTEXT_LINES)
    first_old, first_new = hunk[0][0] - lead, hunk[0][2] - lead
    last_old, last_new = hunk[-1][1] + tail, hunk[-1][3] + tail
    yield f"@@ -{_range(first_old, last_old)} +{_range(first_new, last_new)} @@\n"
    position = first_old
    for old_start, old_end, new_start, new_end in hunk:
        yield from (f" {line}" for line in old[position:old_start])
        yield from (f"-{line}" for line in old[old_start:old_end])
        yield from (f"+{line}" for line in new[new_start:new_end])
        position = old_end
    yield from (f" {line}" for line in old[position:last_old])


def _range(first: int, last: int) -> str:
    """The lines of a hunk as ``diff -u`` writes them: an empty range is named by the line before it."""
    length = last - first
    if length == 1:
        return str(first + 1)
    return f"{first + 1 if length else first},{length}"
