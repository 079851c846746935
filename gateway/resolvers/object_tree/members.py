"""The objects of many kinds, each found by the UIDs of its owners.

Per kind a running informer that the caller may read answers, else one LIST as the caller, of metadata alone
where the health and the selection need no more. A kind that cannot be listed is left out and named in
``extensions.leftOut``; the others stand.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from gateway.errors import GatewayError
from gateway.informers import Informer, Scope, StoredObject, View
from gateway.kube.paths import resource_path
from gateway.kube.received import ObjectHeader, decode
from gateway.resolvers.caller_informers import find_view
from gateway.resolvers.context import Info, budget_of, limited_client_of
from schema.confidential import Confidential
from schema.model import ServedResource

__all__ = [
    "ListedMembers",
    "Member",
    "Members",
    "OnlyMetadata",
    "list_members",
    "note_left_out",
    "read_members",
]

_JSON = "application/json"
_METADATA = f"{_JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{_JSON}"

OnlyMetadata = Callable[[ServedResource], bool]
"""Whether the objects of a kind need nothing but their metadata."""


class Member(Confidential, msgspec.Struct, frozen=True, gc=False):
    """An object: its JSON, and the informer that stores it, if one does."""

    served: ServedResource
    body: bytes | msgspec.Raw
    header: ObjectHeader
    informer: Informer | None = None

    @property
    def stored(self) -> StoredObject:
        """The object as an informer stores it."""
        return StoredObject(self.key, bytes(self.body), self.header)

    @property
    def key(self) -> str:
        """The key of the object in an informer: ``namespace/name``, or the name."""
        metadata = self.header.metadata
        return f"{metadata.namespace}/{metadata.name}" if metadata.namespace else metadata.name

    @property
    def uid(self) -> str:
        return self.header.metadata.uid

    @property
    def owners(self) -> list[str]:
        """The UIDs of the owners."""
        return [owner.uid for owner in self.header.metadata.owner_references or ()]

    @property
    def place(self) -> tuple[str, str, str]:
        """The order of siblings: kind, namespace, name."""
        metadata = self.header.metadata
        return self.served.resource.kind.kind, metadata.namespace, metadata.name


class Members(Protocol):
    """The objects of one kind."""

    def owned_by(self, owners: Collection[str]) -> Iterable[Member]:
        """The objects with one of the owners."""


@dataclass(frozen=True, slots=True)
class _StoredMembers:
    """The objects of an informer, by its index of owners."""

    served: ServedResource
    view: View

    def owned_by(self, owners: Collection[str]) -> Iterable[Member]:
        informer = self.view.informer
        return (_stored(self.served, stored, informer) for stored in self.view.owned_by(*owners))


class ListedMembers:
    """The objects of a list."""

    def __init__(self, members: Iterable[Member]) -> None:
        self._by_owner: defaultdict[str, list[Member]] = defaultdict(list)
        for member in members:
            for owner in member.owners:
                self._by_owner[owner].append(member)

    def owned_by(self, owners: Collection[str]) -> Iterable[Member]:
        return (member for owner in owners for member in self._by_owner.get(owner, ()))


class _Bodies(msgspec.Struct, gc=False):
    items: list[msgspec.Raw] | None = None


class _Headers(msgspec.Struct, gc=False):
    items: list[ObjectHeader] | None = None


async def read_members(
    info: Info, kinds: Sequence[ServedResource], namespace: str | None, only_metadata: OnlyMetadata
) -> list[Members]:
    """The objects of the kinds, in one namespace or in all; the kinds that fail are left out and named."""
    read = await asyncio.gather(
        *(_read(info, served, namespace, only_metadata=only_metadata(served)) for served in kinds),
        return_exceptions=True,
    )
    left_out: list[tuple[ServedResource, GatewayError]] = []
    members: list[Members] = []
    for served, result in zip(kinds, read, strict=True):
        if isinstance(result, GatewayError):
            left_out.append((served, result))
        elif isinstance(result, BaseException):
            raise result
        else:
            members.append(result)
    note_left_out(info, left_out)
    return members


def note_left_out(info: Info, left_out: Sequence[tuple[ServedResource, GatewayError]]) -> None:
    """Name kinds in ``extensions.leftOut``, by the field's response name."""
    if left_out:
        info.context.extensions.setdefault("leftOut", {})[str(info.path.key)] = [
            {
                "apiVersion": served.resource.kind.api_version,
                "kind": served.resource.kind.kind,
                "code": error.code,
                "message": error.message,
            }
            for served, error in left_out
        ]


async def _read(info: Info, served: ServedResource, namespace: str | None, *, only_metadata: bool) -> Members:
    namespace = namespace if served.resource.namespaced else None
    view = await find_view(info, "list", served.resource, Scope(namespace))
    if view is not None:
        return _StoredMembers(served, view)
    return ListedMembers(await _list(info, served, namespace, only_metadata=only_metadata))


async def list_members(
    info: Info,
    served: ServedResource,
    namespace: str | None,
    *,
    only_metadata: bool = False,
    **parameters: str,
) -> Sequence[Member]:
    """All objects of a kind from an informer, else those of one LIST with these parameters.

    Raises GatewayError.
    """
    namespace = namespace if served.resource.namespaced else None
    view = await find_view(info, "list", served.resource, Scope(namespace))
    if view is not None:
        return [_stored(served, stored, view.informer) for stored in view.objects()]
    return await _list(info, served, namespace, only_metadata=only_metadata, **parameters)


async def _list(
    info: Info, served: ServedResource, namespace: str | None, *, only_metadata: bool, **parameters: str
) -> Sequence[Member]:
    response = await info.context.shared.flights.get(
        limited_client_of(info),
        resource_path(served.resource, namespace),
        parameters,
        accept=_METADATA if only_metadata else _JSON,
        operation=budget_of(info),
    )
    bodies = decode(response.body, _Bodies, "a list").items or ()
    headers = decode(response.body, _Headers, "a list").items or ()
    return [Member(served, body, header) for body, header in zip(bodies, headers, strict=True)]


def _stored(served: ServedResource, stored: StoredObject, informer: Informer) -> Member:
    return Member(served, stored.object, stored.header, informer)
