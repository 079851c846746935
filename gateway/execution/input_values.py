"""Input values and arguments that fit their types, coerced in one pass.

graphql-core looks at each field of an input type three times, also at the many that are not given. The result
here is equal, in content and order. :class:`Unusual` leaves everything else to graphql-core: values that do
not fit, with the errors about them; defaults; ``@oneOf``; values that are nested too deeply.
"""

from typing import Any

from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    IntValueNode,
    StringValueNode,
    Undefined,
    ValueNode,
    VariableNode,
)
from graphql.execution.values import VariableValues
from graphql.language.parser import MAX_NESTING_DEPTH
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal

__all__ = ["Unusual", "fitting_arguments", "fitting_value"]


_SIMPLE_LITERALS = (BooleanValueNode, EnumValueNode, FloatValueNode, IntValueNode, StringValueNode)
"""Literals without variables inside."""
_IMMUTABLE = (bool, int, float, str)


_EXPECTED = "expected_fields"


class Unusual(Exception):
    """graphql-core has to coerce the value."""


def fitting_value(value: Any, type_: GraphQLInputType, depth: int = 0) -> Any:
    """The coerced value.

    Raises Unusual, and the errors of scalars and enums for values that do not fit: GraphQLError, TypeError,
    ValueError, ArithmeticError.
    """
    if isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
        if value is None:
            raise Unusual
    if value is None:
        return None
    if isinstance(type_, GraphQLInputObjectType):
        return _fitting_object(value, type_, depth)
    if isinstance(type_, GraphQLList):
        if type(value) is not list or depth >= MAX_NESTING_DEPTH:
            raise Unusual
        return [fitting_value(item, type_.of_type, depth + 1) for item in value]
    leaf = type_.coerce_input_value(value)
    if leaf is Undefined:
        raise Unusual
    return leaf


def _fitting_object(value: Any, type_: GraphQLInputObjectType, depth: int) -> Any:
    if type(value) is not dict or type_.is_one_of or depth >= MAX_NESTING_DEPTH:
        raise Unusual
    fields = type_.fields
    given = [name for name in fields if name in value]
    if len(given) != len(value) or not _expected_fields(type_) <= value.keys():
        raise Unusual
    fitting = {
        fields[name].out_name or name: fitting_value(value[name], fields[name].type, depth + 1)
        for name in given
    }
    return type_.out_type(fitting)


def _expected_fields(type_: GraphQLInputObjectType) -> frozenset[str]:
    """The fields that matter when they are absent; kept with the type."""
    known: frozenset[str] | None = type_.extensions.get(_EXPECTED)
    if known is None:
        known = frozenset(name for name, field in type_.fields.items() if _matters_absent(field))
        type_.extensions[_EXPECTED] = known
    return known


def _matters_absent(field: GraphQLInputField) -> bool:
    """Whether the field is required or has a default value."""
    return (
        field.default is not None
        or field.default_value is not Undefined
        or isinstance(field.type, GraphQLNonNull)
    )


def fitting_arguments(
    field: GraphQLField, node: FieldNode, variables: VariableValues, constants: dict[int, Any]
) -> dict[str, Any]:
    """The coerced arguments of a field, as graphql-core's ``get_argument_values`` returns them.

    ``constants`` keeps the values of literals that nothing can change, by their identity; it belongs to one
    document and schema. Raises Unusual, also for an argument that is required and not given.
    """
    literals = {argument.name.value: argument.value for argument in node.arguments or ()}
    fitting: dict[str, Any] = {}
    for name, argument in field.args.items():
        value: Any = Undefined
        if name in literals:
            value = _given(literals[name], argument.type, variables, constants)
        if value is not Undefined:
            fitting[argument.out_name or name] = value
        elif argument.default is not None or argument.default_value is not Undefined:
            fitting[argument.out_name or name] = coerce_default_value(argument)
        elif isinstance(argument.type, GraphQLNonNull):
            raise Unusual
    return fitting


def _given(
    literal: ValueNode, type_: GraphQLInputType, variables: VariableValues, constants: dict[int, Any]
) -> Any:
    """The value of a literal or variable; Undefined for a variable without a value."""
    if isinstance(literal, VariableNode):
        value = variables.coerced.get(literal.name.value, Undefined)
        if value is None and isinstance(type_, GraphQLNonNull):
            raise Unusual
        return value
    value = constants.get(id(literal), Undefined)
    if value is Undefined:
        value = coerce_input_literal(literal, type_, variables)
        if value is Undefined:
            raise Unusual
        if isinstance(literal, _SIMPLE_LITERALS) and type(value) in _IMMUTABLE:
            constants[id(literal)] = value
    return value
