"""The recorded OpenAPI documents, and the schema of a value as a tree that can be walked.

Documents are read when they are first needed: reading all of them would take most of the start-up.
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
    """``version`` (of the recorded API server) and ``groups`` (aggregated discovery's items)."""
    discovery: dict[str, Any] = msgspec.json.decode(read_recorded("discovery"))
    return discovery


def closure(schemas: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """Some definitions, with all that they refer to."""
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
        """The definition of item kind."""
        return {
            GroupVersionKind(**kind): name
            for name, schema in self.content["components"]["schemas"].items()
            if len(kinds := schema.get("x-kubernetes-group-version-kind", ())) == 1
            for kind in kinds
        }


@cache
def recorded_document(path: str) -> Document:
    """A recorded document, read once: it does not change, and several demos share it."""
    return Document(read_recorded(path.replace("/", "_")))


class Documents:
    """All documents: the recorded ones, and those of custom resources, which come and go."""

    def __init__(self, recorded: tuple[GroupVersion, ...]) -> None:
        self.recorded = recorded
        self.custom: dict[str, Document] = {}

    def paths(self) -> list[str]:
        """The path of every document (``api/v1``, ``apis/apps/v1``)."""
        return sorted({*(item.path for item in self.recorded), *self.custom})

    def get(self, path: str) -> Document | None:
        """The document of a group and version, by its path."""
        if path in self.custom:
            return self.custom[path]
        if path not in {item.path for item in self.recorded}:
            return None
        return recorded_document(path)

    def forget(self, group: str) -> None:
        """Drop the documents of a custom group."""
        prefix = f"apis/{group}/"
        self.custom = {path: item for path, item in self.custom.items() if not path.startswith(prefix)}

    def node(self, kind: GroupVersionKind) -> "Node":
        """The schema of a kind; an unknown kind takes anything."""
        document = self.get(kind.group_version.path)
        name = document.kinds.get(kind) if document else None
        if document is None or name is None:
            return Node({}, {})
        schemas = document.content["components"]["schemas"]
        return Node(schemas[name], schemas)


@dataclass(frozen=True, slots=True)
class Node:
    """The schema of one value, references followed; ``schemas`` are the document's definitions."""

    schema: Mapping[str, Any]
    schemas: Mapping[str, Any]

    def _at(self, schema: Mapping[str, Any]) -> "Node":
        # the outer keys win: extensions and defaults belong to the field, not to its type
        while (reference := _reference(schema)) is not None:
            outer = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
            schema = {**self.schemas[reference.removeprefix(PREFIX)], **outer}
        return Node(schema, self.schemas)

    def child(self, name: str) -> "Node | None":
        """The schema of a property, or of a value of a map; None for an unknown property."""
        if (found := self.schema.get("properties", {}).get(name)) is not None:
            return self._at(found)
        additional = self.schema.get("additionalProperties")
        return self._at(additional) if isinstance(additional, dict) else None

    def properties(self) -> Iterator[tuple[str, "Node"]]:
        """The named properties."""
        for name, schema in self.schema.get("properties", {}).items():
            yield name, self._at(schema)

    @property
    def items(self) -> "Node":
        """The schema of a list's items."""
        return self._at(self.schema.get("items", {}))

    @property
    def type(self) -> str | None:
        """The JSON type; None where several or any are allowed."""
        found: str | None = self.schema.get("type")
        return found

    @property
    def takes_anything(self) -> bool:
        """Whether properties that the schema doesn't name belong to the object nevertheless."""
        return bool(
            self.schema.get("x-kubernetes-preserve-unknown-fields")
            or self.schema.get("additionalProperties") is True
            or not ("properties" in self.schema or "additionalProperties" in self.schema)
        )

    @property
    def is_map(self) -> bool:
        """Whether it is a map: an object whose keys are data."""
        return "additionalProperties" in self.schema and "properties" not in self.schema

    @property
    def merge_key(self) -> str | None:
        """The key that names an item, where a strategic merge patch merges the list by one."""
        key: str | None = self.schema.get("x-kubernetes-patch-merge-key")
        return key

    @property
    def patch_strategies(self) -> list[str]:
        """``merge``, ``replace``, ``retainKeys``: how a strategic merge patch treats the value."""
        return str(self.schema.get("x-kubernetes-patch-strategy", "")).split(",")

    @property
    def list_map_keys(self) -> list[str]:
        """The keys that name an item of an associative list; empty for other lists."""
        if self.schema.get("x-kubernetes-list-type") != "map":
            return []
        return list(self.schema.get("x-kubernetes-list-map-keys", ()))

    @property
    def is_set(self) -> bool:
        """Whether a list is a set."""
        return self.schema.get("x-kubernetes-list-type") == "set"

    @property
    def is_atomic(self) -> bool:
        """Whether the value has one owner as a whole, in server-side apply."""
        kind = self.schema.get("x-kubernetes-list-type" if self.type == "array" else "x-kubernetes-map-type")
        if self.type == "array":
            return kind not in ("map", "set")
        return kind == "atomic" or not any(
            item in self.schema
            for item in ("properties", "additionalProperties", "x-kubernetes-preserve-unknown-fields")
        )

    def empty_default(self) -> bool:
        """Whether an absent value means an empty object (a struct, not a pointer)."""
        return self.schema.get("default") == {}


def _reference(schema: Mapping[str, Any]) -> str | None:
    if "$ref" in schema:
        return str(schema["$ref"])
    match schema.get("allOf"):
        case [{"$ref": str(reference)}]:
            return reference
    return None
