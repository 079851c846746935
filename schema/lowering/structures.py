"""Custom resources repeat themselves: the objects of equal structure inside them become one type.

A CRD contains no references: a pod template is written out wherever it occurs, and the kinds of one project
embed it again and again. Equal are two objects of one group and version with the same keys and the same types
of these, at any depth; descriptions and the facts that only descriptions tell do not count. The id of a
structure is a digest of that, so that it depends neither on its place nor on other definitions.

A structure has the descriptions of its first place. It has a fact (required, default, enum, deprecation) only
if the fact holds in all places.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from schema.lowering.values import Draft
from schema.model import Definition, ListOf, Property, TypeExpression

__all__ = ["Structure", "merge", "nested_id", "structures_of"]

_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Structure:
    """An object inside custom resources, at all of its places; it has no name yet."""

    id: str
    description: str
    properties: tuple[Property, ...]


def structures_of(drafts: Sequence[Draft]) -> tuple[Draft, Mapping[str, Structure]]:
    """The draft of a definition with its structures, by id; ``drafts`` are its own, then the nested ones."""
    root, *nested = drafts
    package = root.definition.rpartition(".")[0]
    ids: dict[str, str] = {}
    for draft in _inner_first(root, nested):
        ids[draft.id] = f"{package}.#{_digest(draft.properties, ids)}"
    structures = merge(
        Structure(ids[draft.id], draft.description, _placed(draft.properties, ids))
        for draft in nested
        if draft.id in ids
    )
    return Draft(root.id, root.definition, (), root.description, _placed(root.properties, ids)), structures


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


def _inner_first(root: Draft, nested: Iterable[Draft]) -> Iterator[Draft]:
    """The nested drafts that the root reaches, each after the drafts inside it.

    Not recursive: a document may nest deeper than Python's stack.
    """
    waiting = {draft.id: draft for draft in nested}
    stack = [root]
    while stack:
        draft = stack[-1]
        inner = [waiting[id_] for id_ in _inside(draft) if id_ in waiting]
        stack += inner
        if inner:
            continue
        stack.pop()
        if draft.id in waiting:
            del waiting[draft.id]
            yield draft


def _inside(draft: Draft) -> Iterator[str]:
    for property_ in draft.properties:
        if (id_ := nested_id(property_.type)) is not None:
            yield id_


def _digest(properties: Iterable[Property], ids: Mapping[str, str]) -> str:
    """A digest of keys and types; the order of the properties does not count."""
    structure = sorted((property_.key, _spelled(property_.type, ids)) for property_ in properties)
    return blake2b(repr(structure).encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _spelled(expression: TypeExpression, ids: Mapping[str, str]) -> str:
    match expression:
        case ListOf(items=items):
            return f"[{_spelled(items, ids)}]"
        case Definition(id=id_):
            return f"<{ids.get(id_, id_)}>"
        case scalar:
            return scalar.value


def _placed(properties: Iterable[Property], ids: Mapping[str, str]) -> tuple[Property, ...]:
    """The properties, with types that refer to structures instead of places."""
    return tuple(
        property_ if nested_id(property_.type) not in ids else _retyped(property_, ids)
        for property_ in properties
    )


def _retyped(property_: Property, ids: Mapping[str, str]) -> Property:
    def retype(expression: TypeExpression) -> TypeExpression:
        match expression:
            case ListOf(items=items):
                return ListOf(retype(items))
            case Definition(id=id_):
                return Definition(ids.get(id_, id_))
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
