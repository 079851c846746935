"""Relations of a kind by the path of their field: ``pods``, or ``spec.scaleTarget`` inside of the object."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from schema.model import Definition, ListOf, Model, Property
from schema.relations.catalogue import Relations
from schema.relations.lookup import Lookup, Origin
from schema.relations.paths import value_at
from schema.relations.relation import Arguments, Path, Relation

__all__ = ["PlacedRelation", "find_relation", "relation_names"]

_MAX_NAMES_INSIDE = 20
_MAX_TYPES_INSIDE = 500
"""Object types inside of a kind that are searched for names; a custom resource may have thousands."""
_NO_ARGUMENTS = Arguments()


@dataclass(frozen=True, slots=True)
class PlacedRelation:
    """A relation of a kind, or of the objects inside of it.

    ``place`` are the keys from the object of the kind to the object that has the relation, or to the first
    list on the way; then ``rest`` are the keys from the items of the list, None without a list. All items
    have the relation: the related objects are those of all items.
    """

    relation: Relation
    place: Path = ()
    rest: Path | None = None

    @property
    def reads(self) -> tuple[Path, ...]:
        """The paths of the values that :meth:`find` needs, from the object of the kind."""
        if self.rest is not None:
            return (self.place,)
        return tuple((*self.place, *path) for path in self.relation.reads)

    def find(self, origin: Origin, values: Sequence[Any]) -> Lookup:
        """The related objects of one object, from the values at :attr:`reads` as JSON types."""
        if self.rest is None:
            return self.relation.find(origin, _NO_ARGUMENTS, values)
        paths = self.relation.reads
        parts = (
            part
            for item in _objects_at(values[0], self.rest)
            for part in self.relation.find(origin, _NO_ARGUMENTS, [value_at(item, path) for path in paths])
        )
        return tuple(dict.fromkeys(parts))


def _objects_at(value: Any, path: Path) -> Iterator[dict[str, Any]]:
    """The objects at the path; a list on the way stands for each of its items."""
    if isinstance(value, list):
        for item in value:
            yield from _objects_at(item, path)
    elif isinstance(value, dict):
        if path:
            yield from _objects_at(value.get(path[0]), path[1:])
        else:
            yield value


def find_relation(relations: Relations, id_: str, name: str) -> PlacedRelation | None:
    """The relation of the type ``id_`` with that name: a field, or fields joined by dots."""
    *outer, last = name.split(".")
    place: list[str] = []
    rest: list[str] | None = None
    for part in outer:
        property_ = _object_property(relations.model, id_, part)
        if property_ is None:
            return None
        (place if rest is None else rest).append(property_.key)
        if isinstance(property_.type, ListOf) and rest is None:
            rest = []
        id_ = _inner(property_)
    relation = relations.of(id_).get(last)
    if relation is None:
        return None
    return PlacedRelation(relation, tuple(place), None if rest is None else tuple(rest))


def relation_names(relations: Relations, id_: str) -> str:
    """The relations of the type ``id_`` and some of the relations inside of it, for a message."""
    own = ", ".join(relations.of(id_))
    inside = list(islice(_names_inside(relations, id_), _MAX_NAMES_INSIDE + 1))
    if not inside:
        return own
    more = ", …" if len(inside) > _MAX_NAMES_INSIDE else ""
    return f"{own}; inside of it: {', '.join(inside[:_MAX_NAMES_INSIDE])}{more}"


def _names_inside(relations: Relations, id_: str) -> Iterator[str]:
    """The names of relations inside of an object, the shortest paths first."""
    waiting = deque([(id_, "")])
    seen = {id_}
    while waiting and len(seen) <= _MAX_TYPES_INSIDE:
        outer, prefix = waiting.popleft()
        for property_ in relations.model.objects[outer].properties:
            if _object_property(relations.model, outer, property_.name) is None or _inner(property_) in seen:
                continue
            inner, name = _inner(property_), f"{prefix}{property_.name}."
            seen.add(inner)
            waiting.append((inner, name))
            yield from (f"{name}{relation}" for relation in relations.of(inner))


def _object_property(model: Model, id_: str, name: str) -> Property | None:
    """The property with that GraphQL name, if its values are objects or lists of them."""
    properties: Sequence[Property] = model.objects[id_].properties
    found = next((item for item in properties if item.name == name), None)
    return found if found is not None and _inner(found) in model.objects else None


def _inner(property_: Property) -> str:
    """The id of the object type of the values, without lists around it; empty for others."""
    type_ = property_.type
    while isinstance(type_, ListOf):
        type_ = type_.items
    return type_.id if isinstance(type_, Definition) else ""
