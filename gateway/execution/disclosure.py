"""What is told of the schema itself, and to whom: to those who may read it from the API server.

Introspection tells of it, and so does what is wrong with a document or its variables ("Did you mean …").
Neither asks the API server for anything as the caller, so that the token that came along is looked at here.
"""

import re

from graphql import GraphQLError

from gateway.errors import GatewayError
from gateway.execution.errors import graphql_error, root_cause
from gateway.resolvers.context import RequestContext, expect_discovery

__all__ = ["introspects", "refusal", "tells_of_schema"]

INTROSPECTION = re.compile(r"__(schema|type)\b")


def introspects(query: str | None) -> bool:
    """Whether it may select introspection of more than ``__typename``."""
    return INTROSPECTION.search(query or "") is not None


def tells_of_schema(errors: list[GraphQLError] | None) -> bool:
    """Whether any of them is graphql-core's own about the request."""
    return any(error.path is None and root_cause(error) is None for error in errors or ())


async def refusal(context: RequestContext) -> GraphQLError | None:
    """The error for a caller who is to be told nothing; None for all others."""
    try:
        await expect_discovery(context)
    except GatewayError as error:
        return graphql_error(GraphQLError(error.message, original_error=error))
    return None
