"""Running the demo API server inside an event loop that is already there."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import ASGIApp

from gateway.demo.api import ResourceApi
from gateway.demo.app import Routes, build_app
from gateway.demo.catalog import Catalog
from gateway.demo.cluster import Cluster
from gateway.demo.definitions import Definitions
from gateway.demo.ending import Ending
from gateway.demo.living import Life, start_controllers
from gateway.demo.seed import plant_bare, plant_cluster
from gateway.demo.storage import Storage
from gateway.demo.system import Stamps
from gateway.demo.timeline import Timeline
from gateway.demo.watch import WatchSettings
from gateway.demo.writes import Writer
from gateway.uvicorn_server import UvicornServer

__all__ = ["DemoServer", "DemoSettings", "run_demo"]


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """How the API server and its cluster behave.

    ``history``: how many changes are remembered. ``freshness``: how many seconds a read waits for a
    resource version that has not come yet. ``speed``: 2 makes the cluster's life twice as fast.
    ``seed``: the same one gives the same names and the same incidents.
    """

    watch: WatchSettings = field(default_factory=WatchSettings)
    history: int = 4096
    freshness: float = 3.0
    speed: float = 1.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class DemoServer:
    """A running demo: its address, and what tests do to it."""

    url: str
    storage: Storage
    api: ResourceApi

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return len(self.api.watchers)

    def compact(self) -> None:
        """Forget the history: a watch or a list of an older version gets 410 from now on."""
        self.storage.compact()

    def drop_watches(self) -> None:
        """End every watch that is open, as a restart of the API server does."""
        for watcher in tuple(self.api.watchers):
            watcher.close()


class _Server(UvicornServer):
    """Serves the routes on one socket; ``started_serving`` is set once it accepts connections."""

    def __init__(self, app: ASGIApp, listening: socket.socket) -> None:
        self.app = Ending(app)
        self.started_serving = asyncio.Event()
        super().__init__(self.app, [listening], ready=self.started_serving.set, ws="none")

    def end_responses(self) -> None:
        self.app.end()


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
    """Serve the demo until the block ends; raises OSError where the port is taken.

    ``living``: things happen that nobody asked for. ``controllers``: pods follow deployments, and so on;
    without them objects stay as they are written. ``planted``: there is a cluster from the start, not
    only its four namespaces. ``tokens``: bearer tokens and their users; without any, everybody is let in.
    """
    settings = settings or DemoSettings()
    timeline = Timeline(speed=settings.speed)
    catalog, storage = Catalog(), Storage(history=settings.history)
    stamps = Stamps(settings.seed, timeline.now)
    writer = Writer(catalog, storage, stamps)
    cluster = Cluster(storage, stamps, timeline)
    if planted or controllers:
        start_controllers(cluster)
    (plant_cluster if planted else plant_bare)(cluster, writer, catalog)
    if not controllers:
        # what is planted has been brought up; from here on nobody acts
        storage.listeners.clear()
        timeline.heap.clear()
    elif living:
        Life(cluster).start()
    api = ResourceApi(catalog, storage, writer, settings.watch, settings.freshness)
    Definitions(catalog, storage, removed=api.close_watches)
    app = build_app(Routes(catalog, api, dict(tokens or {})))
    with socket.create_server((host, port)) as listener:
        # inherited by each connection; asyncio itself sets it only where a socket names its protocol
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        demo = DemoServer(f"http://{host}:{listener.getsockname()[1]}", storage, api)
        async with _serving(_Server(app, listener), timeline, demo):
            yield demo


@asynccontextmanager
async def _serving(server: _Server, timeline: Timeline, demo: DemoServer) -> AsyncIterator[None]:
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve(server.sockets))
        running = tasks.create_task(timeline.run())
        await server.started_serving.wait()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the block's own, raised again outside of the group
            failure = error
        finally:
            running.cancel()
            demo.drop_watches()
            server.stop()
            await asyncio.wait((serving,))
    if failure is not None:
        raise failure
