"""Runs GraphQL operations against one cluster: schema revisions, executor, Strawberry adapter, error codes.

:class:`GraphQLAPI` is the main door: the product without a transport. No HTTP requests and no websockets
here; those are in :mod:`gateway.server`.
"""

from gateway.execution.graphql_api import GraphQLAPI

__all__ = ["GraphQLAPI"]
