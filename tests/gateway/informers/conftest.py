"""A scripted API server, a client of it, and registries that leave nothing behind."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from tests.gateway.informers.mutations import watching_stores
from tests.gateway.informers.reading import InstantClock
from tests.gateway.informers.scripted_server import ScriptedServer, running_server


@pytest.fixture(autouse=True)
def _no_mutations() -> Iterator[None]:
    """No test mutates a stored object."""
    with watching_stores() as detector:
        yield
    detector.check()


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with running_server() as server:
        yield server


@pytest.fixture
async def client(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KubeClient]:
    monkeypatch.setenv("NO_PROXY", "*")
    async with KubeClient.connect(ClusterConfig(server=server.url)) as client:
        yield client


@pytest.fixture
def clock() -> InstantClock:
    return InstantClock()


@pytest.fixture
async def registry(clock: InstantClock) -> AsyncIterator[InformerRegistry]:
    """Informers that never wait before they try again; no task is left when it is closed."""
    before = asyncio.all_tasks()
    registry = InformerRegistry(clock=clock)
    yield registry
    await registry.aclose()
    assert not registry.informers
    left = {task for task in asyncio.all_tasks() - before if task.get_name().startswith("informer")}
    assert not left
