"""Informers that leave everything but the metadata out (``PartialObjectMetadata``)."""

import json
from collections.abc import AsyncIterator

import pytest

from gateway.demo import DemoServer, DemoSettings, WatchSettings, run_demo
from gateway.errors import Gone, Status
from gateway.informers import InformerRegistry, Scope
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from tests.fixtures.waiting import eventually
from tests.gateway.informers.reading import InstantClock, reading
from tests.gateway.informers.scripted_server import CONFIG_MAPS

MAPS = "api/v1/namespaces/default/configmaps"


@pytest.fixture
async def demo() -> AsyncIterator[DemoServer]:
    async with run_demo(living=False) as demo:
        yield demo


@pytest.fixture
async def client(demo: DemoServer) -> AsyncIterator[KubeClient]:
    async with KubeClient.connect(ClusterConfig(server=demo.url)) as client:
        await write(client, "a", "1")
        yield client


@pytest.fixture
async def registry() -> AsyncIterator[InformerRegistry]:
    registry = InformerRegistry(clock=InstantClock())
    yield registry
    await registry.aclose()


async def write(client: KubeClient, name: str, value: str) -> None:
    body = {"metadata": {"name": name, "labels": {"v": value}}, "data": {"large": "x" * 1000}}
    await client.request("POST", MAPS, body=json.dumps(body).encode(), content_type="application/json")


async def test_objects_have_their_kind_and_metadata_and_nothing_else(
    client: KubeClient, registry: InformerRegistry
) -> None:
    scope = Scope("default")
    async with reading(registry, client, scope, metadata_only=True) as reader:
        await reader.until_synced()
        await write(client, "b", "2")
        await reader.until(lambda seen: "default/b" in seen.objects)

        for key in ("default/a", "default/b"):
            found = reader.objects[key]
            assert found.keys() == {"kind", "apiVersion", "metadata"}
            assert (found["kind"], found["apiVersion"]) == ("ConfigMap", "v1")
            assert found["metadata"]["labels"]


async def test_a_list_in_place_of_a_watch_list_has_them_too(registry: InformerRegistry) -> None:
    settings = DemoSettings(watch=WatchSettings(watch_list=False))
    async with (
        run_demo(living=False, settings=settings) as demo,
        KubeClient.connect(ClusterConfig(server=demo.url)) as client,
    ):
        await write(client, "c", "1")
        async with reading(registry, client, Scope("default"), metadata_only=True) as reader:
            await reader.until_synced()
            assert reader.objects["default/c"].keys() == {"kind", "apiVersion", "metadata"}
            assert reader.objects["default/c"]["kind"] == "ConfigMap"


async def test_a_metadata_only_subscriber_joins_an_informer_of_complete_objects(
    client: KubeClient, registry: InformerRegistry, demo: DemoServer
) -> None:
    scope = Scope("default")
    async with (
        reading(registry, client, scope) as whole,
        reading(registry, client, scope, metadata_only=True) as slim,
    ):
        await whole.until_synced()
        await slim.until_synced()
        assert len(registry.informers) == 1


async def test_a_reader_of_complete_objects_makes_the_informer_change_over(
    client: KubeClient, registry: InformerRegistry, demo: DemoServer
) -> None:
    scope = Scope("default")
    async with (
        reading(registry, client, scope, metadata_only=True) as slim,
        reading(registry, client, scope) as whole,
    ):
        await slim.until_synced()
        await whole.until_synced()
        assert whole.objects["default/a"]["data"]
        assert len(registry.informers) == 1
        assert registry.find(client, CONFIG_MAPS, scope) in registry.informers

        async def watched_once() -> bool:
            return demo.watches == 1

        await eventually(watched_once, "one watch upstream")


async def test_a_resource_that_is_served_no_more_ends_its_subscriptions(
    client: KubeClient, registry: InformerRegistry
) -> None:
    async with registry.subscribe(client, CONFIG_MAPS, Scope("default")) as stream:
        registry.end({CONFIG_MAPS.gvr}, Gone(Status(410, "Gone", "no longer served")))
        with pytest.raises(Gone, match="no longer served"):
            async for _ in stream:
                pass
    assert registry.informers == ()
