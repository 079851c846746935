"""The schema in GraphQL's definition language (SDL), sorted by name, one definition at a time."""

from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any, TypeVar

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    print_type,
)
from graphql.pyutils import natural_comparison_key

from schema.building.lazy_schema import LazySchema

__all__ = ["print_sdl"]

Value = TypeVar("Value")


def print_sdl(schema: LazySchema) -> Iterator[str]:
    """The SDL in pieces, which equal ``print_schema(lexicographic_sort_schema(schema))`` and a newline.

    The fields of a type are built when it is printed, and freed afterwards: ``schema`` does not grow.
    """
    own = LazySchema(schema.model, schema.resolvers)
    separator = ""
    try:
        for name in sorted(own.type_map.keys() - GraphQLNamedType.reserved_types, key=natural_comparison_key):
            type_ = own.type_map[name]
            yield f"{separator}{print_type(_sorted_type(type_))}\n"
            separator = "\n"
            vars(type_).pop("fields", None)  # no other definition needs them
    finally:
        own.extensions["types"].release()


def _sorted_type(type_: GraphQLNamedType) -> GraphQLNamedType:
    """A copy with sorted members. No type has several interfaces."""
    arguments: dict[str, Any] = dict(type_.to_kwargs())
    match type_:
        case GraphQLObjectType(fields=fields) | GraphQLInterfaceType(fields=fields):
            arguments["fields"] = {
                name: _with_sorted_arguments(field) for name, field in _sorted(fields).items()
            }
        case GraphQLInputObjectType(fields=fields):
            arguments["fields"] = _sorted(fields)
        case GraphQLEnumType(values=values):
            arguments["values"] = _sorted(values)
    return type(type_)(**arguments)


def _with_sorted_arguments(field: Any) -> Any:
    if len(field.args) > 1:
        field = copy(field)
        field.args = _sorted(field.args)
    return field


def _sorted(members: Mapping[str, Value]) -> dict[str, Value]:
    return {name: members[name] for name in sorted(members, key=natural_comparison_key)}
