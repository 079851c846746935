"""The gateway: everything that does I/O, from the API server's wire to the browser's.

Arrows point one way (import-linter holds it): ``cli → server → execution → resolvers →
(informers | identity) → kube → (settings | telemetry) → errors``. What needs no I/O belongs in
:mod:`schema`, never here.
"""

__all__: list[str] = []
