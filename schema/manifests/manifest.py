"""The objects of a manifest: Lists unfolded, and each object checked for apiVersion, kind and name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schema.manifests.documents import read_documents
from schema.manifests.positions import Duplicate, MalformedManifest
from schema.resources import GroupVersion, GroupVersionKind

__all__ = ["Manifest", "ManifestObject", "parse_manifest"]

_LIST = "List"
_API_VERSION = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9.-]*/)?[A-Za-z0-9][A-Za-z0-9-]*")
"""A group version is a part of paths."""


@dataclass(frozen=True, slots=True)
class ManifestObject:
    """One object; ``index`` is its place in the manifest, from 0, with Lists unfolded.

    ``line`` is where its document begins. ``namespace`` is None if the object does not give one.
    """

    index: int
    line: int
    kind: GroupVersionKind
    name: str
    namespace: str | None
    content: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The objects, at least one, and the keys that occur twice, of which the last one counts."""

    objects: tuple[ManifestObject, ...]
    duplicates: tuple[Duplicate, ...]


def parse_manifest(text: str) -> Manifest:
    """Read a text of YAML or JSON as kubectl does; takes a second for some megabytes.

    Raises MalformedManifest for a text that is not YAML, for a document that is not an object with
    apiVersion, kind and metadata.name, and for a text without any object.
    """
    duplicates: list[Duplicate] = []
    objects: list[ManifestObject] = []
    for document in read_documents(text, duplicates):
        for content in _unfold(document.value, document.line):
            objects.append(_checked(content, len(objects), document.line))
    if not objects:
        raise MalformedManifest("the manifest has no objects", 1)
    return Manifest(tuple(objects), tuple(duplicates))


def _unfold(value: Any, line: int, kind: GroupVersionKind | None = None) -> Iterator[Mapping[str, Any]]:
    """The object itself, or the items of a List at any depth; ``kind`` is that of the items of a List."""
    if not isinstance(value, dict):
        raise MalformedManifest(f"an object has to be a mapping, and not {_json_type(value)}", line)
    given = value if kind is None else {"apiVersion": kind.api_version, "kind": kind.kind, **value}
    items = given.get("items")
    if isinstance(items, list) or (given.get("kind") == _LIST and items is None):
        for item in items or []:
            yield from _unfold(item, line, _kind_of_items(given))
    else:
        yield given


def _kind_of_items(given: Mapping[str, Any]) -> GroupVersionKind | None:
    """ConfigMap for the items of a ConfigMapList, which may omit it; None for the items of a List."""
    name, api_version = given.get("kind"), given.get("apiVersion")
    if not isinstance(name, str) or not isinstance(api_version, str):
        return None
    item, ending = name[: -len(_LIST)], name[-len(_LIST) :]
    group_version = GroupVersion.parse(api_version)
    if not item or ending != _LIST:
        return None
    return GroupVersionKind(group_version.group, group_version.version, item)


def _checked(content: Mapping[str, Any], index: int, line: int) -> ManifestObject:
    api_version = _text(content, "apiVersion", line)
    if not _API_VERSION.fullmatch(api_version):
        raise MalformedManifest(f"apiVersion {api_version[:80]!r} is not GROUP/VERSION or VERSION", line)
    kind = _text(content, "kind", line)
    metadata = content.get("metadata")
    if not isinstance(metadata, dict | None):
        raise MalformedManifest(f"metadata of {kind} has to be a mapping", line)
    metadata = metadata or {}
    if "name" not in metadata and metadata.get("generateName"):
        problem = f"metadata.generateName of {kind} does not go with a manifest: give metadata.name"
        raise MalformedManifest(problem, line)
    name = _text(metadata, "name", line, of=f"metadata.name of {kind}")
    namespace = metadata.get("namespace")
    if not isinstance(namespace, str | None):
        raise MalformedManifest(f"metadata.namespace of {kind} {name} has to be text: quote it", line)
    group_version = GroupVersion.parse(api_version)
    return ManifestObject(
        index,
        line,
        GroupVersionKind(group_version.group, group_version.version, kind),
        name,
        namespace or None,
        content,
    )


def _text(source: Mapping[str, Any], key: str, line: int, *, of: str = "") -> str:
    value = source.get(key)
    if value is None or value == "":
        raise MalformedManifest(f"{of or key} is missing", line)
    if not isinstance(value, str):
        raise MalformedManifest(f"{of or key} has to be text, and not {_json_type(value)}: quote it", line)
    return value


def _json_type(value: Any) -> str:
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case None:
            return "null"
    return "a mapping"
