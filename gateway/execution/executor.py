"""graphql-core's executor, and one thing more: a compiled value is complete already.

A resolver that has decoded the selection itself (:mod:`schema.selection`) returns it as ``Compiled``.
The executor puts it into the response as it is and looks at nothing inside; everything else is
graphql-core's own execution. So the ``data`` of a response may hold msgspec Structs and ``msgspec.Raw``
below its root fields: ``msgspec.json.encode`` is what encodes it.
"""

from typing import Any

from graphql import GraphQLOutputType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.selection import Compiled

__all__ = ["CompiledExecutor"]


class CompiledExecutor(StrawberryGraphQLCoreExecutionContext):
    """The executor of every operation."""

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """A Compiled value as it is, whatever the type; graphql-core's completion of any other."""
        if type(result) is Compiled:
            return result.value
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)
