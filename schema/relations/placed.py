"""Relations of a kind by the path of their field: ``pods``, or ``spec.scaleTarget`` inside of the object."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from schema.relations.catalogue import Relations
from schema.relations.lookup import Lookup, Origin
from schema.relations.nesting import nested_in, objects_at
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
            for item in objects_at(values[0], self.rest)
            for part in self.relation.find(origin, _NO_ARGUMENTS, [value_at(item, path) for path in paths])
        )
        return tuple(dict.fromkeys(parts))


def find_relation(relations: Relations, id_: str, name: str) -> PlacedRelation | None:
    """The relation of the type ``id_`` with that name: a field, or fields joined by dots."""
    *outer, last = name.split(".")
    place: list[str] = []
    rest: list[str] | None = None
    for part in outer:
        nested = next((item for item in nested_in(relations.model, id_) if item.property.name == part), None)
        if nested is None:
            return None
        (place if rest is None else rest).append(nested.property.key)
        if nested.lists and rest is None:
            rest = []
        id_ = nested.id
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
        for nested in nested_in(relations.model, outer):
            if nested.id in seen:
                continue
            name = f"{prefix}{nested.property.name}."
            seen.add(nested.id)
            waiting.append((nested.id, name))
            yield from (f"{name}{relation}" for relation in relations.of(nested.id))
