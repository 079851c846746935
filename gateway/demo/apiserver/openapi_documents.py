"""The recorded OpenAPI documents, and a tree view of their schemas.

A document is read on first use: reading all documents would take most of the start-up time.
"""

import gzip
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import msgspec

from schema.resources import GroupVersion, GroupVersionKind

__all__ = ["Document", "Documents", "Node", "closure", "recorded_discovery"]

FOLDER = Path(__file__).parent / "openapi"
PREFIX = "#/components/schemas/"
REFERENCE = re.compile(rf'"{PREFIX}([^"]+)"')


def read_recorded(name: str) -> bytes:
    return gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes())


def recorded_discovery() -> dict[str, Any]:
    """Return ``version`` (of the recorded API server) and ``groups`` (items of aggregated discovery)."""
    discovery: dict[str, Any] = msgspec.json.decode(read_recorded("discovery"))
    return discovery


def closure(schemas: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the named definitions and every definition that they reference, directly or indirectly."""
    found: dict[str, Any] = {}
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in found:
            found[name] = schemas[name]
            pending += REFERENCE.findall(json.dumps(schemas[name]))
    return found


class Document:
    """The OpenAPI v3 document of one group and version."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    @cached_property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = msgspec.json.decode(self.raw)
        return content

    @cached_property
    def hash(self) -> str:
        return hashlib.sha512(self.raw).hexdigest().upper()

    @cached_property
    def kinds(self) -> Mapping[GroupVersionKind, str]:
        """The definition name of each kind."""
        return {
            GroupVersionKind(**kind): name
            for name, schema in self.content["components"]["schemas"].items()
            if len(kinds := schema.get("x-kubernetes-group-version-kind", ())) == 1
            for kind in kinds
        }


@cache
def recorded_document(path: str) -> Document:
    """Return a recorded document; it is immutable, so all demo servers of the process share one copy."""
    return Document(read_recorded(path.replace("/", "_")))


class Documents:
    """All documents: recorded documents, and documents of custom groups (added and removed at run time)."""

    def __init__(self, recorded: tuple[GroupVersion, ...]) -> None:
        self.recorded = recorded
        self.custom: dict[str, Document] = {}

    def paths(self) -> list[str]:
        """Return the sorted paths of all documents (``api/v1``, ``apis/apps/v1``)."""
        return sorted({*(item.path for item in self.recorded), *self.custom})

    def get(self, path: str) -> Document | None:
        """Return the document of a group and version by its path; None if there is no such document."""
        if path in self.custom:
            return self.custom[path]
        if path not in {item.path for item in self.recorded}:
            return None
        return recorded_document(path)

    def drop_group(self, group: str) -> None:
        """Drop the documents of a custom group."""
        prefix = f"apis/{group}/"
        self.custom = {path: item for path, item in self.custom.items() if not path.startswith(prefix)}

    def node(self, kind: GroupVersionKind) -> "Node":
        """Return the schema of a kind; the schema of an unknown kind is empty and accepts any value."""
        document = self.get(kind.group_version.path)
        name = document.kinds.get(kind) if document else None
        if document is None or name is None:
            return Node({}, {})
        schemas = document.content["components"]["schemas"]
        return Node(schemas[name], schemas)


@dataclass(frozen=True, slots=True)
class Node:
    """The schema of one value, with references resolved; ``schemas`` are the definitions of its document."""

    schema: Mapping[str, Any]
    schemas: Mapping[str, Any]

    def _at(self, schema: Mapping[str, Any]) -> "Node":
        # keys beside $ref take precedence: extensions and defaults belong to the field, not its type
        while (reference := _reference(schema)) is not None:
            outer = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
            schema = {**self.schemas[reference.removeprefix(PREFIX)], **outer}
        return Node(schema, self.schemas)

    def child(self, name: str) -> "Node | None":
        """Return the schema of a property or of a map value; None for an unknown property."""
        if (found := self.schema.get("properties", {}).get(name)) is not None:
            return self._at(found)
        additional = self.schema.get("additionalProperties")
        return self._at(additional) if isinstance(additional, dict) else None

    def properties(self) -> Iterator[tuple[str, "Node"]]:
        """Iterate over the declared properties and their schemas."""
        for name, schema in self.schema.get("properties", {}).items():
            yield name, self._at(schema)

    @property
    def items(self) -> "Node":
        """The schema of a list's items."""
        return self._at(self.schema.get("items", {}))

    @property
    def type(self) -> str | None:
        """The JSON type; None if the schema allows several types or any type."""
        found: str | None = self.schema.get("type")
        return found

    @property
    def takes_anything(self) -> bool:
        """Whether the object accepts properties that the schema does not declare."""
        return bool(
            self.schema.get("x-kubernetes-preserve-unknown-fields")
            or self.schema.get("additionalProperties") is True
            or not ("properties" in self.schema or "additionalProperties" in self.schema)
        )

    @property
    def is_map(self) -> bool:
        """Whether the value is a map: an object with arbitrary keys."""
        return "additionalProperties" in self.schema and "properties" not in self.schema

    @property
    def merge_key(self) -> str | None:
        """The key that identifies list items in a strategic merge patch; None if there is no key."""
        key: str | None = self.schema.get("x-kubernetes-patch-merge-key")
        return key

    @property
    def patch_strategies(self) -> list[str]:
        """The strategies of a strategic merge patch for the value: ``merge``, ``replace``, ``retainKeys``."""
        return str(self.schema.get("x-kubernetes-patch-strategy", "")).split(",")

    @property
    def list_map_keys(self) -> list[str]:
        """The keys that identify an item of an associative list; empty for other lists."""
        if self.schema.get("x-kubernetes-list-type") != "map":
            return []
        return list(self.schema.get("x-kubernetes-list-map-keys", ()))

    @property
    def is_set(self) -> bool:
        """Whether the value is a list with set semantics."""
        return self.schema.get("x-kubernetes-list-type") == "set"

    @property
    def is_atomic(self) -> bool:
        """Whether server-side apply treats the value as one field, with one owner."""
        kind = self.schema.get("x-kubernetes-list-type" if self.type == "array" else "x-kubernetes-map-type")
        if self.type == "array":
            return kind not in ("map", "set")
        return kind == "atomic" or not any(
            item in self.schema
            for item in ("properties", "additionalProperties", "x-kubernetes-preserve-unknown-fields")
        )

    def empty_default(self) -> bool:
        """Whether the default is an empty object (a Go struct, not a pointer)."""
        return self.schema.get("default") == {}


def _reference(schema: Mapping[str, Any]) -> str | None:
    if "$ref" in schema:
        return str(schema["$ref"])
    match schema.get("allOf"):
        case [{"$ref": str(reference)}]:
            return reference
    return None
