"""The model: the API of a cluster in GraphQL's terms, as plain data.

It is the shared vocabulary: :mod:`schema.lowering` makes it from discovery and OpenAPI,
:mod:`schema.building` builds graphql-core types from it, and :mod:`schema.selection` builds decoders.
This module imports neither graphql-core nor anything of OpenAPI or HTTP.

Every name in the model is final: valid, distinct in its scope, and mapped back by the ``key`` or the
identifier beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from schema.health import HealthRules
from schema.resources import GroupVersionKind, Resource
from schema.verbs import FieldVerb, SubresourceVerb, Verb

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
    """The leaf types; each value is the GraphQL name."""

    # Enum's own hash is a function in Python: its cost is measurable in a schema of 60,000 fields
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
    """A reference to ``Model.objects[id]``; references allow recursive types."""

    id: str


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of the type ``items``."""

    items: "TypeExpression"


TypeExpression = Scalar | Definition | ListOf


@dataclass(frozen=True, slots=True)
class Property:
    """A field of an object: ``key`` is Kubernetes' own name, ``name`` the GraphQL name.

    ``description`` is the API's own text. :mod:`schema.building.object_types` adds the other facts (the
    original key, required, default, enum) to the description that users read.
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
    """An object type.

    ``id`` is its OpenAPI definition, a path below one (``…Pod/spec/foo``), or, inside custom resources, a
    digest of its structure (``io.example.v1.#3f2a…``).
    """

    id: str
    name: str
    input_name: str
    properties: tuple[Property, ...]
    description: str = ""
    kinds: tuple[GroupVersionKind, ...] = ()

    def property(self, name: str) -> Property:
        """The property with that GraphQL name. Raises KeyError."""
        for property_ in self.properties:
            if property_.name == name:
                return property_
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class ServedResource:
    """A served resource with its GraphQL names.

    ``pinned`` maps every served verb to the name of its pinned root field. ``short`` maps verbs to short
    names; it is empty if the resource has none. ``lost`` maps verbs to short names that the resource would
    have if no other resource claimed them. ``object`` is the id of the kind's object type, which has at
    least ``apiVersion``, ``kind`` and ``metadata``, even if the API server has no schema. ``subresources``
    has the id of the object type of each subresource whose kind the API server defines.
    """

    resource: Resource
    object: str
    list_name: str
    event_name: str
    pinned: Mapping[FieldVerb, str]
    short: Mapping[FieldVerb, str] = field(default_factory=dict)
    lost: Mapping[FieldVerb, str] = field(default_factory=dict)
    description: str = ""
    subresources: Mapping[str, str] = field(default_factory=dict)

    def object_of(self, verb: FieldVerb) -> str | None:
        """The id of the object type that the verb reads or writes; None if it is JSON."""
        return self.subresources.get(verb.subresource) if isinstance(verb, SubresourceVerb) else self.object


@dataclass(frozen=True, slots=True)
class Problem:
    """A schema that could not be typed, or a document that could not be fetched.

    ``where`` is a group version or a definition.
    """

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Model:
    """The whole API of a cluster, ready to be built into a GraphQL schema.

    ``health_rules`` are the user's rules of health.
    """

    objects: Mapping[str, ObjectType]
    resources: tuple[ServedResource, ...]
    problems: tuple[Problem, ...] = ()
    health_rules: HealthRules = field(default_factory=HealthRules)
