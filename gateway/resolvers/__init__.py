"""What answers a field: reads, writes, subscriptions.

A resolver gets arguments that graphql-core has coerced and the request's context, asks the API server
or an informer, and returns JSON values. It raises :mod:`gateway.errors`; making GraphQL errors of them
is not done here.
"""

__all__: list[str] = []
