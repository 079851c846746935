"""The selection of one JSON value as a tree of plain data.

graphql-core's own ``collect_subfields`` collects the fields of a selection set, so that fragments,
``@include``, ``@skip`` and repeated fields have exactly graphql-core's semantics. The tree is hashable and
references neither the document nor the schema: equal selections are equal trees in every request.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    VariableNode,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_subfields
from graphql.execution.values import VariableValues, get_argument_values

from schema.derivation import Derivation, derivation_of
from schema.model import Property, Scalar

__all__ = [
    "Constant",
    "Derived",
    "Entry",
    "Field",
    "Leaf",
    "Node",
    "NonNull",
    "NotCompilable",
    "Repeated",
    "SelectionReader",
    "Value",
    "details_of",
    "nodes_in",
    "replace_node",
    "unwrap",
]

# msgspec has no escape sequences in the names of a Struct's fields
_UNENCODABLE = frozenset('"\\') | frozenset(map(chr, range(0x20)))


class NotCompilable(Exception):
    """The selection has a field with a resolver of its own: graphql-core answers it."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar; ``absent`` is its value if the JSON object does not have the key."""

    scalar: Scalar
    absent: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a map of strings."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that does not depend on the JSON: ``__typename``."""

    value: str


@dataclass(frozen=True, slots=True)
class Derived:
    """A value that ``derivation`` computes from other values of the object; ``of`` selects from it."""

    derivation: Derivation
    of: "Value"

    def reads(self) -> list["Node"]:
        """The values that it is computed from, each as JSON at the end of a chain of nodes."""
        return [_chain(path) for path in self.derivation.reads]


@dataclass(frozen=True, slots=True)
class Repeated:
    """A list."""

    of: "Value"


@dataclass(frozen=True, slots=True)
class NonNull:
    """A value that must be present and must not be null."""

    of: "Value"


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of the answer: ``response_name`` is its alias or GraphQL name, ``key`` Kubernetes' name."""

    response_name: str
    key: str
    value: "Value"


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON object: the fields of the answer that are read from it, in the answer's order."""

    type_name: str
    fields: tuple[Field, ...]

    def keys(self) -> frozenset[str]:
        """The keys that the fields read."""
        return frozenset(key for field in self.fields for key in _keys_of(field))

    def with_values(self, change: "Callable[[Field], Value]") -> "Node":
        """The same fields with the values that ``change`` returns."""
        return replace(self, fields=tuple(replace(field, value=change(field)) for field in self.fields))


Value = Leaf | Entry | Constant | Derived | Repeated | NonNull | Node


def _keys_of(field: Field) -> Sequence[str]:
    match field.value:
        case Constant():
            return ()
        case Derived(derivation=derivation):
            return [path[0] for path in derivation.reads]
    return (field.key,)


def _chain(path: tuple[str, ...]) -> Node:
    value: Value = Leaf(Scalar.JSON) if len(path) == 1 else _chain(path[1:])
    return Node("", (Field(path[0], path[0], value),))


