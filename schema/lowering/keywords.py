"""What the keywords of one schema say, as far as they can be read without the definitions around it."""

import json
from collections.abc import Sequence

import msgspec

from schema.openapi import ABSENT, MalformedSchema, Schema, parse_schema

__all__ = [
    "OBJECT_KEYS",
    "enum_of",
    "is_any_object",
    "is_plain_string",
    "members_of",
    "says_something",
    "text_of",
    "texts_of",
    "type_names_of",
    "wrapped_reference",
]

OBJECT_KEYS = frozenset({"apiVersion", "kind", "metadata"})


def text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def texts_of(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def type_names_of(schema: Schema) -> list[str]:
    """The types of a schema, null left out: OpenAPI 3.1 has lists of them."""
    names = [schema.type] if isinstance(schema.type, str) else texts_of(schema.type)
    return [each for each in names if each != "null"]


def members_of(raws: Sequence[msgspec.Raw] | None) -> list[Schema]:
    members = []
    for raw in raws or ():
        try:
            members.append(parse_schema(raw))
        except MalformedSchema:
            continue  # the schema around it still says what it says
    return members


def says_something(schema: Schema) -> bool:
    """Whether it is about the type at all; in CRDs such members are often only about values."""
    return bool(
        schema.reference is not None
        or type_names_of(schema)
        or schema.properties
        or schema.all_of
        or schema.int_or_string
    )


def wrapped_reference(schema: Schema) -> Schema | None:
    """The ``$ref`` in an ``allOf`` of one: how OpenAPI v3 gives a reference a description of its own."""
    references = [each for each in members_of(schema.all_of) if each.reference is not None]
    return references[0] if len(references) == 1 else None


def is_any_object(schema: Schema) -> bool:
    """An embedded resource of any kind: the properties that API servers add to it are not all it has."""
    return (
        schema.embedded_resource is True
        and schema.preserve_unknown is True
        and OBJECT_KEYS.issuperset(schema.properties or ())
    )


def is_plain_string(schema: Schema) -> bool:
    return type_names_of(schema) == ["string"] and not schema.int_or_string


def enum_of(schema: Schema) -> tuple[str, ...]:
    """The allowed values, of a list the allowed items; what is not a string is written as JSON."""
    allowed = schema.enum
    if allowed is None and schema.items is not ABSENT:
        try:
            allowed = parse_schema(schema.items).enum
        except MalformedSchema:
            return ()
    if not isinstance(allowed, list):
        return ()
    return tuple(each if isinstance(each, str) else json.dumps(each) for each in allowed if each is not None)
