"""A small Strawberry schema behind the real app, on a real port.

One server serves a whole module, so the tests run in the module's loop: ``asyncio(loop_scope="module")``.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import httpx
import pytest_asyncio
import strawberry
from strawberry.types import Info

from gateway.binding import bind
from gateway.compression import StoredBody
from gateway.execution.executor import CompiledExecutor
from gateway.identity import Identity, Local, Passthrough
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.resolvers.context import RequestContext, Shared
from gateway.server import Listener, RequestPolicy, ServerTLS, Siblings, Timeouts, build_app
from tests.gateway.kube.loopback import LoopbackServer, Reply, Request, json_reply, serve, status_reply

SDL = "type Query {\n  caller: String!\n}\n" * 100

CallerInfo = Info[RequestContext, None]


@strawberry.type
class Query:
    @strawberry.field
    def caller(self, info: CallerInfo) -> str:
        assert info.context.client is not None
        return info.context.client.identity

    @strawberry.field
    async def never(self) -> str:
        await asyncio.Event().wait()
        return "never"

    @strawberry.field
    def broken(self) -> str | None:
        raise ValueError("broken")

    @strawberry.field
    def square(self, of: int) -> int:
        return of * of


@strawberry.type
class Mutation:
    @strawberry.mutation
    def remember(self, word: str) -> str:
        return word


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, info: CallerInfo, to: int) -> AsyncIterator[int]:
        assert info.context.client is not None
        for number in range(to):
            yield number

    @strawberry.subscription
    async def caller(self, info: CallerInfo) -> AsyncIterator[str]:
        assert info.context.client is not None
        yield info.context.client.identity

    @strawberry.subscription
    async def forever(self) -> AsyncIterator[str]:
        yield "begun"
        await asyncio.Event().wait()


class SmallSchema(strawberry.Schema):
    """Prepares operations like :class:`gateway.execution.strawberry_schema.KubernetesSchema`."""

    async def _prepare_operation_async(self, context: Any, extensions_runner: Any) -> Any:
        if len(context.query or "") > 1000:
            await asyncio.to_thread(lambda: None)
        refused = await super()._prepare_operation_async(context, extensions_runner)
        if refused is None and context.context.on_valid:
            context.context.on_valid()
        return refused


class SmallAPI:
    """Stands in for :class:`gateway.execution.GraphQLAPI`."""

    def __init__(self) -> None:
        self.schema = SmallSchema(Query, Mutation, Subscription, execution_context_class=CompiledExecutor)
        self.informers = InformerRegistry()
        self._shared = Shared()

    def context(self, client: KubeClient | None) -> RequestContext:
        return RequestContext(client, self.informers, shared=self._shared)

    async def stored_sdl(self) -> StoredBody:
        return StoredBody([SDL.encode()])


STRANGER = "made-up"
"""A token that the API server refuses."""


async def review(request: Request) -> Reply:
    """The API server: it accepts every token but :data:`STRANGER`."""
    if request.headers.get("authorization") == f"Bearer {STRANGER}":
        return status_reply(401, "Unauthorized")
    return json_reply({"status": {"allowed": True}}, 201)


@dataclass
class Served:
    """A running server, an HTTP client for it, and the API server that reviews callers."""

    port: int
    stop: asyncio.Event
    http: httpx.AsyncClient
    client: KubeClient
    ended: asyncio.Event
    listener: Listener
    upstream: LoopbackServer

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"


@asynccontextmanager
async def running(
    identity_type: Callable[[KubeClient], Identity],
    siblings: Siblings | None = None,
    *,
    max_body: int = 4 << 20,
    timeouts: Timeouts | None = None,
    tls: ServerTLS | None = None,
    policy: RequestPolicy | None = None,
) -> AsyncIterator[Served]:
    """Serve until the block ends; as one of several workers if siblings are given."""
    started, stop, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    async with (
        serve(review) as upstream,
        KubeClient.connect(ClusterConfig(server=upstream.url)) as client,
    ):
        with bind("127.0.0.1", 0) as bound, siblings.bind() if siblings else nullcontext() as private:
            app = build_app(
                SmallAPI(), identity_type(client), siblings=siblings, max_body=max_body, policy=policy
            )
            listener = Listener(
                app,
                bound,
                ready=started.set,
                private=private,
                timeouts=timeouts,
                max_message=max_body,
                tls=tls,
            )
            port = bound.getsockname()[1]

            async def run() -> None:
                await listener.run_until(stop)
                ended.set()

            async with (
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20, verify=False) as http,
                asyncio.TaskGroup() as group,
            ):
                group.create_task(run())
                await started.wait()
                try:
                    yield Served(port, stop, http, client, ended, listener, upstream)
                finally:
                    stop.set()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def local() -> AsyncIterator[Served]:
    async with running(Local) as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def passthrough() -> AsyncIterator[Served]:
    async with running(Passthrough) as served:
        yield served
