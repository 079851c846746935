"""A relation: a field of an object type that answers with related objects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from graphql import GraphQLField

from schema.model import ServedResource
from schema.relations.lookup import Lookup, Origin

__all__ = ["RELATION", "Arguments", "Path", "Relation", "Rule", "relation_of"]

RELATION = "relation"
"""The key of a GraphQL field's extensions that has its Relation."""

Path = tuple[str, ...]


class Rule(StrEnum):
    """How related objects are found."""

    REFERENCE = "reference"
    SELECTOR = "selector"
    OWNER = "owner"
    EXCEPTION = "exception"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a to-many relation; only ``dependents`` and ``usedBy`` have ``kinds``."""

    label_selector: str | None = None
    limit: int | None = None
    kinds: tuple[str, ...] | None = None


Find = Callable[[Origin, Arguments, Sequence[Any]], Lookup]


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation of one object type.

    ``reads`` are the paths of the values on which it depends, from the object that has the field. ``find``
    gets these values as JSON types, None for absent ones; it must accept values of any JSON type. ``target``
    is the resource of the related objects, None if their kinds are mixed or unknown. ``takes_kinds`` says
    that the field has an argument ``kinds``.
    """

    name: str
    rule: Rule
    description: str
    reads: tuple[Path, ...]
    find: Find = field(compare=False)
    target: ServedResource | None = field(default=None, hash=False)
    to_many: bool = False
    takes_kinds: bool = False

    @property
    def needs_namespace(self) -> bool:
        """Whether the related objects may depend on the namespace of the object."""
        return self.target is None or self.target.resource.namespaced or not self.reads


def relation_of(field: GraphQLField) -> Relation | None:
    """The relation of a GraphQL field; None for any other field."""
    return field.extensions.get(RELATION)
