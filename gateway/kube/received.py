"""Received objects: the JSON bytes, and a decoded header.

An object is never decoded to a tree of dicts. Its bytes are kept as received, and only a *header* (a msgspec
Struct: :class:`ObjectHeader` or a subclass with more fields) is decoded from them.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from gateway.errors import UpstreamProtocolError
from schema.confidential import Confidential
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
    """One owner of an object."""

    uid: str = ""


class ObjectMetadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The decoded part of ``metadata``."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: Mapping[str, str] | None = None
    owner_references: tuple[OwnerReference, ...] | None = None


class ObjectHeader(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The decoded part of an object."""

    metadata: ObjectMetadata
    kind: str = ""
    api_version: str = ""


class _Metadata(msgspec.Struct, gc=False):
    metadata: msgspec.Raw


class ReceivedObject(Confidential, msgspec.Struct, frozen=True, gc=False):
    """An object's bytes, as received, and its decoded header."""

    object: bytes
    header: ObjectHeader


T = TypeVar("T")


def decode(body: bytes | msgspec.Raw, expected: type[T], subject: str) -> T:
    """Decode JSON to ``expected``. Raises UpstreamProtocolError; its message names ``subject``."""
    try:
        return msgspec.json.decode(body, type=expected)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(f"the API server sent {subject} that cannot be read: {error}") from error


def receive(raw: msgspec.Raw, header: type[ObjectHeader], prefix: bytes = b"") -> ReceivedObject:
    """Decode an object's header; an object without a kind gets ``prefix`` (see :func:`type_meta`)."""
    decoded = decode(raw, header, "an object")
    if prefix and decoded.kind == METADATA_KIND:
        return ReceivedObject(b"".join((prefix, b'"metadata":', metadata_bytes(raw), b"}")), decoded)
    # Copied: a Raw is a view that keeps the whole page or line alive.
    body = b"".join((prefix, memoryview(raw)[1:])) if prefix and not decoded.kind else bytes(raw)
    return ReceivedObject(body, decoded)


def type_meta(kind: GroupVersionKind) -> bytes:
    """The first bytes of an object of ``kind``: an open brace, ``kind``, ``apiVersion`` and a comma."""
    return msgspec.json.encode({"kind": kind.kind, "apiVersion": kind.api_version})[:-1] + b","


def metadata_bytes(body: bytes | msgspec.Raw) -> bytes:
    """The bytes of an object's ``metadata``."""
    return bytes(decode(body, _Metadata, "an object").metadata)


def with_resource_version(body: bytes, resource_version: str) -> bytes:
    """The object with ``metadata.resourceVersion`` replaced; every other value keeps its bytes."""
    fields = decode(body, dict[str, msgspec.Raw], "an object")
    metadata = decode(fields["metadata"], dict[str, msgspec.Raw], "an object's metadata")
    metadata["resourceVersion"] = msgspec.Raw(msgspec.json.encode(resource_version))
    fields["metadata"] = msgspec.Raw(msgspec.json.encode(metadata))
    return msgspec.json.encode(fields)
