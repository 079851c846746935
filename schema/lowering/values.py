"""The schemas inside one definition → the model's types and properties.

No content of a document makes this raise: a schema that cannot be typed becomes JSON and a problem.
"""

import json
import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec

from schema.model import Definition, ListOf, Problem, Property, Scalar, TypeExpression
from schema.names import property_names
from schema.openapi import ABSENT, MalformedSchema, Schema, parse_schema
from schema.resources import GroupVersionKind

__all__ = [
    "MAX_DEPTH",
    "OBJECT_KEYS",
    "DefinitionResolver",
    "Draft",
    "PlacedValues",
    "Site",
    "Value",
    "Values",
    "is_any_object",
    "text_of",
]

OBJECT_KEYS = frozenset({"apiVersion", "kind", "metadata"})
# far deeper than any API; bounds names and the recursion for any document
MAX_DEPTH = 64
# a Go comment begins with the name of its subject: "deprecated indicates …" describes a field of that name
# and deprecates nothing; "DeprecatedServiceAccount is a deprecated alias …" does
_DEPRECATED = re.compile(r"Deprecated|DEPRECATED\b|deprecated[:.]")
_STRING_FORMATS = {
    "date-time": Scalar.DATE_TIME,
    "byte": Scalar.BASE64,
}


@dataclass(slots=True)
class Draft:
    """An object type without names; ``path`` leads from the definition to a nested object."""

    id: str
    definition: str
    path: tuple[str, ...]
    description: str = ""
    properties: tuple[Property, ...] = ()
    kinds: tuple[GroupVersionKind, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """The place of a schema; ``depth`` counts the schemas around it."""

    definition: str
    path: tuple[str, ...] = ()
    depth: int = 0

    def deeper(self) -> "Site":
        """The place of a list's items, or of one of several alternatives."""
        return Site(self.definition, self.path, self.depth + 1)

    def at(self, key: str) -> "Site":
        """The place of a property."""
        return Site(self.definition, (*self.path, key), self.depth + 1)

    @property
    def id(self) -> str:
        """The definition and the path as one text; distinct for distinct places."""
        keys = (self.definition, *self.path)
        return "/".join(key.replace("~", "~0").replace("/", "~1") for key in keys)


class DefinitionResolver(Protocol):
    """The other definitions, as the schemas of one definition see them."""

    def refer(self, target: str) -> TypeExpression | None:
        """The type of another definition; None if it does not exist."""

    def is_taken(self, id_: str) -> bool:
        """Whether a definition, or an object outside of this definition, has the id."""


class Value(NamedTuple):
    """The contents of a property's schema: a property without its key."""

    type: TypeExpression
    description: str = ""
    default: Any = None
    enum: tuple[str, ...] = ()
    deprecation: str | None = None


class Values(ABC):
    """Turns schemas into types; a subclass decides the type of the objects inside them."""

    def __init__(self, resolver: DefinitionResolver) -> None:
        self._resolver = resolver

    @abstractmethod
    def problem(self, site: Site, what: str) -> Scalar:
        """Record a problem; the type of the value is JSON."""

    @abstractmethod
    def _nested(self, schema: Schema, site: Site) -> TypeExpression:
        """The type of an object with properties."""

    def _refer(self, target: str) -> TypeExpression | None:
        """The type of another definition; None if it does not exist."""
        return self._resolver.refer(target)

    def _value(self, raw: msgspec.Raw, site: Site) -> Value:
        """The contents of one schema."""
        try:
            schema = parse_schema(raw)
        except MalformedSchema as error:
            return Value(self.problem(site, str(error)))
        description = text_of(schema.description)
        return Value(
            self.type(schema, site),
            description,
            schema.default,
            _enum_of(schema),
            description if _DEPRECATED.match(description) else None,
        )

    def _properties(self, schema: Schema, site: Site) -> Iterator[Property]:
        properties = schema.properties or {}
        names = property_names(properties.keys())
        required = set(_texts_of(schema.required))
        for key, raw in properties.items():
            type_, description, default, enum, deprecation = self._value(raw, site.at(key))
            yield Property(key, names[key], type_, description, key in required, default, enum, deprecation)

    def type(self, schema: Schema, site: Site) -> TypeExpression:
        """The type of the schema's values."""
        if site.depth > MAX_DEPTH:
            return self.problem(site, f"nested more than {MAX_DEPTH} levels deep")
        if schema.int_or_string is True or schema.format == "int-or-string":
            return Scalar.INT_OR_STRING
        if schema.reference is not None:
            return self._reference(schema, site)
        if not schema.properties and (wrapped := _wrapped_reference(schema)) is not None:
            return self.type(wrapped, site.deeper())
        kinds = _type_names_of(schema)
        if len(kinds) == 1:
            return self._typed(kinds[0], schema, site)
        if kinds:
            return self._one_of([Schema(type=kind) for kind in kinds], site)
        return self._untyped(schema, site)

    def _typed(self, kind: str, schema: Schema, site: Site) -> TypeExpression:
        match kind:
            case "object":
                return self._object(schema, site)
            case "array":
                return self._list(schema, site)
            case "string":
                return _STRING_FORMATS.get(schema.format, Scalar.STRING)
            case "integer":
                return Scalar.INT if schema.format == "int32" else Scalar.INT64
            case "number":
                return Scalar.FLOAT
            case "boolean":
                return Scalar.BOOLEAN
            case _:
                return self.problem(site, f"unknown type {kind!r}")

    def _untyped(self, schema: Schema, site: Site) -> TypeExpression:
        if schema.properties or schema.additional_properties is not ABSENT:
            return self._object(schema, site)
        if schema.items is not ABSENT:
            return self._list(schema, site)
        for raws in (schema.all_of, schema.one_of, schema.any_of):
            if members := [member for member in _members_of(raws) if _constrains_type(member)]:
                return self._one_of(members, site)
        if isinstance(schema.enum, list) and schema.enum == _texts_of(schema.enum):
            return Scalar.STRING if schema.enum else Scalar.JSON
        return Scalar.JSON

    def _one_of(self, members: Sequence[Schema], site: Site) -> TypeExpression:
        """The type of a union: the members' type if they agree, else JSON."""
        if len(members) == 1:
            return self.type(members[0], site.deeper())
        names = {name for member in members for name in _type_names_of(member)}
        if any(member.reference is not None or member.properties for member in members):
            return self.problem(site, "one of several types, some of them objects")
        if names == {"integer", "string"}:
            return Scalar.INT_OR_STRING
        types = {
            self.type(member, site.deeper()) for member in members if "object" not in _type_names_of(member)
        }
        if len(types) == 1 and "object" not in names:
            return types.pop()
        return self.problem(site, f"one of several types: {', '.join(sorted(names)) or 'untyped'}")

    def _list(self, schema: Schema, site: Site) -> TypeExpression:
        return ListOf(self._value(schema.items, site.deeper()).type)

    def _object(self, schema: Schema, site: Site) -> TypeExpression:
        if schema.properties and not is_any_object(schema):
            return self._nested(schema, site)
        try:
            values = parse_schema(schema.additional_properties)
        except MalformedSchema as error:
            return self.problem(site, str(error))
        return Scalar.STRING_MAP if _is_plain_string(values) else Scalar.JSON

    def _reference(self, schema: Schema, site: Site) -> TypeExpression:
        target = schema.target
        if target is None or (found := self._refer(target)) is None:
            return self.problem(site, f"refers to {schema.reference!r}, which is not there")
        return found


class PlacedValues(Values):
    """The schemas of one definition; the objects among them become drafts, each at its place.

    ``is_repeatable``, after :meth:`finish`: equal schemas give equal results if :attr:`references` have equal
    types and no object outside of the definition has the id of a draft.
    """

    def __init__(self, resolver: DefinitionResolver) -> None:
        super().__init__(resolver)
        self._pending: deque[tuple[Draft, Schema, Site]] = deque()
        self.drafts: dict[str, Draft] = {}
        self.problems: list[Problem] = []
        self.references: dict[str, TypeExpression | None] = {}
        self.is_repeatable = True

    def object(self, id_: str, schema: Schema, site: Site) -> Draft:
        """A draft of the object; :meth:`finish` adds its properties."""
        draft = Draft(id_, site.definition, site.path, text_of(schema.description))
        self.drafts[id_] = draft
        self._pending.append((draft, schema, site))
        return draft

    def finish(self) -> None:
        """Fill in the properties of every draft, also of drafts that are added meanwhile."""
        while self._pending:
            draft, schema, site = self._pending.popleft()
            draft.properties = tuple(self._properties(schema, site))

    def problem(self, site: Site, what: str) -> Scalar:
        """Record a problem; the type of the value is JSON."""
        self.problems.append(Problem(site.id, what))
        return Scalar.JSON

    def _nested(self, schema: Schema, site: Site) -> TypeExpression:
        id_ = site.id
        while (is_taken := self._resolver.is_taken(id_)) or id_ in self.drafts:
            self.is_repeatable &= not is_taken
            id_ += "~"
        return Definition(self.object(id_, schema, site).id)

    def _refer(self, target: str) -> TypeExpression | None:
        if target not in self.references:
            self.references[target] = super()._refer(target)
        return self.references[target]


def text_of(value: object) -> str:
    """The value of a keyword that is a string; empty for any other value."""
    return value if isinstance(value, str) else ""


def _texts_of(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _type_names_of(schema: Schema) -> list[str]:
    """The types of a schema, without null; in OpenAPI 3.1 ``type`` may be a list."""
    names = [schema.type] if isinstance(schema.type, str) else _texts_of(schema.type)
    return [name for name in names if name != "null"]


def _members_of(raws: Sequence[msgspec.Raw] | None) -> list[Schema]:
    members = []
    for raw in raws or ():
        try:
            members.append(parse_schema(raw))
        except MalformedSchema:
            continue  # costs only this member
    return members


def _constrains_type(schema: Schema) -> bool:
    """Whether the schema constrains the type; in CRDs members often constrain only values."""
    return bool(
        schema.reference is not None
        or _type_names_of(schema)
        or schema.properties
        or schema.all_of
        or schema.int_or_string
    )


def _wrapped_reference(schema: Schema) -> Schema | None:
    """The ``$ref`` in an ``allOf`` of one: the form of a reference with a description in OpenAPI v3."""
    references = [member for member in _members_of(schema.all_of) if member.reference is not None]
    return references[0] if len(references) == 1 else None


def is_any_object(schema: Schema) -> bool:
    """Whether it is an embedded resource of any kind, with more properties than API servers add."""
    return (
        schema.embedded_resource is True
        and schema.preserve_unknown is True
        and OBJECT_KEYS.issuperset(schema.properties or ())
    )


def _is_plain_string(schema: Schema) -> bool:
    return _type_names_of(schema) == ["string"] and not schema.int_or_string


def _enum_of(schema: Schema) -> tuple[str, ...]:
    """The allowed values, or the allowed items of a list; a value that is not a string is written as JSON."""
    allowed = schema.enum
    if allowed is None and schema.items is not ABSENT:
        try:
            allowed = parse_schema(schema.items).enum
        except MalformedSchema:
            return ()
    if not isinstance(allowed, list):
        return ()
    return tuple(
        value if isinstance(value, str) else json.dumps(value) for value in allowed if value is not None
    )
