"""``metadata.managedFields``: field ownership by manager (Kubernetes docs, "Server-Side Apply").

In memory a field set is a set of paths. A path is a tuple of FieldsV1 elements (``f:spec``,
``k:{"name":"web"}``, ``v:"x"``). The nested form is used only on the wire.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.demo.apiserver.openapi_documents import Node

__all__ = [
    "Entry",
    "Path",
    "flatten",
    "list_element",
    "owned_after_update",
    "read_entries",
    "remove_paths",
    "replace_fields",
    "write_entries",
]

Path = tuple[str, ...]
Object = dict[str, Any]

# metadata fields that the API server sets or that identify the object; they have no manager
UNMANAGED = frozenset(
    ("f:metadata", f"f:{name}")
    for name in (
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "managedFields",
    )
)


@dataclass(frozen=True, slots=True)
class Entry:
    """The fields that one manager owns; ``operation`` is Apply or Update."""

    manager: str
    operation: str
    api_version: str
    time: str
    fields: frozenset[Path]
    subresource: str = ""

    def same_manager(self, other: "Entry") -> bool:
        return (self.manager, self.operation, self.api_version, self.subresource) == (
            other.manager,
            other.operation,
            other.api_version,
            other.subresource,
        )


def flatten(node: Node, value: Object, *, containers: bool = True) -> dict[Path, Any]:
    """Map the path of every field of an object to its value.

    ``containers``: also include non-empty maps and lists. The value of a container is None, because its
    content is in the paths below it.
    """
    plain = {key: item for key, item in value.items() if key not in ("apiVersion", "kind")}
    fields = dict(_Walk(containers).parts(node, plain, ()))
    return {path: item for path, item in fields.items() if path[:2] not in UNMANAGED}


@dataclass(frozen=True, slots=True)
class _Walk:
    """Recursive traversal of an object; ``containers`` as for :func:`flatten`."""

    containers: bool

    def parts(self, node: Node, value: Object, path: Path) -> Iterator[tuple[Path, Any]]:
        for key, item in value.items():
            below = (*path, f"f:{key}")
            if (child := node.child(key)) is None:
                yield below, item
            else:
                # structs and required lists are always present, even if the client omits them
                there = child.empty_default() or (
                    child.type == "array" and key in node.schema.get("required", ())
                )
                yield from self.value(child, item, below, there=there or below == ("f:metadata",))

    def value(self, node: Node, value: Any, path: Path, *, there: bool) -> Iterator[tuple[Path, Any]]:
        if not value or not isinstance(value, dict | list) or node.is_atomic:
            yield path, value
            return
        if self.containers and not there:
            yield path, None
        if isinstance(value, dict):
            yield from self.parts(node, value, path)
            return
        for item in value:
            below = (*path, list_element(node, item))
            yield below, None
            if isinstance(item, dict):
                yield from self.parts(node.items, item, below)


def list_element(node: Node, item: Any) -> str:
    """Return the path element of an item of an associative list or a set."""
    if keys := node.list_map_keys:
        defaults = {key: node.items.child(key) for key in keys}
        named = {
            key: item.get(key, default.schema.get("default") if (default := defaults[key]) else None)
            for key in sorted(keys)
        }
        present = {key: item for key, item in named.items() if item is not None}
        return "k:" + json.dumps(present, separators=(",", ":"))
    return "v:" + json.dumps(item, separators=(",", ":"))


def owned_after_update(
    before: dict[Path, Any], after: dict[Path, Any], entries: list[Entry], own: Entry
) -> list[Entry]:
    """Return the entries after an update by the manager of ``own``.

    That manager becomes the only owner of every field that the update added or changed.
    """
    changed = frozenset(path for path, value in after.items() if path not in before or before[path] != value)
    there = {path[:length] for path in after for length in range(1, len(path) + 1)}
    kept = []
    fields = changed
    for entry in entries:
        if entry.same_manager(own):
            fields |= entry.fields & there
            own = own if changed or fields != entry.fields else entry
        else:
            left = (entry.fields & there) - changed
            if left:
                kept.append(entry if left == entry.fields else replace_fields(entry, left))
    if fields:
        kept.append(replace_fields(own, fields))
    return kept


def replace_fields(entry: Entry, fields: frozenset[Path]) -> Entry:
    """Return a copy of the entry with other fields."""
    return Entry(entry.manager, entry.operation, entry.api_version, entry.time, fields, entry.subresource)


def read_entries(value: Object) -> list[Entry]:
    """Parse ``metadata.managedFields`` of an object."""
    return [
        Entry(
            manager=entry.get("manager", ""),
            operation=entry.get("operation", "Update"),
            api_version=entry.get("apiVersion", ""),
            time=entry.get("time", ""),
            fields=frozenset(_paths(entry.get("fieldsV1") or {}, ())),
            subresource=entry.get("subresource", ""),
        )
        for entry in value["metadata"].get("managedFields") or ()
    ]


def _paths(nested: Object, path: Path) -> Iterator[Path]:
    for element, below in nested.items():
        if element == ".":
            yield path
        elif below:
            yield from _paths(below, (*path, element))
        else:
            yield (*path, element)


def write_entries(entries: list[Entry]) -> list[Object]:
    """Serialize entries for ``metadata.managedFields``; Apply entries first, then by time, as upstream."""
    return [
        {
            "manager": entry.manager,
            "operation": entry.operation,
            "apiVersion": entry.api_version,
            "time": entry.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": _nest(entry.fields),
            **({"subresource": entry.subresource} if entry.subresource else {}),
        }
        for entry in sorted(entries, key=lambda item: (item.operation != "Apply", item.time, item.manager))
    ]


def _nest(fields: frozenset[Path]) -> Object:
    nested: Object = {}
    for path in sorted(fields):
        place = nested
        for depth, element in enumerate(path, 1):
            if element not in place:
                place[element] = {}
            elif not place[element] and path[:depth] in fields and depth < len(path):
                # the path itself and a path below it are both in the set
                place[element]["."] = {}
            place = place[element]
    return nested


def remove_paths(node: Node, value: Object, paths: frozenset[Path]) -> Object:
    """Remove fields from an object; a list item is removed if ``paths`` contains its own path."""
    return {
        key: _removed(node.child(key), item, (f"f:{key}",), paths)
        for key, item in value.items()
        if (f"f:{key}",) not in paths
    }


def _removed(node: Node | None, value: Any, path: Path, paths: frozenset[Path]) -> Any:
    if node is None or node.is_atomic:
        return value
    if isinstance(value, dict):
        return {
            key: _removed(node.child(key), item, (*path, f"f:{key}"), paths)
            for key, item in value.items()
            if (*path, f"f:{key}") not in paths
        }
    if isinstance(value, list):
        named = [((*path, list_element(node, item)), item) for item in value]
        return [_removed(node.items, item, at, paths) for at, item in named if at not in paths]
    return value
