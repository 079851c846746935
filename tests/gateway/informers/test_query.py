"""Views: reads of an informer without a subscription."""

import asyncio

import pytest

from gateway.errors import BadArgument, NotFound, Status
from gateway.informers import InformerRegistry, Scope, View
from gateway.kube.client import KubeClient
from tests.fixtures.waiting import DEADLINE
from tests.gateway.informers.reading import reading
from tests.gateway.informers.scripted_server import CONFIG_MAPS, ScriptedServer


def view_of(
    registry: InformerRegistry, client: KubeClient, scope: Scope | None = None, **selectors: str
) -> View:
    view = registry.view(client, CONFIG_MAPS, scope or Scope(), **selectors)
    assert view is not None
    return view


async def test_objects_come_in_the_order_of_an_api_server(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    for name, namespace in (("b", "x"), ("a", "x-y"), ("a", "x"), ("c", "b")):
        await server.create(name, namespace=namespace, v=1)
    async with reading(registry, client) as reader:
        await reader.until_synced()
        keys = [item.key for item in view_of(registry, client).objects()]
        assert keys == sorted(keys) == ["b/c", "x-y/a", "x/a", "x/b"]
        await server.update("a", namespace="x", v=2)
        await reader.until(lambda item: len(item.events) == 6)
        assert [item.key for item in view_of(registry, client).objects()] == keys


async def test_a_view_is_of_its_scope_and_its_selectors(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    for name, namespace in (("a", "x"), ("b", "x"), ("a", "y")):
        await server.create(name, namespace=namespace, v=1)
    async with reading(registry, client) as reader:
        await reader.until_synced()
        wide = view_of(registry, client)
        one = view_of(registry, client, Scope("x"), field_selector="metadata.name=b")
        assert one.informer is wide.informer
        assert [item.key for item in one.objects()] == ["x/b"]
        assert [item.key for item in view_of(registry, client, Scope("y")).objects()] == ["y/a"]
        assert view_of(registry, client, label_selector="nobody=has").objects() == []


async def test_no_view_without_a_running_informer_or_for_unanswerable_selectors(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    assert registry.view(client, CONFIG_MAPS, Scope()) is None
    async with reading(registry, client, Scope("default")) as reader:
        await reader.until_synced()
        assert registry.view(client, CONFIG_MAPS, Scope()) is None
        assert registry.view(client, CONFIG_MAPS, Scope("default"), field_selector="data.v=1") is None
        assert registry.view(client.as_bearer("bob"), CONFIG_MAPS, Scope("default")) is None
        with pytest.raises(BadArgument):
            registry.view(client, CONFIG_MAPS, Scope("default"), label_selector="a in")
    assert len(server.requests) == 1


async def test_a_version_that_is_still_to_come_is_waited_for(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    async with reading(registry, client) as reader, asyncio.timeout(DEADLINE):
        await reader.until_synced()
        informer = view_of(registry, client).informer
        now = int(informer.resource_version)
        assert await informer.reached(now)
        waiting = asyncio.create_task(informer.reached(now + 2))
        await server.create("a", v=1)
        await server.create("b", v=1)
        assert await waiting
        assert len(informer.items()) == 2


async def test_a_version_that_will_not_come_is_not_waited_for(
    client: KubeClient, registry: InformerRegistry
) -> None:
    async with reading(registry, client) as reader, asyncio.timeout(DEADLINE):
        await reader.until_synced()
        informer = view_of(registry, client).informer
        waiting = asyncio.create_task(informer.reached(10**9))
        await asyncio.sleep(0)
        registry.end({CONFIG_MAPS.gvr}, NotFound(Status(404)))
        assert not await waiting


async def test_an_informer_that_is_held_runs_until_it_is_let_go(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with asyncio.timeout(DEADLINE):
        async with registry.hold(client, CONFIG_MAPS, Scope()) as informer:
            assert informer.synced
            assert informer.subscribers == 0
            assert registry.find(client, CONFIG_MAPS, Scope()) is informer
        await informer.finished()
    assert registry.find(client, CONFIG_MAPS, Scope()) is None
