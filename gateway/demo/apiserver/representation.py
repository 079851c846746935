"""The wire format of an object: in the requested version, complete or as metadata only.

Items of a list of built-in kinds carry no ``kind`` and ``apiVersion``, as with the real API server.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from gateway.demo.apiserver.conversion import from_stored, needs_conversion
from gateway.demo.apiserver.statuses import not_acceptable
from gateway.demo.apiserver.storage import Stored
from schema.resources import GroupVersionKind, Resource

__all__ = ["Representation", "negotiate"]

PARTIAL = GroupVersionKind("meta.k8s.io", "v1", "PartialObjectMetadata")


def type_prefix(kind: GroupVersionKind) -> bytes:
    """The first keys of an object's JSON: ``kind`` and ``apiVersion``."""
    return f'{{"kind":"{kind.kind}","apiVersion":"{kind.api_version}",'.encode()


class Representation:
    """One resource in the form that a client accepts; ``partial`` for metadata only."""

    def __init__(self, resource: Resource, *, partial: bool = False, custom: bool = False) -> None:
        self.resource = resource
        self.partial = partial
        self.typed_items = partial or custom
        self.kind = PARTIAL if partial else resource.kind
        self.prefix = type_prefix(self.kind)
        self.converted = needs_conversion(resource.gvr)

    def value(self, stored: Stored) -> dict[str, Any]:
        """The object as a value, with its kind."""
        typed = {"kind": self.kind.kind, "apiVersion": self.kind.api_version}
        if self.partial:
            return {**typed, "metadata": stored.object["metadata"]}
        return {**typed, **from_stored(self.resource.gvr, stored.object)}

    def object(self, stored: Stored) -> bytes:
        """The JSON of a single object."""
        return self.prefix + self._plain(stored)[1:]

    def list(self, items: Iterable[Stored], metadata: dict[str, Any]) -> bytes:
        """The JSON of a list."""
        write = self.object if self.typed_items else self._plain
        kind = GroupVersionKind(self.kind.group, self.kind.version, f"{self.kind.kind}List")
        return b'%b"metadata":%b,"items":[%b]}' % (
            type_prefix(kind),
            msgspec.json.encode(metadata),
            b",".join(map(write, items)),
        )

    def event(self, event_type: str, stored: Stored) -> bytes:
        """One line of a watch."""
        return b'{"type":"%b","object":%b}\n' % (event_type.encode(), self.object(stored))

    def bookmark(self, revision: int, *, initial_events_end: bool = False) -> bytes:
        """The bookmark line of a watch."""
        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        if initial_events_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        rest = msgspec.json.encode({"metadata": metadata})[1:]
        return b'{"type":"BOOKMARK","object":%b}\n' % (self.prefix + rest)

    def _plain(self, stored: Stored) -> bytes:
        if self.partial:
            return msgspec.json.encode({"metadata": stored.object["metadata"]})
        if self.converted:
            return msgspec.json.encode(from_stored(self.resource.gvr, stored.object))
        return stored.raw


def negotiate(resource: Resource, accept: str, *, custom: bool) -> Representation:
    """The first of the ``Accept`` header's types that is served; refuses (406) if none is."""
    for clause in accept.split(",") if accept else ("*/*",):
        media_type, *rest = (part.strip() for part in clause.split(";"))
        parameters = dict(item.partition("=")[::2] for item in rest)
        if media_type not in ("application/json", "application/*", "*/*"):
            continue
        match parameters.get("as"):
            case None:
                return Representation(resource, custom=custom)
            case "PartialObjectMetadata" | "PartialObjectMetadataList" if parameters.get("v") == "v1":
                return Representation(resource, partial=True, custom=custom)
    raise not_acceptable()
