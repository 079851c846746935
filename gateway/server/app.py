"""The Starlette app: the routes, and the guard around them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.identity import NO_ORIGINS, Identity, Origins
from gateway.server import graphiql
from gateway.server.compression import Compression
from gateway.server.cors import CORS
from gateway.server.documents import Documents
from gateway.server.endpoint import Endpoint, Executable
from gateway.server.examples import examples_folder, pages
from gateway.server.gallery import gallery
from gateway.server.guard import BodyLimit, Guard
from gateway.server.refusal_log import RefusalLog
from gateway.server.schema_file import SchemaFile
from gateway.server.workers.relay import Relay
from gateway.server.workers.siblings import Siblings

__all__ = ["RequestPolicy", "build_app"]


_CORS_PATHS = ("/graphql", "/schema.graphql")


@dataclass(frozen=True, slots=True)
class RequestPolicy:
    """The documents that requests may run, the origins of pages that may send them, and the examples."""

    documents: Documents = field(default_factory=Documents)
    origins: Origins = NO_ORIGINS
    examples: bool = True


def build_app(
    api: Executable,
    identity: Identity,
    waiting_for: Callable[[], Sequence[str]] = tuple,
    siblings: Siblings | None = None,
    max_body: int = 4 << 20,
    compression: tuple[int, int] = (1, 1024),
    policy: RequestPolicy | None = None,
) -> Starlette:
    """The app over a started API. It owns no resources and needs no closing.

    ``waiting_for`` returns the caches that are not synced yet: ``/readyz`` answers 503 until it is empty.
    ``siblings`` are the other workers, if there are several. ``max_body`` bounds a request's body, in bytes.
    ``compression`` is the level of compression (0 for none) and the size of a response from which it applies.
    ``policy`` is by default the one without trusted documents and other origins.
    """
    policy = policy or RequestPolicy()
    shared = api.context(None).shared
    examples = examples_folder() if policy.examples else None
    endpoint = Endpoint(api, identity, graphiql.page(examples=examples is not None), policy.documents)
    graphql = _relayed(endpoint, siblings)
    routes: list[Route | WebSocketRoute | Mount] = [
        Route("/graphql", graphql),
        WebSocketRoute("/graphql", endpoint),
        Route("/", _index),
        Route("/livez", _alive),
        Route("/readyz", _readiness(waiting_for)),
        Route("/metrics", _scrape(endpoint, identity, siblings)),
        Route("/schema.graphql", SchemaFile(identity, api.context, api.stored_sdl).respond),
        graphiql.assets(),
    ]
    if examples is not None:
        routes.append(gallery(examples))
        routes.extend(pages(examples))
    level, threshold = compression
    layers = [
        Middleware(Compression, level=level, threshold=threshold),
        Middleware(Guard, identity=identity),
        Middleware(BodyLimit, most=max_body),
        Middleware(_DirectRoute, endpoint=graphql),
    ]
    if policy.origins:
        layers.insert(0, Middleware(CORS, origins=policy.origins, paths=_CORS_PATHS))
    if shared.operation_logs is not None:
        layers.insert(0, Middleware(RefusalLog, logs=shared.operation_logs))
    return Starlette(routes=routes, middleware=layers)


class _DirectRoute:
    """Takes requests of ``/graphql`` to the endpoint without Starlette's router, which costs 0.1 ms each.

    The endpoint answers its own errors. Below a proxy's path prefix (``root_path``) the router finds it.
    """

    def __init__(self, app: ASGIApp, endpoint: ASGIApp) -> None:
        self._router = app
        self._endpoint = endpoint

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        direct = scope["type"] == "http" and scope["path"] == "/graphql"
        return (self._endpoint if direct else self._router)(scope, receive, send)


def _readiness(waiting_for: Callable[[], Sequence[str]]) -> Callable[[Request], Awaitable[Response]]:
    async def ready(request: Request) -> Response:
        del request
        missing = waiting_for()
        if missing:
            return PlainTextResponse(f"waiting for the caches of {', '.join(missing)}", 503)
        return PlainTextResponse("ok")

    return ready


def _scrape(
    endpoint: Endpoint, identity: Identity, siblings: Siblings | None
) -> Callable[[Request], Awaitable[Response]]:
    """``/metrics``; its modules are imported by the first request."""

    @cache
    def metrics() -> Callable[[Request], Awaitable[Response]]:
        from gateway.server.metrics import Metrics  # noqa: PLC0415  (saves start-up 0.1 s)

        api = endpoint.api
        shared = api.context(None).shared
        metrics = Metrics(api.informers, shared, identity.client, lambda: endpoint.open_websockets)
        if siblings is None:
            return metrics.respond
        from gateway.server.workers.merged_metrics import MergedMetrics  # noqa: PLC0415  (as above)

        return MergedMetrics(metrics, siblings).respond

    async def scrape(request: Request) -> Response:
        respond = await asyncio.to_thread(metrics)
        return await respond(request)

    return scrape


def _relayed(endpoint: Endpoint, siblings: Siblings | None) -> ASGIApp:
    """The endpoint; with several workers it also reaches the event streams of the others."""
    if siblings is None:
        return endpoint
    endpoint.reservations.mark = siblings.mark
    return Relay(endpoint, siblings)


async def _index(request: Request) -> Response:
    del request
    # relative: works below a proxy's path prefix, too
    return RedirectResponse("graphql")


async def _alive(request: Request) -> Response:
    """Always ok: the server listens only after the schema is built."""
    del request
    return PlainTextResponse("ok")
