"""The schema side: what a cluster serves, as a typed GraphQL schema.

Pure: no I/O, no asyncio, no clock, and nothing of ``gateway`` is imported here (import-linter holds
it). Kubernetes JSON goes in, values of :mod:`schema.model` and graphql-core types come out.
"""

__all__: list[str] = []
