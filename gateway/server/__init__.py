"""The HTTP server: Starlette app, ``/graphql`` endpoint, GraphiQL, health, metrics, and uvicorn's life cycle.

:func:`build_app` and :class:`Listener` are the main doors; :class:`Siblings` names the other workers. No
Kubernetes requests and no schema building here.
"""

from gateway.server.app import RequestPolicy, build_app
from gateway.server.uvicorn.http_protocol import Timeouts
from gateway.server.uvicorn.listener import Listener
from gateway.server.uvicorn.tls import ServerTLS
from gateway.server.workers.siblings import Siblings

__all__ = ["Listener", "RequestPolicy", "ServerTLS", "Siblings", "Timeouts", "build_app"]
