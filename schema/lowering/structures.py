"""Custom resources repeat themselves: the objects of equal structure inside them become one type.

A CRD contains no references: a pod template is written out wherever it occurs, and the kinds of one project
embed it again and again. Equal are two objects of one group and version with the same keys and the same types
of these, at any depth; descriptions and the facts that only descriptions have do not count. The id of a
structure is a digest of keys and types, so that it depends neither on its place nor on other definitions.

A structure has the descriptions of its first place. It has a fact (required, default, enum, deprecation) only
if the fact holds in all places.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from schema.model import Definition, ListOf, Property, TypeExpression

__all__ = ["Structure", "digest_of", "merge", "nested_id", "placed", "structure_id"]

_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Structure:
    """An object inside custom resources, at all of its places; it has no name yet."""

    id: str
    description: str
    properties: tuple[Property, ...]


def merge(structures: Iterable[Structure]) -> dict[str, Structure]:
    """The structures by id; of equal ones the first, with the facts that hold for all."""
    merged: dict[str, Structure] = {}
    for structure in structures:
        first = merged.setdefault(structure.id, structure)
        if first.properties != structure.properties:
            merged[structure.id] = _with_common_facts(first, structure)
    return merged


def nested_id(expression: TypeExpression) -> str | None:
    """The object to which a type refers, directly or as the items of a list."""
    while isinstance(expression, ListOf):
        expression = expression.items
    return expression.id if isinstance(expression, Definition) else None


def digest_of(properties: Iterable[Property], digests: Mapping[str, str]) -> str:
    """A digest of keys and types; the order of the properties does not count.

    ``digests`` are the digests of the objects inside, by id.
    """
    structure = sorted((property_.key, _spelled(property_.type, digests)) for property_ in properties)
    return blake2b(repr(structure).encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _spelled(expression: TypeExpression, digests: Mapping[str, str]) -> str:
    match expression:
        case ListOf(items=items):
            return f"[{_spelled(items, digests)}]"
        case Definition(id=id_):
            return f"#{digests[id_]}" if id_ in digests else f"<{id_}>"
        case scalar:
            return scalar.value


def structure_id(package: str, digest: str) -> str:
    """The id of a structure of the group and version of a package (``io.cert-manager.v1``)."""
    return f"{package}.#{digest}"


def placed(properties: Iterable[Property], digests: Mapping[str, str], package: str) -> tuple[Property, ...]:
    """The properties, with types that refer to the structures of a package instead of the objects inside."""
    return tuple(
        _retyped(property_, digests, package) if nested_id(property_.type) in digests else property_
        for property_ in properties
    )


def _retyped(property_: Property, digests: Mapping[str, str], package: str) -> Property:
    def retype(expression: TypeExpression) -> TypeExpression:
        match expression:
            case ListOf(items=items):
                return ListOf(retype(items))
            case Definition(id=id_):
                return Definition(structure_id(package, digests[id_]))
            case scalar:
                return scalar

    return Property(
        property_.key,
        property_.name,
        retype(property_.type),
        property_.description,
        property_.required,
        property_.default,
        property_.enum,
        property_.deprecation,
    )


def _with_common_facts(first: Structure, other: Structure) -> Structure:
    others = {property_.key: property_ for property_ in other.properties}
    properties = tuple(_common(property_, others[property_.key]) for property_ in first.properties)
    return Structure(first.id, first.description, properties)


def _common(first: Property, other: Property) -> Property:
    return Property(
        first.key,
        first.name,
        first.type,
        first.description,
        first.required and other.required,
        first.default if first.default == other.default else None,
        first.enum if first.enum == other.enum else (),
        first.deprecation if other.deprecation else None,
    )
