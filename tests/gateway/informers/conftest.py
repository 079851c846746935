"""A scripted API server, a client of it, and registries that leave nothing behind."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

import msgspec
import pytest

from gateway.informers import InformerRegistry
from gateway.informers.store import Store, StoredObject
from gateway.kube.client import KubeClient
from gateway.kube.cluster_config import ClusterConfig
from tests.gateway.informers.reading import InstantClock
from tests.gateway.informers.scripted_server import ScriptedServer, running_server


@pytest.fixture
def stored_objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[StoredObject]]:
    """Everything that was ever stored; at the end of a test nobody has changed any of it."""
    stored: list[StoredObject] = []
    put, load = Store.put, Store.load

    def watched_put(store: Store, each: StoredObject) -> None:
        stored.append(each)
        put(store, each)

    def watched_load(store: Store, objects: Iterable[StoredObject]) -> None:
        kept = list(objects)
        stored.extend(kept)
        load(store, kept)

    monkeypatch.setattr(Store, "put", watched_put)
    monkeypatch.setattr(Store, "load", watched_load)
    yield stored
    for each in stored:
        read = msgspec.json.decode(each.object, type=type(each.header))
        # the items of a LIST have no kind of their own
        kind = {"kind": each.header.kind, "api_version": each.header.api_version}
        assert msgspec.structs.replace(read, **kind) == each.header


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
async def registry(
    clock: InstantClock, stored_objects: list[StoredObject]
) -> AsyncIterator[InformerRegistry]:
    """Informers that never wait before they try again; no task is left when it is closed."""
    before = asyncio.all_tasks()
    registry = InformerRegistry(clock=clock)
    yield registry
    await registry.aclose()
    assert not registry.informers
    left = {task for task in asyncio.all_tasks() - before if task.get_name().startswith("informer")}
    assert not left
