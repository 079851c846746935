"""The HTTP face: Starlette app, GraphQL endpoint, GraphiQL, health.

No Kubernetes and no schema building here.
"""

from gateway.server.app import build_app
from gateway.server.listener import Listener, bind

__all__ = ["Listener", "bind", "build_app"]
