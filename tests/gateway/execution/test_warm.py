"""Warm caches sync without a subscriber and retry after a refusal."""

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


async def test_a_cache_syncs_without_a_subscriber(
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
    assert [item.key for item in informer.items()] == ["default/a"]
    assert informers.subscribers == 0
    await informers.aclose()
    await running


async def test_a_refused_cache_is_retried(
    server: ScriptedServer, client: KubeClient, informers: InformerRegistry
) -> None:
    server.scripted.append(failure(403, "Forbidden", "no"))
    caches = WarmCaches(informers, client, [CONFIG_MAPS], retry_seconds=0.0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(caches.run())

        async def ready() -> bool:
            return not caches.waiting_for()

        await eventually(ready, "the cache")
        running.cancel()
    assert len(server.requests) >= 2


def test_cache_names_are_resolved_like_kubectl_without_duplicates() -> None:
    found = find_cacheable(("po, deploy.apps", "Pod", ""), kubernetes_discovery().resources)
    assert [str(resource.gvr) for resource in found] == ["pods.v1", "deployments.v1.apps"]


@pytest.mark.parametrize("name", ["nonsense", "pods/log", "*", "bindings"])
def test_a_name_that_cannot_be_cached_is_a_configuration_error(name: str) -> None:
    with pytest.raises(ConfigurationError, match="--cache"):
        find_cacheable((name,), kubernetes_discovery().resources)
