"""The gateway: all code with I/O, from the API server's connection to the client's connection.

The imports follow these layers (import-linter checks them): ``cli → server → execution → resolvers →
(informers | identity) → kube → (settings | telemetry | binding) → errors → (concurrency | lru)``. Code
without I/O about Kubernetes types and GraphQL types belongs in :mod:`schema`.
"""

__all__: list[str] = []
