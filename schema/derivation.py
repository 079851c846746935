"""Fields whose value is computed from other values of the same JSON object.

Such a field has a :class:`Derivation` in its extensions. It takes both ways to an answer:
:mod:`schema.selection` computes it for all objects of one level at once, and graphql-core calls
:meth:`Derivation.resolve` where a selection is not compilable.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from graphql import GraphQLError, GraphQLField, GraphQLOutputType, GraphQLResolveInfo

__all__ = [
    "ABSENT",
    "OF_KIND",
    "Derivation",
    "derivation_of",
    "derivation_of_kind",
    "derived_field",
    "unexpected_value",
]

ABSENT = msgspec.Raw(b"null")
"""The JSON of an absent value."""
_EXTENSION = "derivation"
OF_KIND = "derivation of kind"
"""The key of a field's extensions that has a function from group and kind to a Derivation."""

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a field is computed.

    ``reads`` are the paths of the values that it depends on, from the object that has the field, each with
    at least one key. ``function`` gets one list per path, with the JSON (``msgspec.Raw``) of the value in
    each object, :data:`ABSENT` where an object has none. It returns the list of the field's values: JSON
    types, with the GraphQL names of the field's type as keys. It raises ``msgspec.DecodeError`` for JSON that
    it cannot read. Equal derivations share compiled selections, so ``function`` should be hashable by value.
    """

    reads: tuple[Path, ...]
    function: Callable[..., list[Any]]

    def resolve(self, source: Mapping[str, Any], _info: GraphQLResolveInfo[Any]) -> Any:
        """The value of one object, for graphql-core. Raises ``msgspec.DecodeError``."""
        return self.function(*([_json_at(source, path)] for path in self.reads))[0]


def derived_field(type_: GraphQLOutputType, derivation: Derivation, description: str) -> GraphQLField:
    """A field of that type with the derivation as its value; JSON that it cannot read is an error."""

    def resolve(source: Mapping[str, Any], info: GraphQLResolveInfo[Any]) -> Any:
        try:
            return derivation.resolve(source, info)
        except (msgspec.DecodeError, RecursionError) as error:
            raise unexpected_value(str(type_)) from error

    return GraphQLField(type_, resolve=resolve, description=description, extensions={_EXTENSION: derivation})


def unexpected_value(expected: str) -> GraphQLError:
    """The error of the executor for a value of another type (``gateway.errors.UnexpectedValue``)."""
    return GraphQLError(
        f"the stored value is not of its declared type, {expected}",
        extensions={"code": "UNEXPECTED_VALUE", "expected": expected},
    )


def derivation_of(field: GraphQLField) -> Derivation | None:
    """The derivation of a field; None for any other field."""
    return field.extensions.get(_EXTENSION)


def derivation_of_kind(field: GraphQLField, group: str, kind: str) -> Derivation | None:
    """The derivation of a field that depends on the kind of its object; None for any other field."""
    derive: Callable[[str, str], Derivation] | None = field.extensions.get(OF_KIND)
    return None if derive is None else derive(group, kind)


def _json_at(source: Mapping[str, Any], path: Path) -> msgspec.Raw:
    value: Any = source
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return ABSENT if value is None else msgspec.Raw(msgspec.json.encode(value))
