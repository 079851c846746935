"""The schemas inside custom resources → structures; equal schemas are lowered once, whatever kinds have them.

Schemas are equal if their bytes are, descriptions included. This only saves time. The result for a kind
depends on the kind alone, although the limit of nesting depends on the place of a schema: a kind that exceeds
the limit is lowered without the schemas of other kinds.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from schema.lowering.structures import Structure, digest_of, merge, nested_id, placed, structure_id
from schema.lowering.values import MAX_DEPTH, DefinitionResolver, Site, Value, Values, text_of
from schema.model import Definition, Problem, Property, Scalar, TypeExpression
from schema.openapi import Schema

__all__ = ["CustomResource", "CustomResources"]

# the sites inside an object begin here: the path of the object itself differs from kind to kind
_ANYWHERE = Site("")
# a property, and the items of its list
_REMEMBERED_DEPTHS = (1, 2)
_LONG_SCHEMA_BYTES = 256
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class CustomResource:
    """A kind with the structures inside it, by id.

    ``references`` are the types of other definitions, None for missing ones. A problem inside equal objects
    is reported once, for the first of them.
    """

    description: str
    properties: tuple[Property, ...]
    structures: Mapping[str, Structure]
    references: Mapping[str, TypeExpression | None]
    problems: tuple[Problem, ...]


@dataclass(slots=True)
class _Findings:
    """The facts on a value beside its type; ``is_cut`` if the limit of nesting changes it."""

    problems: list[str] = field(default_factory=list)
    references: dict[str, TypeExpression | None] = field(default_factory=dict)
    is_cut: bool = False

    def __bool__(self) -> bool:
        return bool(self.problems or self.references or self.is_cut)

    def add(self, other: "_Findings") -> None:
        self.problems += other.problems
        self.references |= other.references
        self.is_cut |= other.is_cut


@dataclass(slots=True)
class _Object:
    """An object; ``level`` counts the objects around its first place, ``problems`` are by property."""

    id: str
    level: int
    description: str
    properties: tuple[Property, ...] = ()
    problems: list[tuple[str, str]] = field(default_factory=list)
    references: dict[str, TypeExpression | None] = field(default_factory=dict)
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """The first place of an object within one kind; ``key`` leads to it from the object around it."""

    object: _Object
    key: str = ""
    around: "_Place | None" = None
    level: int = 0

    def path(self) -> tuple[str, ...]:
        """The properties that lead here from the kind."""
        return (*self.around.path(), self.key) if self.around else ()


class CustomResources:
    """Lowers the definitions of custom resources, one after the other."""

    def __init__(self, resolver: DefinitionResolver) -> None:
        self._resolver = resolver
        self._objects = _Objects(resolver)

    def lower(self, id_: str, schema: Schema) -> CustomResource:
        """The definition with that id, which is an object."""
        objects = self._objects
        places = objects.places(schema)
        if any(place.object.is_cut or place.level > MAX_DEPTH for place in places):
            objects = _Objects(self._resolver)
            places = objects.places(schema)
        package = id_.rpartition(".")[0]
        root = places[0].object
        references: dict[str, TypeExpression | None] = {}
        for place in places:
            references |= place.object.references
        return CustomResource(
            root.description,
            objects.placed(package, root),
            merge(objects.structure(package, place.object) for place in places[1:]),
            references,
            tuple(_problems(id_, places)),
        )


def _problems(id_: str, places: Iterable[_Place]) -> Iterator[Problem]:
    for place in places:
        for key, what in place.object.problems:
            yield Problem(Site(id_, (*place.path(), key)).id, what)


class _Objects(Values):
    """The distinct objects of some kinds."""

    def __init__(self, resolver: DefinitionResolver) -> None:
        super().__init__(resolver)
        self._seen: Mapping[int, dict[bytes, tuple[Value, _Findings]]] = {
            depth: {} for depth in _REMEMBERED_DEPTHS
        }
        self._pending: deque[tuple[_Object, Schema]] = deque()
        self._level = 0
        self._found = _Findings()
        self._objects: dict[str, _Object] = {}
        self._digests: dict[str, str] = {}
        self._structures: dict[str, dict[str, Structure]] = {}

    def places(self, schema: Schema) -> Sequence[_Place]:
        """The first places of the objects of a kind, outer ones first; the kind itself is the very first."""
        root = self._add(schema, 0)
        self._fill()
        places = [_Place(root)]
        seen = {root.id}
        for place in places:
            for property_ in place.object.properties:
                id_ = nested_id(property_.type)
                if id_ in self._objects and id_ not in seen:
                    seen.add(id_)
                    places.append(_Place(self._objects[id_], property_.key, place, place.level + 1))
        return places

    def placed(self, package: str, object_: _Object) -> tuple[Property, ...]:
        """The properties of an object, with types that refer to the structures of a package."""
        return placed(object_.properties, self._digests, package)

    def structure(self, package: str, object_: _Object) -> Structure:
        """The structure of an object."""
        structures = self._structures.setdefault(package, {})
        if object_.id not in structures:
            id_ = structure_id(package, self._digests[object_.id])
            structures[object_.id] = Structure(id_, object_.description, self.placed(package, object_))
        return structures[object_.id]

    def problem(self, _site: Site, what: str) -> Scalar:
        """Record a problem; the type of the value is JSON."""
        self._found.problems.append(what)
        return Scalar.JSON

    def _add(self, schema: Schema, level: int) -> _Object:
        id_ = f"#{len(self._objects)}"
        while self._resolver.is_taken(id_):
            id_ += "~"
        object_ = self._objects[id_] = _Object(id_, level, text_of(schema.description))
        self._pending.append((object_, schema))
        return object_

    def _fill(self) -> None:
        """Fill in the properties of every object, also of objects that are added meanwhile."""
        added = []
        while self._pending:
            object_, schema = self._pending.popleft()
            self._level = object_.level
            object_.properties = tuple(self._noted_properties(object_, schema))
            added.append(object_)
        for object_ in _inner_first(added):
            self._digests[object_.id] = digest_of(object_.properties, self._digests)

    def _noted_properties(self, object_: _Object, schema: Schema) -> Iterator[Property]:
        self._found = _Findings()
        for property_ in self._properties(schema, _ANYWHERE):
            if self._found:
                object_.problems += [(property_.key, what) for what in self._found.problems]
                object_.references |= self._found.references
                object_.is_cut |= self._found.is_cut
                self._found = _Findings()
            yield property_

    def _value(self, raw: msgspec.Raw, site: Site) -> Value:
        if site.depth not in self._seen:
            return super()._value(raw, site)
        seen, spelled = self._seen[site.depth], bytes(raw)
        if len(spelled) > _LONG_SCHEMA_BYTES:
            spelled = blake2b(spelled, digest_size=_DIGEST_BYTES).digest()
        if (known := seen.get(spelled)) is None:
            around, self._found = self._found, _Findings()
            known = seen[spelled] = super()._value(raw, site), self._found
            self._found = around
        value, found = known
        if found:
            self._found.add(found)
        return value

    def _nested(self, schema: Schema, site: Site) -> TypeExpression:
        if self._level >= MAX_DEPTH:
            self._found.is_cut = True
            return self.problem(site, f"nested more than {MAX_DEPTH} levels deep")
        return Definition(self._add(schema, self._level + 1).id)

    def _refer(self, target: str) -> TypeExpression | None:
        found = self._found.references[target] = super()._refer(target)
        return found


def _inner_first(objects: Iterable[_Object]) -> Iterator[_Object]:
    """Each object after the objects inside it. Not recursive: kinds may nest deeper than Python's stack."""
    waiting = {object_.id: object_ for object_ in objects}
    for outermost in list(waiting.values()):
        stack = [outermost]
        while stack:
            object_ = stack[-1]
            inside = [nested_id(property_.type) for property_ in object_.properties]
            inner = [waiting[id_] for id_ in inside if id_ in waiting]
            stack += inner
            if not inner:
                stack.pop()
                if waiting.pop(object_.id, None) is not None:
                    yield object_
