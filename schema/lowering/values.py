"""The schemas inside one definition → the model's types and properties (design section 4, "Values").

Nothing that a document says makes this raise: what cannot be typed is JSON, and a problem.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from schema.lowering.keywords import (
    enum_of,
    is_any_object,
    is_plain_string,
    members_of,
    says_something,
    text_of,
    texts_of,
    type_names_of,
    wrapped_reference,
)
from schema.model import Definition, ListOf, Problem, Property, Scalar, TypeExpression
from schema.names import property_names
from schema.openapi import ABSENT, MalformedSchema, Schema, parse_schema
from schema.resources import GroupVersionKind

__all__ = ["DEEPEST", "Around", "Draft", "Site", "Values"]

# far beyond any API; keeps names and this recursion bounded whatever a document says
DEEPEST = 64
# Go's comments begin with the name of what they are about: "deprecated indicates …" deprecates nothing,
# "DeprecatedServiceAccount is a deprecated alias …" does
DEPRECATED = re.compile(r"Deprecated|DEPRECATED\b|deprecated[:.]")
STRING_FORMATS = {
    "date-time": Scalar.DATE_TIME,
    "byte": Scalar.BASE64,
}


@dataclass(slots=True)
class Draft:
    """An object type without its names; ``path`` leads from the definition to a nested object."""

    id: str
    definition: str
    path: tuple[str, ...]
    description: str = ""
    properties: tuple[Property, ...] = ()
    kinds: tuple[GroupVersionKind, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """Where a schema stands; ``depth`` counts every schema around it."""

    definition: str
    path: tuple[str, ...] = ()
    depth: int = 0

    def deeper(self) -> "Site":
        """Inside a list, or one of several."""
        return Site(self.definition, self.path, self.depth + 1)

    def below(self, key: str) -> "Site":
        """At a property."""
        return Site(self.definition, (*self.path, key), self.depth + 1)

    @property
    def id(self) -> str:
        """The definition and the path in one; distinct for distinct places."""
        keys = (self.definition, *self.path)
        return "/".join(each.replace("~", "~0").replace("/", "~1") for each in keys)


class Around(Protocol):
    """What the schemas of one definition can see of the others."""

    def refer(self, target: str) -> TypeExpression | None:
        """The type of another definition; None where there is none with that id."""

    def is_taken(self, id_: str) -> bool:
        """Whether something outside of this definition has the id."""


class Values:
    """Turns the schemas of one definition into types, and the objects among them into drafts.

    ``is_repeatable`` says, when everything is finished, that the same schemas give the same wherever
    :attr:`references` give the same types and nothing outside has the id of a draft.
    """

    def __init__(self, around: Around) -> None:
        self._around = around
        self._pending: deque[tuple[Draft, Schema, Site]] = deque()
        self.drafts: dict[str, Draft] = {}
        self.problems: list[Problem] = []
        self.references: dict[str, TypeExpression | None] = {}
        self.is_repeatable = True

    def object(self, id_: str, schema: Schema, site: Site) -> Draft:
        """A draft of the object, without its properties as yet."""
        draft = Draft(id_, site.definition, site.path, text_of(schema.description))
        self.drafts[id_] = draft
        self._pending.append((draft, schema, site))
        return draft

    def finish(self) -> None:
        """Fill in the properties of every draft, and of those that come up on the way."""
        while self._pending:
            draft, schema, site = self._pending.popleft()
            draft.properties = tuple(self._properties(schema, site))

    def problem(self, site: Site, what: str) -> Scalar:
        """Note it; the value is JSON then."""
        self.problems.append(Problem(site.id, what))
        return Scalar.JSON

    def _properties(self, schema: Schema, site: Site) -> Iterator[Property]:
        properties = schema.properties or {}
        names = property_names(properties.keys())
        required = set(texts_of(schema.required))
        for key, raw in properties.items():
            yield self._property(key, names[key], raw, site.below(key), required=key in required)

    def _property(self, key: str, name: str, raw: msgspec.Raw, site: Site, *, required: bool) -> Property:
        try:
            schema = parse_schema(raw)
        except MalformedSchema as error:
            return Property(key, name, self.problem(site, str(error)), required=required)
        description = text_of(schema.description)
        return Property(
            key=key,
            name=name,
            type=self.type(schema, site),
            description=description,
            required=required,
            default=schema.default,
            enum=enum_of(schema),
            deprecation=description if DEPRECATED.match(description) else None,
        )

    def type(self, schema: Schema, site: Site) -> TypeExpression:
        """What a value of the schema is."""
        if site.depth > DEEPEST:
            return self.problem(site, f"nested more than {DEEPEST} levels deep")
        if schema.int_or_string is True or schema.format == "int-or-string":
            return Scalar.INT_OR_STRING
        if schema.reference is not None:
            return self._reference(schema, site)
        if not schema.properties and (wrapped := wrapped_reference(schema)) is not None:
            return self.type(wrapped, site.deeper())
        kinds = type_names_of(schema)
        if len(kinds) == 1:
            return self._typed(kinds[0], schema, site)
        if kinds:
            return self._one_of([Schema(type=each) for each in kinds], site)
        return self._untyped(schema, site)

    def _typed(self, kind: str, schema: Schema, site: Site) -> TypeExpression:
        match kind:
            case "object":
                return self._object(schema, site)
            case "array":
                return self._list(schema, site)
            case "string":
                return STRING_FORMATS.get(schema.format, Scalar.STRING)
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
            if members := [each for each in members_of(raws) if says_something(each)]:
                return self._one_of(members, site)
        if isinstance(schema.enum, list) and schema.enum == texts_of(schema.enum):
            return Scalar.STRING if schema.enum else Scalar.JSON
        return Scalar.JSON

    def _one_of(self, members: Sequence[Schema], site: Site) -> TypeExpression:
        """One type for what may be one of several: theirs where they agree, else JSON."""
        if len(members) == 1:
            return self.type(members[0], site.deeper())
        names = {name for each in members for name in type_names_of(each)}
        if any(each.reference is not None or each.properties for each in members):
            return self.problem(site, "one of several types, some of them objects")
        if names == {"integer", "string"}:
            return Scalar.INT_OR_STRING
        types = {self.type(each, site.deeper()) for each in members if "object" not in type_names_of(each)}
        if len(types) == 1 and "object" not in names:
            return types.pop()
        return self.problem(site, f"one of several types: {', '.join(sorted(names)) or 'untyped'}")

    def _list(self, schema: Schema, site: Site) -> TypeExpression:
        try:
            return ListOf(self.type(parse_schema(schema.items), site.deeper()))
        except MalformedSchema as error:
            return ListOf(self.problem(site, str(error)))

    def _object(self, schema: Schema, site: Site) -> TypeExpression:
        properties = schema.properties
        if properties and not is_any_object(schema):
            id_ = site.id
            while (is_taken := self._around.is_taken(id_)) or id_ in self.drafts:
                self.is_repeatable &= not is_taken
                id_ += "~"
            return Definition(self.object(id_, schema, site).id)
        try:
            values = parse_schema(schema.additional_properties)
        except MalformedSchema as error:
            return self.problem(site, str(error))
        return Scalar.STRING_MAP if is_plain_string(values) else Scalar.JSON

    def _reference(self, schema: Schema, site: Site) -> TypeExpression:
        target = schema.target
        if target is not None and target not in self.references:
            self.references[target] = self._around.refer(target)
        if target is None or (found := self.references[target]) is None:
            return self.problem(site, f"refers to {schema.reference!r}, which is not there")
        return found
