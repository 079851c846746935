"""The Starlette app: which path answers what."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import cache

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from gateway.identity import Identity
from gateway.server import examples, graphiql
from gateway.server.connections import Connections
from gateway.server.endpoint import Endpoint, Executable
from gateway.server.guard import Guard
from gateway.server.workers.relay import Relay
from gateway.server.workers.siblings import Siblings

__all__ = ["build_app"]


def build_app(
    gateway: Executable,
    identity: Identity,
    waiting_for: Callable[[], Sequence[str]] = tuple,
    siblings: Siblings | None = None,
) -> Starlette:
    """The app over a gateway that has started; it owns nothing, so it needs no closing.

    ``waiting_for`` says what is still to come before it is ready; ``siblings`` are there where it is one of
    several workers.
    """

    async def ready(request: Request) -> Response:
        del request
        missing = waiting_for()
        if missing:
            return PlainTextResponse(f"waiting for the caches of {', '.join(missing)}", 503)
        return PlainTextResponse("ok")

    connections = Connections()
    endpoint = Endpoint(gateway, identity, graphiql.page(), connections)

    @cache
    def metrics() -> Callable[[Request], Awaitable[Response]]:
        from gateway.server.metrics import Metrics  # noqa: PLC0415  (0.1 s that start-up need not wait for)

        shared = gateway.context(None).shared
        metrics = Metrics(gateway.informers, shared, identity.client, connections)
        if siblings is None:
            return metrics.respond
        from gateway.server.workers.metrics import WorkerMetrics  # noqa: PLC0415  (as above)

        return WorkerMetrics(metrics, siblings).respond

    async def scrape(request: Request) -> Response:
        respond = await asyncio.to_thread(metrics)
        return await respond(request)

    routes: list[Route | WebSocketRoute | Mount] = [
        Route("/", _index),
        Route("/livez", _alive),
        Route("/readyz", ready),
        Route("/metrics", scrape),
        Route("/graphql", _shared(endpoint, siblings)),
        WebSocketRoute("/graphql", endpoint),
        graphiql.assets(),
    ]
    if (folder := examples.folder()) is not None:
        routes.append(Mount("/examples", StaticFiles(directory=folder, html=True)))
    return Starlette(routes=routes, middleware=[Middleware(Guard, identity=identity)])


def _shared(endpoint: Endpoint, siblings: Siblings | None) -> ASGIApp:
    """The endpoint, with the event streams of all workers."""
    if siblings is None:
        return endpoint
    endpoint.reservations.mark = siblings.mark
    return Relay(endpoint, siblings)


async def _index(request: Request) -> Response:
    del request
    # relative, so that it also holds below a proxy's path
    return RedirectResponse("graphql")


async def _alive(request: Request) -> Response:
    """Nothing listens before the schema stands."""
    del request
    return PlainTextResponse("ok")
