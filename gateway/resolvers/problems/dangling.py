"""Dangling references: required references to objects that do not exist.

The references of all objects are collected first. The kinds to which they lead, and that are not read yet,
take one LIST of metadata each. References to other namespaces than the requested one are read by name, or by
one LIST if they are many (:mod:`gateway.resolvers.relations.reader`). A reference dangles only if its target
is certain not to exist: kinds that the schema does not have, and objects that the caller may not read, count
as existing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from gateway.concurrency import LoopYielder
from gateway.errors import GatewayError
from gateway.kube.received import decode
from gateway.resolvers.object_tree import Member, decoded_object
from gateway.resolvers.problems.listing import KindKey, Listing, Problem, key_of
from gateway.resolvers.relations.reader import NamespacedName, ObjectReader
from schema.model import ServedResource
from schema.relations import KindIndex, KindName, ObjectName, ReferenceFinder

__all__ = ["find_dangling"]

_BYTES_PER_YIELD = 1 << 20


class _Metadata(msgspec.Struct, rename="camel", gc=False):
    creation_timestamp: str | None = None


class _Created(msgspec.Struct, gc=False):
    metadata: _Metadata


@dataclass(frozen=True, slots=True, eq=False)
class _Reference:
    """A reference of ``member`` to the object of the kind ``target`` at ``place``."""

    member: Member
    target: ServedResource
    place: NamespacedName


async def find_dangling(
    references: ReferenceFinder, listing: Listing, kinds: Iterable[ServedResource]
) -> list[tuple[Member, Problem]]:
    """The dangling references of all objects of ``kinds``, in the order of the kinds and of their objects.

    ``listing`` reads the kinds of the targets that it has not read yet.
    """
    found = await _references(references, listing, kinds)
    targets = {key_of(item.target): item.target for item in found if _is_listed(item, listing)}
    await listing.read(targets.values())
    exist = {
        key: {(member.header.metadata.namespace, member.header.metadata.name) for member in members}
        for key, members in listing.members.items()
        if key in targets
    }
    missing_elsewhere = await _missing_elsewhere(listing, found)
    return [
        (item.member, _problem(item))
        for item in found
        if (item in missing_elsewhere if not _is_listed(item, listing) else _is_missing(item, exist))
    ]


def _is_missing(reference: _Reference, exist: Mapping[KindKey, set[NamespacedName]]) -> bool:
    places = exist.get(key_of(reference.target))
    return places is not None and reference.place not in places


async def _references(
    references: ReferenceFinder, listing: Listing, kinds: Iterable[ServedResource]
) -> list[_Reference]:
    """The references of all objects to kinds of the schema."""
    found: dict[tuple[int, KindKey, NamespacedName], _Reference] = {}
    yielder = LoopYielder(_BYTES_PER_YIELD)
    for served in kinds:
        required = references.of(served)
        for member in listing.members.get(key_of(served), ()) if required else ():
            names = required.find(member.body, member.header.metadata.namespace)
            for target, place in _targets(references.kinds, names):
                reference = _Reference(member, target, place)
                found.setdefault((id(member), key_of(target), place), reference)
            await yielder.after(memoryview(member.body).nbytes)
    return list(found.values())


def _targets(
    kinds: KindIndex, names: Iterable[ObjectName]
) -> Iterator[tuple[ServedResource, NamespacedName]]:
    for name in names:
        served = kinds.find(name.kind, name.near) if isinstance(name.kind, KindName) else name.kind
        if served is None:
            continue
        if not served.resource.namespaced:
            yield served, ("", name.name)
        elif name.namespace:
            yield served, (name.namespace, name.name)


def _is_listed(reference: _Reference, listing: Listing) -> bool:
    """Whether the target belongs to the objects that the listing reads."""
    namespace = reference.place[0]
    return listing.namespace is None or not namespace or namespace == listing.namespace


async def _missing_elsewhere(listing: Listing, found: Sequence[_Reference]) -> frozenset[_Reference]:
    """The references to other namespaces whose targets do not exist."""
    by_kind: dict[KindKey, list[_Reference]] = {}
    for item in found:
        if not _is_listed(item, listing):
            by_kind.setdefault(key_of(item.target), []).append(item)
    missing: list[_Reference] = []
    reader = ObjectReader(listing.info, only_metadata=True)
    for some in by_kind.values():
        target = some[0].target
        read = await reader.read(target.resource, {item.place for item in some})
        for item in some:
            result = read.get(item.place)
            if result is None:
                missing.append(item)
            elif isinstance(result, GatewayError):
                listing.leave_out(target, result)
    return frozenset(missing)


def _problem(reference: _Reference) -> Problem:
    kind, (place, name) = reference.target.resource.kind.kind, reference.place
    own = reference.member.header.metadata.namespace
    where = f" of the namespace {place}" if place and place != own else ""
    return {
        "object": decoded_object(reference.member),
        "reason": f"Missing{kind}",
        "message": f"The {kind} {name}{where} does not exist.",
        "since": decode(reference.member.body, _Created, "an object").metadata.creation_timestamp,
    }
