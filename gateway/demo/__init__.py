"""The server behind ``--demo``: an in-memory Kubernetes API server with a small simulated cluster.

The server implements HTTP, resource versions and error responses like a kube-apiserver; the contract tests
run against both. Its discovery and OpenAPI documents are recorded from a kube-apiserver (``openapi/``, by
``tests/record_openapi.py``). The package does not depend on the GraphQL API. All state is in memory and is
lost at shutdown.
"""

from gateway.demo.apiserver import WatchSettings
from gateway.demo.server import DemoServer, DemoSettings, run_demo

__all__ = ["DemoServer", "DemoSettings", "WatchSettings", "run_demo"]
