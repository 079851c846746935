"""The HTTP face: Starlette app, GraphQL endpoint, GraphiQL, health.

No Kubernetes and no schema building here.
"""

from gateway.server.app import build_app
from gateway.server.uvicorn.listener import Listener
from gateway.server.workers.siblings import Siblings

__all__ = ["Listener", "Siblings", "build_app"]
