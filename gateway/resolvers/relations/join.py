"""The join: a compiled selection with relations, answered for all objects of a level at once.

:class:`Join` encodes the objects as templates (:mod:`schema.selection.templates`), collects their holes,
looks up the distinct ones together (:mod:`gateway.resolvers.relations.loader`), encodes each related object
once, and fills the holes with bytes. Related objects have relations of their own: the same steps, one level
deeper. So the work is proportional to the number of distinct objects, whatever the number of references to
them.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, repeat

import msgspec

from gateway.concurrency import LoopYielder
from gateway.errors import GatewayError
from gateway.resolvers.context import Info, budget_of
from gateway.resolvers.relations.fields import arguments_of, find_lookup, list_envelope
from gateway.resolvers.relations.found import Found, Outcome
from gateway.resolvers.relations.loader import RelationLoader
from schema.building import ObjectTypes
from schema.relations import Lookup, Origin
from schema.resources import GroupVersionKind
from schema.selection import (
    HOLE,
    SEPARATOR,
    DocumentHole,
    ObjectPlan,
    Plans,
    RelationHole,
    fill,
    hole_paths,
)
from schema.yaml_output import to_yaml

__all__ = ["BETWEEN", "MAX_ERRORS", "Batch", "Errors", "Join"]

MAX_ERRORS = 100
"""Errors of related objects in one answer; a further error says how many there are."""
_BYTES_PER_YIELD = 1 << 20
_BYTES_PER_CHUNK = 1 << 18
"""Objects that are encoded together: more would stop the event loop for longer than 1 ms."""
_OBJECTS_PER_YIELD = 2000
BETWEEN = b"\x02"
"""Separates objects; it does not occur in JSON."""
_NULL = b"null"

Path = tuple[str | int, ...]
Errors = list[tuple[Path, Exception]]
Below = tuple[tuple[Path, Exception], ...]


@dataclass(slots=True, eq=False)
class Batch:
    """Objects of one level: their templates, namespaces and bytes, in the same order.

    The namespaces are needed only if the plan ``needs_namespace``, the bytes only if it ``has_documents``.
    """

    templates: list[bytes] = field(default_factory=list, repr=False)
    namespaces: Sequence[str] = ()
    bodies: Sequence[bytes | msgspec.Raw] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class _Value:
    """The encoded value of a hole, with the errors below it."""

    encoded: bytes = field(default=_NULL, repr=False)
    errors: Below = ()


@dataclass(slots=True, eq=False)
class _Filling:
    """The values of a template's holes; the documents among them, and those with errors, by their index."""

    values: list[bytes] = field(repr=False)
    documents: list[tuple[int, int]] = field(default_factory=list)
    errors: list[tuple[int, Below]] = field(default_factory=list)


_Key = tuple[str, bytes]
"""The key of equal templates: the namespace, and the holes, encoded."""
_Noted = tuple[str, int, bytes]
"""A distinct hole: the namespace, the number, and the values, encoded."""


