"""graphql-core's types and fields, made of names that are known to be valid.

graphql-core looks at every character of every name, in Python: half of the time that a schema takes to
build. The model's names are valid by construction (:mod:`schema.names`, proven with Hypothesis), and
``validate_schema`` looks at all of them once more before any schema is served.
"""

from functools import cached_property
from typing import Any

from graphql import (
    GraphQLArgumentMap,
    GraphQLField,
    GraphQLFieldMap,
    GraphQLInputFieldMap,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLOutputType,
)
from graphql.type.definition import resolve_thunk

__all__ = ["InputObjectType", "InterfaceType", "ObjectType", "field_with_arguments"]


class ObjectType(GraphQLObjectType):
    """An output type; its fields have to be GraphQLField, never bare types."""

    @cached_property
    def fields(self) -> GraphQLFieldMap:
        """The fields by name."""
        fields: GraphQLFieldMap = resolve_thunk(self._fields)  # type: ignore[arg-type]  # never bare types
        # the function that made them holds the other types of the schema
        self._fields = fields
        return fields


class InterfaceType(GraphQLInterfaceType):
    """An interface; its fields have to be GraphQLField, never bare types."""

    @cached_property
    def fields(self) -> GraphQLFieldMap:
        """The fields by name."""
        fields: GraphQLFieldMap = resolve_thunk(self._fields)  # type: ignore[arg-type]  # as above
        self._fields = fields
        return fields


class InputObjectType(GraphQLInputObjectType):
    """An input type; its fields have to be GraphQLInputField, never bare types."""

    @cached_property
    def fields(self) -> GraphQLInputFieldMap:
        """The fields by name."""
        fields: GraphQLInputFieldMap = resolve_thunk(self._fields)  # type: ignore[arg-type]  # as above
        self._fields = fields
        return fields


def field_with_arguments(type_: GraphQLOutputType, args: GraphQLArgumentMap, **more: Any) -> GraphQLField:
    """A field; ``more`` is what GraphQLField takes besides."""
    field = GraphQLField(type_, **more)
    field.args = args
    return field
