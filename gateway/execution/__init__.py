"""Runs GraphQL operations against one cluster: schema revisions, executor, Strawberry adapter, error codes.

:class:`GraphQLAPI` is the entry point: the product without a transport. HTTP requests and websockets belong
to :mod:`gateway.server`.
"""

from gateway.execution.graphql_api import GraphQLAPI

__all__ = ["GraphQLAPI"]