class Join:
    """Answers the relations of one field of one operation."""

    def __init__(self, info: Info) -> None:
        types: ObjectTypes = info.schema.extensions["types"]
        self._info = info
        self._kinds = types.relations.kinds
        self._budget = budget_of(info)

    async def batch(
        self, plan: ObjectPlan, namespaces: Sequence[str], bodies: Sequence[bytes | msgspec.Raw]
    ) -> Batch:
        """The templates of objects. Raises SelectionMismatch."""
        yielder, batch = LoopYielder(_BYTES_PER_YIELD), Batch()
        for some in _chunks(bodies):
            batch.templates += plan.selection.encode_each(some)
            await yielder.after(sum(map(len, some)))
        batch.namespaces, batch.bodies = namespaces, bodies
        return batch

    async def render(self, plan: ObjectPlan, batch: Batch, separator: bytes) -> tuple[bytes, Below]:
        """The objects with all holes filled, between separators, and the errors below them.

        The paths of the errors begin with the index of the object. Raises SelectionMismatch, QueryTooComplex.
        """
        parts = [template.partition(SEPARATOR) for template in batch.templates]
        # objects of several namespaces have one key where their relations do not depend on it
        namespaces = batch.namespaces if plan.needs_namespace else repeat("", len(parts))
        keys = list(zip(namespaces, [holes for _, _, holes in parts], strict=True))
        fillings = await self._fillings(plan, dict.fromkeys(keys))
        filled: list[bytes] = []
        size, most = 0, self._budget.remaining_bytes
        for begin in range(0, len(parts), _OBJECTS_PER_YIELD):
            end = begin + _OBJECTS_PER_YIELD
            if plan.has_documents:
                bodies = batch.bodies[begin:end]
                columns = [
                    _with_documents(plan, fillings[key], body)
                    for key, body in zip(keys[begin:end], bodies, strict=True)
                ]
            else:
                columns = [fillings[key].values for key in keys[begin:end]]
            values = list(chain.from_iterable(columns))
            heads = separator.join([head for head, _, _ in parts[begin:end]])
            size += sum(map(len, values)) + len(heads)
            if size > most:
                raise self._budget.exceed()
            filled.append(fill(heads.split(HOLE), values))
            await asyncio.sleep(0)
        errors = any(of.errors for of in fillings.values())
        return separator.join(filled), _bounded(_errors(parts, keys, fillings)) if errors else ()

    async def _fillings(self, plan: ObjectPlan, keys: Iterable[_Key]) -> dict[_Key, _Filling]:
        """The values of the holes of templates."""
        holes_of = {key: _decode_holes(*key) for key in keys}
        values = await self._values(plan, {hole: None for holes in holes_of.values() for hole in holes})
        fillings: dict[_Key, _Filling] = {}
        for key, holes in holes_of.items():
            filling = fillings[key] = _Filling([])
            for index, hole in enumerate(holes):
                value = values.get(hole)
                if value is None:
                    filling.documents.append((index, hole[1]))
                elif value.errors:
                    filling.errors.append((index, value.errors))
                filling.values.append(value.encoded if value else _NULL)
        return fillings

    async def _values(self, plan: ObjectPlan, holes: Iterable[_Noted]) -> dict[_Noted, _Value]:
        """The values of the distinct holes of relations."""
        by_number: dict[int, list[_Noted]] = {}
        for noted in holes:
            by_number.setdefault(noted[1], []).append(noted)
        answers = await asyncio.gather(
            *(
                self._related(plan, hole, noted)
                for number, noted in by_number.items()
                if isinstance(hole := plan.holes[number], RelationHole)
            )
        )
        return {noted: value for answer in answers for noted, value in answer.items()}

    async def _related(
        self, plan: ObjectPlan, hole: RelationHole, holes: Sequence[_Noted]
    ) -> dict[_Noted, _Value]:
        try:
            arguments = arguments_of(hole.arguments)
            lookups: dict[_Noted, Lookup] = {}
            for noted in holes:
                namespace, _, encoded = noted
                values = _values_of(plan, hole, encoded)
                origin = Origin(namespace, plan.kind.group)
                lookups[noted] = find_lookup(hole.relation, origin, arguments, values)
            distinct = list(dict.fromkeys(lookups.values()))
            loader = RelationLoader(
                self._info, self._kinds, arguments, only_metadata=hole.below.only_metadata
            )
            outcomes = await loader.load(distinct)
        except GatewayError as error:
            return dict.fromkeys(holes, _Value(errors=(((), error),)))
        values_by_lookup = dict(zip(distinct, await self._encoded(hole, outcomes), strict=True))
        return {noted: values_by_lookup[lookup] for noted, lookup in lookups.items()}

    async def _encoded(self, hole: RelationHole, outcomes: Sequence[Outcome]) -> list[_Value]:
        """The value of the relation for each outcome; each object is encoded once."""
        if isinstance(hole.below, Plans):
            objects = await self._objects(hole.below, [outcome.objects[:1] for outcome in outcomes])
            return [
                objects[id(outcome.objects[0])] if outcome.objects else _refused(outcome)
                for outcome in outcomes
            ]
        columns = [
            await self._objects(plans, [outcome.objects for outcome in outcomes])
            for plans in hole.below.items
        ]
        envelope = msgspec.json.encode(list_envelope(hole.relation))
        names = [entry.name for entry in hole.below.entries if entry.items is not None]
        values: list[_Value] = []
        size = 0
        for outcome in outcomes:
            if outcome.errors and not outcome.objects:
                values.append(_refused(outcome))
                continue
            lists = [[column[id(found)] for found in outcome.objects] for column in columns]
            encoded = [b"[" + b",".join([item.encoded for item in items]) + b"]" for items in lists]
            size += sum(map(len, encoded))
            if size > self._budget.remaining_bytes:
                raise self._budget.exceed()
            errors: Errors = [((), error) for error in outcome.errors]
            for name, items in zip(names, lists, strict=True):
                errors += [
                    ((name, index, *path), error)
                    for index, item in enumerate(items)
                    for path, error in item.errors
                ]
            values.append(_Value(hole.below.encode(envelope, encoded), _bounded(errors)))
        return values

    async def _objects(self, plans: Plans, groups: Iterable[Sequence[Found]]) -> dict[int, _Value]:
        """The encoded objects, by the ``id()`` of the Found that they come from."""
        by_kind: dict[GroupVersionKind, dict[int, Found]] = {}
        for group in groups:
            for found in group:
                by_kind.setdefault(found.kind, {})[id(found)] = found
        values: dict[int, _Value] = {}
        for kind, some in by_kind.items():
            plan = plans.of(kind)
            namespaces = [found.namespace for found in some.values()]
            batch = await self.batch(plan, namespaces, [found.body for found in some.values()])
            encoded, errors = await self.render(plan, batch, BETWEEN)
            below: dict[int, list[tuple[Path, Exception]]] = {}
            for (index, *path), error in errors:
                below.setdefault(int(index), []).append((tuple(path), error))
            for index, (key, one) in enumerate(zip(some, encoded.split(BETWEEN), strict=True)):
                values[key] = _Value(one, tuple(below.get(index, ())))
        return values


