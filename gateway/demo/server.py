"""Running the demo API server inside an event loop that is already there."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn

from gateway.demo.api import ResourceApi
from gateway.demo.app import Routes, build_app
from gateway.demo.catalog import Catalog
from gateway.demo.cluster import Cluster
from gateway.demo.living import Life, start_controllers
from gateway.demo.seed import plant_bare, plant_cluster
from gateway.demo.storage import Storage
from gateway.demo.system import Stamps
from gateway.demo.timeline import Timeline
from gateway.demo.watch import WatchSettings
from gateway.demo.writes import Writer

__all__ = ["DemoServer", "Population", "run_demo"]


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


@dataclass(frozen=True, slots=True)
class Population:
    """What is in the cluster: ``planted`` objects, ``controllers`` that act, and (``living``) incidents.

    ``speed`` 2 makes everything happen twice as fast; a ``seed`` makes it happen the same way each time.
    """

    planted: bool = True
    controllers: bool = True
    living: bool = True
    speed: float = 1.0
    seed: int | None = None


def populate(cluster: Cluster, writer: Writer, catalog: Catalog, population: Population) -> None:
    """Bring the cluster to the state that its first client sees."""
    if population.controllers:
        start_controllers(cluster)
    if population.planted:
        plant_cluster(cluster, writer, catalog)
    else:
        plant_bare(cluster, writer, catalog)
    if population.living:
        Life(cluster).start()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: signals are the surrounding program's business."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def run_demo(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tokens: Mapping[str, str] | None = None,
    watch: WatchSettings | None = None,
    history: int = 4096,
    freshness: float = 3.0,
    population: Population | None = None,
) -> AsyncIterator[DemoServer]:
    """Serve the demo until the block ends; raises OSError where the port is taken."""
    population = population or Population()
    timeline = Timeline(speed=population.speed)
    catalog, storage, stamps = Catalog(), Storage(history=history), Stamps(population.seed, timeline.now)
    writer = Writer(catalog, storage, stamps)
    populate(Cluster(storage, stamps, timeline), writer, catalog, population)
    api = ResourceApi(catalog, storage, writer, watch or WatchSettings(), freshness)
    app = build_app(Routes(catalog, api, dict(tokens or {})))
    with socket.create_server((host, port)) as listener:
        address = f"http://{host}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=1
        )
        server = _Server(config)
        demo = DemoServer(address, storage, api)
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve(sockets=[listener]))
            running = tasks.create_task(timeline.run())
            await server.ready.wait()
            try:
                yield demo
            finally:
                running.cancel()
                demo.drop_watches()
                server.should_exit = True
                await asyncio.wait((serving,))
