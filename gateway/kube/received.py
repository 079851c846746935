"""Objects as they come from an API server: their JSON bytes, and the little of them that is read here.

An object is never built as a tree of dicts: its bytes are kept as they came, and a *header* (a msgspec
Struct, :class:`ObjectHeader` or one with more fields) is decoded from them.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from gateway.errors import UpstreamProtocolError
from schema.resources import GroupVersionKind

__all__ = [
    "JSON",
    "METADATA_KIND",
    "ObjectHeader",
    "ObjectMetadata",
    "OwnerReference",
    "ReceivedObject",
    "decode",
    "metadata_bytes",
    "receive",
    "type_meta",
    "with_resource_version",
]

JSON = "application/json"
METADATA_KIND = "PartialObjectMetadata"


class OwnerReference(msgspec.Struct, frozen=True, gc=False):
    """Who owns an object."""

    uid: str = ""


class ObjectMetadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What is read of ``metadata``."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: Mapping[str, str] | None = None
    owner_references: tuple[OwnerReference, ...] | None = None


class ObjectHeader(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What is read of an object."""

    metadata: ObjectMetadata
    kind: str = ""
    api_version: str = ""


class _Metadata(msgspec.Struct, gc=False):
    metadata: msgspec.Raw


class ReceivedObject(msgspec.Struct, frozen=True, gc=False):
    """An object as it came: its bytes and its header."""

    object: bytes
    header: ObjectHeader


T = TypeVar("T")


def decode(body: bytes | msgspec.Raw, expected: type[T], what: str) -> T:
    """Decode JSON; UpstreamProtocolError, with ``what`` it was to be, where it is something else."""
    try:
        return msgspec.json.decode(body, type=expected)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(f"the API server sent {what} that cannot be read: {error}") from error


def receive(raw: msgspec.Raw, header: type[ObjectHeader], prefix: bytes = b"") -> ReceivedObject:
    """Read an object; ``prefix`` (of :func:`type_meta`) is put before one that has no kind of its own."""
    decoded = decode(raw, header, "an object")
    if prefix and decoded.kind == METADATA_KIND:
        return ReceivedObject(b"".join((prefix, b'"metadata":', metadata_bytes(raw), b"}")), decoded)
    # a copy, because a Raw keeps the whole page or line alive
    body = b"".join((prefix, memoryview(raw)[1:])) if prefix and not decoded.kind else bytes(raw)
    return ReceivedObject(body, decoded)


def type_meta(kind: GroupVersionKind) -> bytes:
    """The beginning of an object of that kind, its metadata still to come."""
    return msgspec.json.encode({"kind": kind.kind, "apiVersion": kind.api_version})[:-1] + b","


def metadata_bytes(body: bytes | msgspec.Raw) -> bytes:
    """The metadata of an object, as it came."""
    return bytes(decode(body, _Metadata, "an object").metadata)


def with_resource_version(body: bytes, resource_version: str) -> bytes:
    """The object with another ``metadata.resourceVersion``; every other value keeps its bytes."""
    fields = decode(body, dict[str, msgspec.Raw], "an object")
    metadata = decode(fields["metadata"], dict[str, msgspec.Raw], "an object's metadata")
    metadata["resourceVersion"] = msgspec.Raw(msgspec.json.encode(resource_version))
    fields["metadata"] = msgspec.Raw(msgspec.json.encode(metadata))
    return msgspec.json.encode(fields)
