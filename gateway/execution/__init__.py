"""Running an operation: the schema as Strawberry's views want it, the executor, error conversion, revisions.

Nothing here knows HTTP requests or websockets; that is :mod:`gateway.server`.
"""

__all__: list[str] = []
