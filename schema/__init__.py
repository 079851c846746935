"""The schema side: the API of a cluster as a typed GraphQL schema.

Pure: no I/O, no asyncio, no clock, and no import of ``gateway`` (import-linter holds it). Kubernetes JSON is
the input; values of :mod:`schema.model` and graphql-core types are the output.

The top level is the vocabulary: resources, verbs, names, scalars, selectors and the model. Three packages
use it: :mod:`schema.lowering` (discovery and OpenAPI → model), :mod:`schema.building` (model → graphql-core
schema) and :mod:`schema.selection` (selection set → decoder of JSON).
"""

__all__: list[str] = []
