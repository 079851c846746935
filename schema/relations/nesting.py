"""The objects inside of an object: the properties that hold them, and their values.

A property holds objects if its type is a definition of the model with properties, or a list of such objects.
Both the names of relations inside of a kind (:mod:`schema.relations.placed`) and its required references
(:mod:`schema.relations.required`) are found by following such properties.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schema.model import Definition, ListOf, Model, Property
from schema.relations.relation import Path

__all__ = ["Nested", "nested_in", "objects_at"]


@dataclass(frozen=True, slots=True)
class Nested:
    """A property that holds objects of the type ``id``, in ``lists`` lists around each other."""

    property: Property
    id: str
    lists: int


def nested_in(model: Model, id_: str) -> Iterator[Nested]:
    """The properties of a type that hold objects."""
    for property_ in model.objects[id_].properties:
        type_, lists = property_.type, 0
        while isinstance(type_, ListOf):
            type_, lists = type_.items, lists + 1
        if isinstance(type_, Definition) and type_.id in model.objects:
            yield Nested(property_, type_.id, lists)


def objects_at(value: Any, path: Path = ()) -> Iterator[dict[str, Any]]:
    """The objects at the path; a list on the way stands for each of its items."""
    if isinstance(value, list):
        for item in value:
            yield from objects_at(item, path)
    elif isinstance(value, dict):
        if path:
            yield from objects_at(value.get(path[0]), path[1:])
        else:
            yield value
