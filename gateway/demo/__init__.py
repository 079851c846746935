"""An embedded, in-memory Kubernetes API server with a small living cluster in it: what ``--demo`` serves.

Real HTTP, real resource versions, real refusals: the contract tests run against it and against a
kube-apiserver. What it serves was recorded from one (``openapi/``, by ``tests/record_openapi.py``).
Nothing here knows the gateway in front of it; everything is kept in memory and gone at the end.
"""

from gateway.demo.apiserver import WatchSettings
from gateway.demo.server import DemoServer, DemoSettings, run_demo

__all__ = ["DemoServer", "DemoSettings", "WatchSettings", "run_demo"]
