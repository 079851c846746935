"""Related objects as they were received."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.errors import GatewayError
from gateway.kube.received import METADATA_KIND, ObjectHeader, decode
from gateway.resolvers.decoding import decode_object
from schema.building import DecodedObject
from schema.resources import GroupVersionKind, Resource

__all__ = ["Found", "Outcome", "found_in"]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An object of a resource: its bytes, which may lack ``apiVersion`` and ``kind``, and its header."""

    resource: Resource
    body: bytes | msgspec.Raw = field(repr=False)
    header: ObjectHeader

    @property
    def kind(self) -> GroupVersionKind:
        return self.resource.kind

    @property
    def namespace(self) -> str:
        return self.header.metadata.namespace

    @property
    def name(self) -> str:
        return self.header.metadata.name

    @property
    def labels(self) -> Mapping[str, str]:
        return self.header.metadata.labels or {}

    def decoded(self) -> DecodedObject:
        """The object as JSON types, with its ``apiVersion`` and ``kind``."""
        type_meta = {"apiVersion": self.kind.api_version, "kind": self.kind.kind}
        last = type_meta if self.header.kind == METADATA_KIND else {}
        return DecodedObject({**type_meta, **decode_object(self.body), **last})


def found_in(resource: Resource, body: bytes | msgspec.Raw) -> Found:
    """An object that was received. Raises UpstreamProtocolError."""
    return Found(resource, body, decode(body, ObjectHeader, "an object"))


@dataclass(slots=True)
class Outcome:
    """The related objects of one object, and the errors of related objects that could not be read.

    An object that does not exist causes no error.
    """

    objects: Sequence[Found] = ()
    errors: list[GatewayError] = field(default_factory=list)

    def plain_items(self) -> list[dict[str, Any]]:
        """The objects as JSON types."""
        return [found.decoded() for found in self.objects]