def _chunks(bodies: Sequence[bytes | msgspec.Raw]) -> Iterator[list[bytes]]:
    """The bodies in order, in lists of about 256 KiB, or of one larger body."""
    chunk: list[bytes] = []
    size = 0
    for body in map(bytes, bodies):
        chunk.append(body)
        size += len(body)
        if size >= _BYTES_PER_CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _with_documents(plan: ObjectPlan, filling: _Filling, body: bytes | msgspec.Raw) -> list[bytes]:
    values = list(filling.values)
    whole = {**_type_meta(plan), **msgspec.json.decode(body)}
    for index, number in filling.documents:
        hole = plan.holes[number]
        is_yaml = isinstance(hole, DocumentHole) and hole.form == "yaml"
        values[index] = msgspec.json.encode(to_yaml(whole) if is_yaml else whole)
    return values


def _type_meta(plan: ObjectPlan) -> dict[str, str]:
    return {"apiVersion": plan.kind.api_version, "kind": plan.kind.kind}


def _decode_holes(namespace: str, encoded: bytes) -> list[_Noted]:
    if encoded == b"[]":
        return []
    holes = msgspec.json.decode(encoded, type=list[tuple[int, msgspec.Raw]])
    return [(namespace, number, bytes(values)) for number, values in holes]


def _values_of(plan: ObjectPlan, hole: RelationHole, encoded: bytes) -> list[object]:
    """The values that the relation reads; the type meta, which Lists omit, is that of the kind."""
    type_meta = _type_meta(plan)
    values = msgspec.json.decode(encoded)
    return [type_meta.get(path[0], value) for path, value in zip(hole.relation.reads, values, strict=False)]


def _refused(outcome: Outcome) -> _Value:
    return _Value(errors=tuple(((), error) for error in outcome.errors))


def _errors(
    parts: Sequence[tuple[bytes, bytes, bytes]], keys: Sequence[_Key], fillings: Mapping[_Key, _Filling]
) -> Iterator[tuple[Path, Exception]]:
    """The errors below the objects, in their order."""
    for index, (part, key) in enumerate(zip(parts, keys, strict=True)):
        if not fillings[key].errors:
            continue
        paths = hole_paths(part[0].split(HOLE))
        for hole, below in fillings[key].errors:
            yield from (((index, *paths[hole], *path), error) for path, error in below)


def _bounded(errors: Iterable[tuple[Path, Exception]]) -> Below:
    """As many errors as an answer may have, and one more, so that the answer says that there are more."""
    return tuple(islice(errors, MAX_ERRORS + 1))
