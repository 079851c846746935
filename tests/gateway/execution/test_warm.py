"""Warm caches: there before anybody asks, and sought again where they are refused."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.errors import ConfigurationError
from gateway.execution.warm import WarmCaches, find_cacheable
from gateway.informers import InformerRegistry, Scope
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from tests.fixtures.sdl import kubernetes_discovery
from tests.fixtures.waiting import eventually
from tests.gateway.informers.scripted_server import CONFIG_MAPS, ScriptedServer, failure, running_server


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
async def informers() -> AsyncIterator[InformerRegistry]:
    registry = InformerRegistry(grace_period=0.0)
    yield registry
    await registry.aclose()


async def test_it_is_synced_though_nobody_subscribes(
    server: ScriptedServer, client: KubeClient, informers: InformerRegistry
) -> None:
    await server.create("a", v=1)
    caches = WarmCaches(informers, client, [CONFIG_MAPS])
    assert caches.waiting_for() == ("configmaps",)
    running = asyncio.create_task(caches.run())

    async def ready() -> bool:
        return not caches.waiting_for()

    await eventually(ready, "the cache")
    informer = informers.find(client, CONFIG_MAPS, Scope("default"))
    assert informer is not None
    assert [each.key for each in informer.items()] == ["default/a"]
    assert informers.subscribers == 0
    await informers.aclose()
    await running


async def test_it_is_sought_again_where_it_was_refused(
    server: ScriptedServer, client: KubeClient, informers: InformerRegistry
) -> None:
    server.scripted.append(failure(403, "Forbidden", "no"))
    caches = WarmCaches(informers, client, [CONFIG_MAPS], pause=0.0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(caches.run())

        async def ready() -> bool:
            return not caches.waiting_for()

        await eventually(ready, "the cache")
        running.cancel()
    assert len(server.requests) >= 2


def test_names_are_kubectl_s_and_each_is_kept_once() -> None:
    found = find_cacheable(("po, deploy.apps", "Pod", ""), kubernetes_discovery().resources)
    assert [str(each.gvr) for each in found] == ["pods.v1", "deployments.v1.apps"]


@pytest.mark.parametrize("name", ["nonsense", "pods/log", "*", "bindings"])
def test_what_cannot_be_cached_is_said(name: str) -> None:
    with pytest.raises(ConfigurationError, match="--cache"):
        find_cacheable((name,), kubernetes_discovery().resources)
