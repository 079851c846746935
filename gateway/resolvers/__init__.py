"""What answers a field: reads, writes, subscriptions.

A resolver gets arguments that graphql-core has coerced and a :class:`~gateway.resolvers.context.RequestContext`,
asks the API server or an informer, and returns plain JSON values. It raises :mod:`gateway.errors`;
making GraphQL errors of them is not done here.
"""

__all__: list[str] = []
