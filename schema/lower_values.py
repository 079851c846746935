"""Schemas → the model's types and properties (design section 4, "Values").

Nothing that a document says makes this raise: what cannot be typed is JSON, and a problem.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from schema.keywords import (
    OBJECT_KEYS,
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
from schema.openapi import ABSENT, Definitions, MalformedSchema, Schema, parse_schema
from schema.resources import GroupVersionKind
from schema.well_known import DISGUISED_SCALARS, OBJECT_META, STAND_INS

__all__ = ["Draft", "Lowering"]

# far beyond any API; keeps names and this recursion bounded whatever a document says
DEEPEST = 64
# Go's comments begin with the name of what they are about: "deprecated indicates …" deprecates nothing,
# "DeprecatedServiceAccount is a deprecated alias …" does
DEPRECATED = re.compile(r"Deprecated|DEPRECATED\b|deprecated[:.]")
STRING_FORMATS = {
    "date-time": Scalar.DATE_TIME,
    "byte": Scalar.BASE64,
}
KIND_PROPERTIES = (
    Property("apiVersion", "apiVersion", Scalar.STRING),
    Property("kind", "kind", Scalar.STRING),
    Property("metadata", "metadata", Definition(OBJECT_META)),
)


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
class _Site:
    """Where a schema stands; ``depth`` counts every schema around it."""

    definition: str
    path: tuple[str, ...] = ()
    depth: int = 0

    def deeper(self) -> "_Site":
        return _Site(self.definition, self.path, self.depth + 1)

    def below(self, key: str) -> "_Site":
        return _Site(self.definition, (*self.path, key), self.depth + 1)

    @property
    def id(self) -> str:
        keys = (self.definition, *self.path)
        return "/".join(each.replace("~", "~0").replace("/", "~1") for each in keys)


class Lowering:
    """Turns definitions into drafts, each once; whatever a draft refers to becomes a draft too."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._types: dict[str, TypeExpression] = {}
        self._defining: list[str] = []
        self._pending: deque[tuple[Draft, Schema, _Site]] = deque()
        self.drafts: dict[str, Draft] = {}
        self.problems: list[Problem] = []

    def kind(self, id_: str, kind: GroupVersionKind) -> None:
        """Make sure that the definition is a draft with what every object has, whatever it says."""
        if id_ not in self._definitions:
            self.problems.append(Problem(id_, "no schema in the API server's OpenAPI documents"))
        if id_ not in self.drafts and not self.definition(id_):
            self.drafts[id_] = Draft(id_, id_, ())
        draft = self.drafts[id_]
        if kind not in draft.kinds:
            draft.kinds += (kind,)

    def definition(self, id_: str) -> bool:
        """Make the definition a draft; False where there is none that is an object."""
        if id_ not in self._definitions:
            return False
        return self._definition(id_) == Definition(id_)

    def stand_in(self, id_: str) -> None:
        """Make the definition a draft, from its minimal form where no document has it as an object."""
        if not self.definition(id_):
            draft = self._draft(id_, parse_schema(STAND_INS[id_]), _Site(id_))
            self._types[id_] = Definition(draft.id)

    def finish(self) -> None:
        """Fill in the properties of every draft, and of those that come up on the way."""
        while self._pending:
            draft, schema, site = self._pending.popleft()
            draft.properties = tuple(self._properties(schema, site))
        for draft in self.drafts.values():
            if draft.kinds:
                draft.properties = _with_kind_properties(draft.properties)

    def _problem(self, site: _Site, what: str) -> Scalar:
        self.problems.append(Problem(site.id, what))
        return Scalar.JSON

    def _draft(self, id_: str, schema: Schema, site: _Site) -> Draft:
        draft = Draft(id_, site.definition, site.path, text_of(schema.description))
        self.drafts[id_] = draft
        self._pending.append((draft, schema, site))
        return draft

    def _properties(self, schema: Schema, site: _Site) -> Iterator[Property]:
        properties = schema.properties or {}
        names = property_names(properties.keys())
        required = set(texts_of(schema.required))
        for key, raw in properties.items():
            yield self._property(key, names[key], raw, site.below(key), required=key in required)

    def _property(self, key: str, name: str, raw: msgspec.Raw, site: _Site, *, required: bool) -> Property:
        try:
            schema = parse_schema(raw)
        except MalformedSchema as error:
            return Property(key, name, self._problem(site, str(error)), required=required)
        description = text_of(schema.description)
        return Property(
            key=key,
            name=name,
            type=self._type(schema, site),
            description=description,
            required=required,
            default=schema.default,
            enum=enum_of(schema),
            deprecation=description if DEPRECATED.match(description) else None,
        )

    def _type(self, schema: Schema, site: _Site) -> TypeExpression:
        if site.depth > DEEPEST:
            return self._problem(site, f"nested more than {DEEPEST} levels deep")
        if schema.int_or_string is True or schema.format == "int-or-string":
            return Scalar.INT_OR_STRING
        if schema.reference is not None:
            return self._reference(schema, site)
        if not schema.properties and (wrapped := wrapped_reference(schema)) is not None:
            return self._type(wrapped, site.deeper())
        kinds = type_names_of(schema)
        if len(kinds) == 1:
            return self._typed(kinds[0], schema, site)
        if kinds:
            return self._one_of([Schema(type=each) for each in kinds], site)
        return self._untyped(schema, site)

    def _typed(self, kind: str, schema: Schema, site: _Site) -> TypeExpression:
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
                return self._problem(site, f"unknown type {kind!r}")

    def _untyped(self, schema: Schema, site: _Site) -> TypeExpression:
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

    def _one_of(self, members: Sequence[Schema], site: _Site) -> TypeExpression:
        """One type for what may be one of several: theirs where they agree, else JSON."""
        if len(members) == 1:
            return self._type(members[0], site.deeper())
        names = {name for each in members for name in type_names_of(each)}
        if any(each.reference is not None or each.properties for each in members):
            return self._problem(site, "one of several types, some of them objects")
        if names == {"integer", "string"}:
            return Scalar.INT_OR_STRING
        types = {self._type(each, site.deeper()) for each in members if "object" not in type_names_of(each)}
        if len(types) == 1 and "object" not in names:
            return types.pop()
        return self._problem(site, f"one of several types: {', '.join(sorted(names)) or 'untyped'}")

    def _list(self, schema: Schema, site: _Site) -> TypeExpression:
        try:
            return ListOf(self._type(parse_schema(schema.items), site.deeper()))
        except MalformedSchema as error:
            return ListOf(self._problem(site, str(error)))

    def _object(self, schema: Schema, site: _Site) -> TypeExpression:
        properties = schema.properties
        if properties and not is_any_object(schema):
            id_ = site.id
            while id_ in self._definitions or id_ in self.drafts:
                id_ += "~"
            return Definition(self._draft(id_, schema, site).id)
        try:
            values = parse_schema(schema.additional_properties)
        except MalformedSchema as error:
            return self._problem(site, str(error))
        return Scalar.STRING_MAP if is_plain_string(values) else Scalar.JSON

    def _reference(self, schema: Schema, site: _Site) -> TypeExpression:
        target = schema.target
        if target is None or target not in self._definitions:
            return self._problem(site, f"refers to {schema.reference!r}, which is not there")
        return self._definition(target)

    def _definition(self, id_: str) -> TypeExpression:
        """The type of a definition: an object of its own, or what it stands for."""
        if id_ in DISGUISED_SCALARS:
            return DISGUISED_SCALARS[id_]
        if id_ not in self._types:
            self._types[id_] = self._define(id_)
        return self._types[id_]

    def _define(self, id_: str) -> TypeExpression:
        site = _Site(id_)
        if id_ in self._defining or len(self._defining) > DEEPEST:
            return self._problem(site, "refers to itself, or through too many others")
        self._defining.append(id_)
        try:
            schema = self._definitions.schema(id_)
            if schema.properties and not is_any_object(schema):
                return Definition(self._draft(id_, schema, site).id)
            return self._type(schema, site)
        except MalformedSchema as error:
            return self._problem(site, str(error))
        finally:
            self._defining.pop()


def _with_kind_properties(properties: Sequence[Property]) -> tuple[Property, ...]:
    """The same with ``apiVersion``, ``kind`` and ``metadata``, of the types that every kind has."""
    given = {each.key: each for each in properties}
    first = tuple(
        given[each.key] if each.key in given and given[each.key].type == each.type else each
        for each in KIND_PROPERTIES
    )
    return (*first, *(each for each in properties if each.key not in OBJECT_KEYS))
