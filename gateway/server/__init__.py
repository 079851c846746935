"""The HTTP face: Starlette app, GraphQL endpoint, GraphiQL, health.

No Kubernetes and no schema building here.
"""

__all__: list[str] = []