class SelectionReader:
    """Reads the selection of one field of one operation.

    ``variables`` are the operation's coerced variables. ``is_repeatable``, once everything is read: whether
    equal values of :attr:`booleans` give an equal tree.
    """

    def __init__(self, info: GraphQLResolveInfo[Any]) -> None:
        self._schema = info.schema
        self._operation = info.operation
        self._fragments = {name: FragmentDetails(fragment) for name, fragment in info.fragments.items()}
        self.variables = _variable_values(info)
        self.is_repeatable = True

    @property
    def booleans(self) -> frozenset[tuple[str, bool]]:
        """The Boolean variables and their values, which ``@include`` and ``@skip`` may use."""
        return frozenset(item for item in self.variables.coerced.items() if isinstance(item[1], bool))

    def node(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> Node:
        """The tree of the fields selected of ``type_``. Raises NotCompilable if one needs a resolver."""
        return Node(
            type_.name,
            tuple(self.field(type_, name, group) for name, group in self.collect(type_, details).items()),
        )

    def collect(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> dict[str, list[FieldDetails]]:
        """The selected fields of ``type_`` by response name."""
        collected = collect_subfields(
            self._schema, self._fragments, self.variables, self._operation, type_, details
        )
        if collected.new_defer_usages:
            raise NotCompilable("@defer")
        return collected.grouped_field_set

    def field(self, type_: GraphQLObjectType, response_name: str, details: list[FieldDetails]) -> Field:
        """One selected field of ``type_``. Raises NotCompilable if it needs a resolver."""
        node = details[0].node
        if node.name.value == "__typename":
            return Field(response_name, "__typename", Constant(type_.name))
        field = type_.fields[node.name.value]
        entries = field.extensions.get("entries_of")
        if entries is not None:
            return Field(response_name, entries, Entry(self._entry_name(field, details[0])))
        derivation = derivation_of(field)
        if derivation is not None:
            value = Derived(derivation, self._derived_value(field.type, details))
            return Field(response_name, node.name.value, value)
        return Field(response_name, _key_of(field), self._value(field.type, details))

    def _value(self, type_: GraphQLOutputType, details: list[FieldDetails]) -> Value:
        match type_:
            case GraphQLNonNull(of_type=of_type):
                return NonNull(self._value(of_type, details))
            case GraphQLList(of_type=of_type):
                return Repeated(self._value(of_type, details))
            case GraphQLScalarType(name=name):
                return Leaf(Scalar(name))
            case GraphQLObjectType():
                return self.node(type_, details)
        raise NotCompilable(str(type_))

    def _derived_value(self, type_: GraphQLOutputType, details: list[FieldDetails]) -> Value:
        """The selection of a derived value, whose keys are the GraphQL names of its fields."""
        match type_:
            case GraphQLNonNull(of_type=of_type):
                return NonNull(self._derived_value(of_type, details))
            case GraphQLList(of_type=of_type):
                return Repeated(self._derived_value(of_type, details))
            case GraphQLObjectType():
                return Node(
                    type_.name,
                    tuple(
                        self._derived_field(type_, name, group)
                        for name, group in self.collect(type_, details).items()
                    ),
                )
            case GraphQLScalarType() | GraphQLEnumType():
                return Leaf(Scalar.JSON)
        raise NotCompilable(str(type_))

    def _derived_field(
        self, type_: GraphQLObjectType, response_name: str, details: list[FieldDetails]
    ) -> Field:
        name = details[0].node.name.value
        if name == "__typename":
            return Field(response_name, name, Constant(type_.name))
        return Field(response_name, name, self._derived_value(type_.fields[name].type, details))

    def _entry_name(self, field: GraphQLField, details: FieldDetails) -> str:
        if any(isinstance(argument.value, VariableNode) for argument in details.node.arguments or ()):
            self.is_repeatable = False
        return str(get_argument_values(field, details.node, self.variables)["key"])


def details_of(info: GraphQLResolveInfo[Any]) -> list[FieldDetails]:
    """The field that is being resolved, in the form that graphql-core's collection takes."""
    return [FieldDetails(node, None) for node in info.field_nodes]


def _variable_values(info: GraphQLResolveInfo[Any]) -> VariableValues:
    """Strawberry gives resolvers only the coerced values; directives need nothing else."""
    values: Any = info.variable_values
    return values if isinstance(values, VariableValues) else VariableValues({}, values)


def _key_of(field: GraphQLField) -> str:
    property_: Property | None = field.extensions.get("property")
    if property_ is None:
        raise NotCompilable("a field with a resolver of its own")
    if _UNENCODABLE.intersection(property_.key):
        raise NotCompilable("a key that msgspec cannot encode as a field name")
    return property_.key


def nodes_in(values: Sequence[Value]) -> list[Node]:
    """The nodes among the unwrapped values."""
    return [value for value in map(unwrap, values) if isinstance(value, Node)]


def replace_node(value: Value, change: Callable[[Node], Node]) -> Value:
    """The value with its innermost node changed, inside the same lists and non-null wrappers."""
    match value:
        case Repeated(of=of) | NonNull(of=of):
            return replace(value, of=replace_node(of, change))
        case Node():
            return change(value)
    return value


def unwrap(value: Value) -> Value:
    """The value inside lists and non-null wrappers."""
    while isinstance(value, Repeated | NonNull):
        value = value.of
    return value
