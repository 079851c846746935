"""``whereRelated``: lists of the objects that have related objects, or have none.

The filter works on the encoded objects of a page, or of an informer: it decodes the values that the relations
read, looks up the distinct lookups together (:mod:`gateway.resolvers.relations.loader`), and keeps the bytes
of the objects that meet all conditions. The answer is then decoded from them as without a filter.

An object meets ``exists: true`` if a related object is found, and ``exists: false`` if there is none among
all. If that is unknown, because the caller may not list a related kind, the list is an error: an object
whose related objects are hidden would look like one without any.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import msgspec

from gateway.concurrency import LoopYielder
from gateway.errors import BadArgument, Forbidden, UpstreamProtocolError
from gateway.informers import StoredObject
from gateway.kube.received import decode
from gateway.resolvers.context import Info
from gateway.resolvers.decoding import raw_items
from gateway.resolvers.list_slices import head_of
from gateway.resolvers.relations.found import Outcome
from gateway.resolvers.relations.loader import RelationLoader
from gateway.resolvers.relations.whole_kinds import WholeKinds
from schema.building import ObjectTypes
from schema.model import ServedResource, Verb
from schema.relations import (
    Arguments,
    Lookup,
    ObjectName,
    Origin,
    PlacedRelation,
    Relations,
    Search,
    TopOwner,
    find_relation,
    relation_names,
)
from schema.relations.paths import EncodedValues, value_at
from schema.relations.relation import Path
from schema.resources import Resource
from schema.selectors import LabelSelector, parse_label_selector

__all__ = ["related_filter"]

MAX_CONDITIONS = 10
_BYTES_PER_YIELD = 1 << 20
_LOOKUPS_PER_YIELD = 1000
_METADATA = frozenset(("metadata", "apiVersion", "kind"))
_NAMESPACE = ("metadata", "namespace")
_HINT = (
    "`whereRelated` needs the right to list them: without it, an object whose related objects you may not see"
    " would look like one without any"
)

Body = bytes | msgspec.Raw
_Part = ObjectName | Search | TopOwner


@dataclass(frozen=True, slots=True)
class _Condition:
    """One entry of ``whereRelated``; an empty ``labels`` counts all related objects."""

    placed: PlacedRelation
    exists: bool
    labels: str
    selector: LabelSelector

    def is_met(self, outcome: Outcome) -> bool:
        """Whether an object with these related objects meets it. Raises GatewayError if that is unknown."""
        if any(self.selector.matches(found.labels) for found in outcome.objects):
            return self.exists
        for error in outcome.errors:
            raise Forbidden(error.status, _HINT) if isinstance(error, Forbidden) else error
        return not self.exists


def related_filter(
    info: Info, served: ServedResource, conditions: Sequence[Mapping[str, Any]] | None
) -> "RelatedFilter | None":
    """The filter for a list of the resource; None without conditions.

    Raises BadArgument for too many conditions, an unknown relation and a malformed label selector.
    """
    if not conditions:
        return None
    if len(conditions) > MAX_CONDITIONS:
        raise BadArgument(f"`whereRelated` has {len(conditions)} conditions; the limit is {MAX_CONDITIONS}")
    types: ObjectTypes = info.schema.extensions["types"]
    parsed = [_condition(types.relations, served, **condition) for condition in conditions]
    return RelatedFilter(info, types.relations, served.resource, tuple(dict.fromkeys(parsed)))


def _condition(
    relations: Relations,
    served: ServedResource,
    *,
    relation: str,
    exists: bool | None = True,
    label_selector: str | None = None,
) -> _Condition:
    placed = find_relation(relations, served.object, relation)
    kind = served.resource.kind.kind
    if placed is None:
        names = relation_names(relations, served.object)
        raise BadArgument(f"{kind} has no relation {relation!r}; its relations are {names}")
    target = placed.relation.target
    if target is not None and Verb.LIST not in target.pinned:
        raise BadArgument(
            f"{kind} cannot be filtered by {relation!r}: {target.resource.gvr} cannot be listed"
        )
    try:
        selector = parse_label_selector(label_selector or "")
    except ValueError as error:
        raise BadArgument(str(error)) from error
    return _Condition(placed, exists is not False, label_selector or "", selector)


_Key = tuple[bytes, ...]
"""The namespace of an object and the values that a condition reads, encoded."""


@dataclass(slots=True, eq=False)
class _Lookups:
    """The lookups for one condition: the key of each object, and the lookup of each distinct key."""

    keys: list[_Key] = field(default_factory=list, repr=False)
    by_key: dict[_Key, Lookup] = field(default_factory=dict, repr=False)


class RelatedFilter:
    """The conditions of one list field of one operation (:class:`gateway.resolvers.lists.ObjectFilter`)."""

    def __init__(
        self, info: Info, relations: Relations, resource: Resource, conditions: Sequence[_Condition]
    ) -> None:
        self._info = info
        self._relations = relations
        self._conditions = conditions
        self._reading = [_Reading(resource, condition.placed) for condition in conditions]
        labels = {condition.labels for condition in conditions}
        self._kinds = WholeKinds(info, labels.pop() if len(labels) == 1 else "")
        self._values = EncodedValues(path for reading in self._reading for path in reading.paths)
        self.only_metadata = all(path[0] in _METADATA for path in self._values.roots)

    async def filter_page(self, body: bytes, namespace: str | None) -> bytes:
        """The List with the objects that meet all conditions. Raises GatewayError.

        It has no ``remainingItemCount``, because the API server counts all objects.
        """
        head = head_of(body)
        items = await self._info.context.shared.large_lists.decode_each(body, raw_items)
        kept = await self._kept(items, namespace)
        if "metadata" in head:
            metadata = decode(head["metadata"], dict[str, msgspec.Raw], "a List's metadata")
            metadata.pop("remainingItemCount", None)
            head["metadata"] = msgspec.Raw(msgspec.json.encode(metadata))
        fields = [b"%b:%b," % (msgspec.json.encode(key), bytes(value)) for key, value in head.items()]
        # the layout of API servers, which large lists need: the items come last
        return b"".join((b"{", *fields, b'"items":[', b",".join([items[index] for index in kept]), b"]}"))

    async def filter_objects(
        self, objects: Sequence[StoredObject], namespace: str | None
    ) -> Sequence[StoredObject]:
        """The objects that meet all conditions. Raises GatewayError."""
        kept = await self._kept([stored.object for stored in objects], namespace)
        return [objects[index] for index in kept]

    async def _kept(self, bodies: Sequence[Body], namespace: str | None) -> Sequence[int]:
        """The indexes of the objects that meet all conditions."""
        noted = await self._lookups(bodies)
        outcomes = await self._load([lookup for one in noted for lookup in one.by_key.values()], namespace)
        kept: Sequence[int] = range(len(bodies))
        for condition, one in zip(self._conditions, noted, strict=True):
            keys = dict.fromkeys(one.keys[index] for index in kept)
            met = {key for key in keys if condition.is_met(outcomes[one.by_key[key]])}
            kept = [index for index in kept if one.keys[index] in met]
        return kept

    async def _load(self, lookups: Iterable[Lookup], namespace: str | None) -> dict[Lookup, Outcome]:
        """The outcome of each lookup for objects in a namespace, or in all."""
        distinct = list(dict.fromkeys(lookups))
        parts = list(chain.from_iterable(distinct))
        self._kinds.expect(_needed_complete(parts))
        if any(isinstance(part, TopOwner) for part in parts):
            # the labels belong to the top owner, not to the owners on the way
            self._kinds.label_selector = ""
        reader = self._kinds.reader(None if namespace is None else _only_namespace(parts))
        loader = RelationLoader(self._info, self._relations.kinds, Arguments(), reader=reader)
        outcomes: dict[Lookup, Outcome] = {}
        for begin in range(0, len(distinct), _LOOKUPS_PER_YIELD):
            some = distinct[begin : begin + _LOOKUPS_PER_YIELD]
            outcomes.update(zip(some, await loader.load(some), strict=True))
            await asyncio.sleep(0)
        return outcomes

    async def _lookups(self, bodies: Sequence[Body]) -> list[_Lookups]:
        """The lookups for each condition."""
        noted = [_Lookups() for _ in self._conditions]
        readings = [
            (one, reading, self._values.places(reading.paths))
            for one, reading in zip(noted, self._reading, strict=True)
        ]
        yielder = LoopYielder(_BYTES_PER_YIELD)
        for body in bodies:
            try:
                values = self._values.read(body)
                for one, reading, places in readings:
                    key = tuple([values[index] for index, _ in places])
                    one.keys.append(key)
                    if key not in one.by_key:
                        one.by_key[key] = reading.lookup(key, places)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise UpstreamProtocolError(
                    f"the API server sent an object that cannot be read: {error}"
                ) from error
            await yielder.after(memoryview(body).nbytes)
        return noted


class _Reading:
    """The values that one condition reads of each object; ``paths`` begin with that of the namespace."""

    def __init__(self, resource: Resource, placed: PlacedRelation) -> None:
        self.paths = (_NAMESPACE, *placed.reads)
        self._placed = placed
        self._kind = resource.kind

    def lookup(self, values: Sequence[bytes], places: Sequence[tuple[int, Path]]) -> Lookup:
        """The lookup of an object: ``values`` contain those at the paths, at the rest of each place."""
        namespace, *read = [
            value_at(msgspec.json.decode(value), rest)
            for value, (_, rest) in zip(values, places, strict=True)
        ]
        # the items of Lists have no type meta of their own
        type_meta: dict[Path, str] = {("apiVersion",): self._kind.api_version, ("kind",): self._kind.kind}
        read = [type_meta.get(path, value) for path, value in zip(self._placed.reads, read, strict=True)]
        origin = Origin(namespace if isinstance(namespace, str) else "", self._kind.group)
        return self._placed.find(origin, read)


def _only_namespace(parts: Iterable[_Part]) -> str | None:
    """The namespace of all related objects of namespaced kinds; None if there are several."""
    found: set[str | None] = set()
    for part in parts:
        named = part.first if isinstance(part, TopOwner) else part
        if not isinstance(named.kind, ServedResource) or named.kind.resource.namespaced:
            found.add(named.namespace or None)
    return found.pop() if len(found) == 1 else None


def _needed_complete(parts: Iterable[_Part]) -> Iterable[Resource]:
    """The resources of whose objects more than metadata is read."""
    searches = [part for part in parts if isinstance(part, Search) and part.match.reads]
    resources = [part.kind.resource for part in searches if isinstance(part.kind, ServedResource)]
    # by identity: the hash of a resource takes long
    return {id(resource): resource for resource in resources}.values()
