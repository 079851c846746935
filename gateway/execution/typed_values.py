"""graphql-core's executor with errors for values that do not fit their types.

graphql-core's own errors copy the value, which may be a secret, and are not distinguishable from defects.
"""

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
)
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.errors import UnexpectedValue

__all__ = ["TypedExecutor"]


class TypedExecutor(StrawberryGraphQLCoreExecutionContext):
    """Raises UnexpectedValue for a value of another type than the schema's."""

    def complete_typed(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Complete a value by graphql-core. Raises UnexpectedValue for a null that the type forbids."""
        if result is None and isinstance(return_type, GraphQLNonNull):
            raise UnexpectedValue(str(return_type))
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)

    @staticmethod
    def complete_leaf_value(return_type: GraphQLLeafType, result: Any) -> Any:
        """Complete a leaf. Raises UnexpectedValue."""
        try:
            return StrawberryGraphQLCoreExecutionContext.complete_leaf_value(return_type, result)
        except (GraphQLError, TypeError, ValueError, ArithmeticError):
            raise UnexpectedValue(str(return_type)) from None

    def complete_list_value(
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Complete a list. Raises UnexpectedValue."""
        if not isinstance(result, Iterable | AsyncIterable) or isinstance(result, str | bytes | Mapping):
            raise UnexpectedValue(str(return_type))
        return super().complete_list_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def complete_object_value(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Complete an object. Raises UnexpectedValue."""
        if "definition" in return_type.extensions and not isinstance(result, dict):
            raise UnexpectedValue(return_type.name)
        return super().complete_object_value(
            return_type, field_details_list, info, path, result, position_context
        )
