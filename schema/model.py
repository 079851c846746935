"""The model: what a cluster serves, in GraphQL's terms, as plain data.

The one vocabulary that everything else shares. :mod:`schema.lowering` makes it from discovery and OpenAPI,
:mod:`schema.building` makes graphql-core types of it, and :mod:`schema.selection` makes decoders of it.
Nothing here knows graphql-core, OpenAPI or HTTP.

Every name in the model is final: valid, distinct in its scope, and mapped back by the ``key`` or the
identifier beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from schema.resources import GroupVersionKind, Resource
from schema.verbs import Verb

__all__ = [
    "Definition",
    "ListOf",
    "Model",
    "ObjectType",
    "Problem",
    "Property",
    "Scalar",
    "ServedResource",
    "TypeExpression",
    "Verb",
]


class Scalar(StrEnum):
    """The leaf types; each value is the GraphQL name (design section 4, "Values")."""

    # Enum's own hash is a function in Python: it showed in a schema of 60,000 fields
    __hash__ = str.__hash__

    STRING = "String"
    BOOLEAN = "Boolean"
    INT = "Int"
    FLOAT = "Float"
    INT64 = "Int64"
    DATE_TIME = "DateTime"
    BASE64 = "Base64"
    QUANTITY = "Quantity"
    INT_OR_STRING = "IntOrString"
    STRING_MAP = "StringMap"
    JSON = "JSON"


@dataclass(frozen=True, slots=True)
class Definition:
    """A reference to ``Model.objects[id]``; a reference, so that types may be recursive."""

    id: str


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values, each of the type ``items``."""

    items: "TypeExpression"


TypeExpression = Scalar | Definition | ListOf


@dataclass(frozen=True, slots=True)
class Property:
    """A field of an object: ``key`` is Kubernetes' own name, ``name`` the GraphQL name.

    ``description`` is the API's own text; what is added to it (the original key, required, default,
    enum) is in the fields beside it and is put into words by :mod:`schema.building.types`.
    """

    key: str
    name: str
    type: TypeExpression
    description: str = ""
    required: bool = False
    default: Any = None
    enum: tuple[str, ...] = ()
    deprecation: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectType:
    """An object type; ``id`` is its OpenAPI definition, or a path below one (``…Pod/spec/foo``)."""

    id: str
    name: str
    input_name: str
    properties: tuple[Property, ...]
    description: str = ""
    kinds: tuple[GroupVersionKind, ...] = ()

    def property(self, name: str) -> Property:
        """The property with that GraphQL name; KeyError where there is none."""
        for each in self.properties:
            if each.name == name:
                return each
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class ServedResource:
    """A served resource with its GraphQL names.

    ``pinned`` maps every verb that exists to its pinned root field; ``short`` likewise, empty where
    the resource has no short name. ``object`` is the id of the kind's object type (one with
    ``apiVersion``, ``kind`` and ``metadata`` at least, also where the API server has no schema).
    """

    resource: Resource
    object: str
    list_name: str
    event_name: str
    pinned: Mapping[Verb, str]
    short: Mapping[Verb, str] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be typed or fetched; ``where`` is a group/version or a definition."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that is served, ready to be built into a GraphQL schema."""

    objects: Mapping[str, ObjectType]
    resources: tuple[ServedResource, ...]
    problems: tuple[Problem, ...] = ()
