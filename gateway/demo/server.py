"""Runs the demo API server and its cluster in the event loop of the caller."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.demo.apiserver import (
    Catalog,
    CustomResources,
    ResourceApi,
    Routes,
    Stamps,
    Storage,
    WatchSettings,
    Writer,
    build_app,
)
from gateway.demo.cluster import (
    ClusterState,
    ContainerRun,
    Deployments,
    Disruptions,
    EndpointSlices,
    GarbageCollector,
    Incidents,
    Kubelet,
    Namespaces,
    PodSets,
    Timeline,
    plant_bare,
    plant_cluster,
)
from gateway.uvicorn_server import UvicornServer

__all__ = ["DemoServer", "DemoSettings", "run_demo"]


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """Settings of the API server and its cluster.

    ``history``: number of changes kept for watches and exact reads. ``freshness``: seconds that a read waits
    for a resource version in the future. ``speed``: 2 runs the cluster twice as fast. ``seed``: makes
    generated names and incidents reproducible.
    """

    watch: WatchSettings = field(default_factory=WatchSettings)
    history: int = 4096
    freshness: float = 3.0
    speed: float = 1.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class DemoServer:
    """A running demo: its URL, and controls for tests."""

    url: str
    storage: Storage
    api: ResourceApi

    @property
    def watches(self) -> int:
        """The number of open watches."""
        return len(self.api.watchers)

    def compact(self) -> None:
        """Discard the history: watches and exact lists of older versions get 410 from now on."""
        self.storage.compact()

    def drop_watches(self) -> None:
        """End every open watch, as a restart of the API server does."""
        for watcher in tuple(self.api.watchers):
            watcher.close()


@asynccontextmanager
async def run_demo(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    living: bool = True,
    controllers: bool = True,
    planted: bool = True,
    tokens: Mapping[str, str] | None = None,
    settings: DemoSettings | None = None,
) -> AsyncIterator[DemoServer]:
    """Serve the demo until the block ends; raises OSError when the port is taken.

    ``living``: incidents happen (restarts, evictions, releases). ``controllers``: controllers run; without
    them objects stay as written. ``planted``: the cluster has nodes and workloads in addition to its four
    namespaces. ``tokens``: user names by bearer token; without tokens every request is authenticated as
    the administrator.
    """
    settings = settings or DemoSettings()
    timeline = Timeline(speed=settings.speed)
    catalog, storage = Catalog(), Storage(history=settings.history)
    stamps = Stamps(settings.seed, timeline.now)
    writer = Writer(catalog, storage, stamps)
    cluster = ClusterState(storage, stamps, timeline)
    if planted or controllers:
        _start_controllers(cluster)
    (plant_cluster if planted else plant_bare)(cluster, writer, catalog)
    if not controllers:
        # the planted pods are in phase Running at this point; stop all controllers
        storage.listeners.clear()
        timeline.heap.clear()
    elif living:
        Incidents(cluster).start()
    api = ResourceApi(catalog, storage, writer, settings.watch, settings.freshness, ContainerRun)
    CustomResources(catalog, storage, removed=api.close_watches)
    app = build_app(Routes(catalog, api, dict(tokens or {})))
    with socket.create_server((host, port)) as listening:
        # connections inherit TCP_NODELAY; asyncio sets it only on sockets with an explicit protocol
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        demo = DemoServer(f"http://{host}:{listening.getsockname()[1]}", storage, api)
        async with _serving(_Server(app, listening), timeline, demo):
            yield demo


def _start_controllers(cluster: ClusterState) -> None:
    Kubelet(cluster)
    PodSets(cluster)
    Deployments(cluster)
    Disruptions(cluster)
    EndpointSlices(cluster)
    GarbageCollector(cluster)
    Namespaces(cluster)


@asynccontextmanager
async def _serving(server: "_Server", timeline: Timeline, demo: DemoServer) -> AsyncIterator[None]:
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve(server.sockets), name="demo API server")
        running = tasks.create_task(timeline.run(), name="timeline of the demo cluster")
        await server.accepting.wait()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again outside the task group
            failure = error
        finally:
            running.cancel()
            demo.drop_watches()
            server.stop()
            await asyncio.wait((serving,))
    if failure is not None:
        raise failure


class _Server(UvicornServer):
    """Serves the routes on one socket; ``accepting`` is set once it accepts connections."""

    def __init__(self, app: ASGIApp, listening: socket.socket) -> None:
        self.responses = _EndableResponses(app)
        self.accepting = asyncio.Event()
        super().__init__(self.responses, [listening], ready=self.accepting.set, ws="none")

    def end_responses(self) -> None:
        self.responses.end()


class _EndableResponses:
    """ASGI middleware that ends open-ended responses, such as followed logs, at shutdown.

    A response that has started gets a final empty body chunk, so the client does not see a broken connection.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ended = False

    def end(self) -> None:
        """End every open response."""
        self._ended = True
        for task in tuple(self._tasks):
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            await send(message)
            begun = True

        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            await self._app(scope, receive, send_and_note)
        except asyncio.CancelledError:
            if not (self._ended and begun):
                raise
            await send({"type": "http.response.body", "body": b""})
        finally:
            if task is not None:
                self._tasks.discard(task)
