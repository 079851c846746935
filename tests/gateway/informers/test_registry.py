import asyncio

import pytest

from gateway.errors import BadArgument, Forbidden
from gateway.informers import InformerRegistry, Scope
from gateway.kube.client import KubeClient
from tests.fixtures.waiting import eventually
from tests.gateway.informers.reading import ManualClock, read, reading
from tests.gateway.informers.scripted_server import CONFIG_MAPS, Reply, Request, ScriptedServer, failure


async def test_there_is_one_watch_upstream_however_many_subscribers(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with asyncio.TaskGroup() as tasks:
        seen = [tasks.create_task(follow_until(registry, client, 2)) for _ in range(300)]

        async def all_there() -> bool:
            return registry.subscribers == 300

        await eventually(all_there, "all subscribers")
        await server.update("a", v=2)
    assert all(task.result() == ["ADDED", "SYNCED", "MODIFIED"] for task in seen)
    assert len(server.requests) == 1


async def follow_until(registry: InformerRegistry, client: KubeClient, value: int) -> list[str]:
    async with reading(registry, client) as reader:
        await reader.until_data(a=value)
        return reader.types


async def test_the_same_bytes_go_to_every_subscriber(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with reading(registry, client) as first, reading(registry, client) as second:
        await first.until_synced()
        await second.until_synced()
        assert first.events[0].object is second.events[0].object
        await server.update("a", v=2)
        await first.until_data(a=2)
        await second.until_data(a=2)
        assert first.events[-1] is second.events[-1]


@pytest.mark.parametrize("narrow", [Scope("default"), Scope("default", "a")])
async def test_a_subscriber_joins_the_widest_informer_that_runs(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry, narrow: Scope
) -> None:
    await server.create("a", v=1)
    await server.create("a", namespace="other", v=7)
    async with reading(registry, client) as wide, reading(registry, client, narrow) as reader:
        await wide.until_synced()
        await reader.until_synced()
        assert reader.told == [("ADDED", "default/a"), ("SYNCED", "")]
        await server.update("a", namespace="other", v=8)
        await server.update("a", v=2)
        await reader.until_data(a=2)
        assert len(reader.events) == 3
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("scope", "path", "selector"),
    [
        (Scope(), "/api/v1/configmaps", None),
        (Scope("default"), "/api/v1/namespaces/default/configmaps", None),
        (Scope("default", "a"), "/api/v1/namespaces/default/configmaps", "metadata.name=a"),
    ],
)
async def test_the_narrowest_informer_that_serves_is_started(
    server: ScriptedServer,
    client: KubeClient,
    registry: InformerRegistry,
    scope: Scope,
    path: str,
    selector: str | None,
) -> None:
    await server.create("a", v=1)
    await server.create("b", v=1)
    async with reading(registry, client, scope) as reader:
        await reader.until_synced()
        assert len(reader.events) == (2 if scope.name else 3)
    assert server.requests[0].path == path
    assert server.requests[0].query.get("fieldSelector") == selector


async def test_a_field_selector_for_one_name_watches_one_object(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    async with reading(registry, client, Scope("default"), field_selector="metadata.name=a") as reader:
        await reader.until_synced()
    assert server.requests[0].query["fieldSelector"] == "metadata.name=a"
    assert len(server.requests) == 1


async def test_a_field_selector_for_one_name_watches_that_name_in_all_namespaces(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    for name, namespace in (("a", "x"), ("a", "y"), ("b", "x")):
        await server.create(name, namespace=namespace, v=1)
    async with reading(registry, client, field_selector="metadata.name=a") as reader:
        await reader.until_synced()
        await server.update("b", namespace="x", v=2)
        await server.update("a", namespace="y", v=2)
        await server.delete("a", namespace="x")
        await reader.until(lambda seen: set(seen.known) == {"y/a"})
        assert reader.types == ["ADDED", "ADDED", "SYNCED", "MODIFIED", "DELETED"]
        async with reading(registry, client, field_selector="metadata.name=a,metadata.namespace=y") as joined:
            await joined.until_synced()
            assert set(joined.known) == {"y/a"}
    assert [(item.path, item.query["fieldSelector"]) for item in server.requests] == [
        ("/api/v1/configmaps", "metadata.name=a")
    ]


async def test_nothing_is_shared_between_two_identities(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    alice, bob = client.as_bearer("alice"), client.as_bearer("bob")
    async with reading(registry, alice) as first, reading(registry, bob) as second:
        await first.until_synced()
        await second.until_synced()
        assert len(registry.informers) == 2
        assert registry.find(client, CONFIG_MAPS, Scope()) is None
        assert registry.find(alice, CONFIG_MAPS, Scope()) is not registry.find(bob, CONFIG_MAPS, Scope())
    assert len(server.requests) == 2


async def test_a_refused_wide_watch_does_not_affect_a_narrow_one(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    def refuse(request: Request) -> Reply | None:
        return None if "namespaces" in request.path else failure(403, "Forbidden", "not all of them")

    server.on_request = refuse
    async with asyncio.TaskGroup() as tasks:
        wide = tasks.create_task(refused(registry, client))
        await asyncio.sleep(0)
        assert registry.informers
        async with reading(registry, client, Scope("default")) as reader:
            await reader.until_synced()
    assert wide.result()


async def refused(registry: InformerRegistry, client: KubeClient) -> bool:
    with pytest.raises(Forbidden):
        async with registry.subscribe(client, CONFIG_MAPS, Scope()):
            pytest.fail("not allowed")
    return True


async def test_an_informer_stops_after_its_last_subscriber_and_a_grace_period(
    server: ScriptedServer, client: KubeClient
) -> None:
    clock = ManualClock()
    registry = InformerRegistry(clock=clock, grace_period=30.0)
    async with reading(registry, client) as reader:
        await reader.until_synced()
        assert not clock.sleeping

    async def leaving() -> bool:
        return clock.sleeping == [30.0]

    await eventually(leaving, "the grace period")
    clock.advance(29.0)
    async with reading(registry, client) as reader:
        await reader.until_synced()
        clock.advance(100.0)
        assert reader.told == [("SYNCED", "")]
    assert len(server.requests) == 1
    await eventually(leaving, "the grace period again")
    clock.advance(30.0)

    async def stopped() -> bool:
        return not registry.informers and server.open_watches == 0

    await eventually(stopped, "the end of the watch")
    await registry.aclose()


async def test_closing_ends_every_subscription_as_complete(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    async with reading(registry, client) as first, reading(registry, client, label_selector="a=b") as second:
        await first.until_synced()
        await second.until_synced()
        await registry.aclose()
        for reader in (first, second):
            await reader.until(lambda item: item.ended)
            assert reader.error is None

    async def closed() -> bool:
        return server.open_watches == 0

    await eventually(closed, "the end of the watch")


async def test_a_subscription_after_closing_is_complete_at_once(
    client: KubeClient, registry: InformerRegistry
) -> None:
    await registry.aclose()
    async with registry.subscribe(client, CONFIG_MAPS, Scope()) as stream:
        assert [event async for event in stream] == []


async def test_closing_ends_subscriptions_that_wait_for_the_api_server(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.stop()

    async def subscribe() -> int:
        async with registry.subscribe(client, CONFIG_MAPS, Scope()) as stream:
            return len([event async for event in stream])

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(subscribe())
        await asyncio.sleep(0)
        await registry.aclose()
    assert waiting.result() == 0


@pytest.mark.parametrize(
    ("scope", "arguments"),
    [
        (Scope("../x"), {}),
        (Scope("default", "a/b"), {}),
        (Scope(None, "a"), {}),
        (Scope(), {"label_selector": "a=b,,"}),
        (Scope(), {"label_selector": "-"}),
        (Scope(), {"field_selector": "metadata.name"}),
    ],
)
async def test_an_invalid_request_is_refused_before_any_upstream_request(
    server: ScriptedServer,
    client: KubeClient,
    registry: InformerRegistry,
    scope: Scope,
    arguments: dict[str, str],
) -> None:
    with pytest.raises(BadArgument):
        async with registry.subscribe(client, CONFIG_MAPS, scope, **arguments):  # type: ignore[arg-type]  # selectors
            pytest.fail("refused")
    assert not server.requests


async def test_cached_reads_find_the_widest_synced_informer(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    assert registry.find(client, CONFIG_MAPS, Scope("default")) is None
    async with reading(registry, client, Scope("default")) as reader:
        await reader.until_synced()
        assert registry.find(client, CONFIG_MAPS, Scope()) is None
        informer = registry.find(client, CONFIG_MAPS, Scope("default", "a"))
        assert informer is not None
        assert informer.scope == Scope("default")
        assert informer.resource_version == str(server.resource_version)
        assert [item.key for item in informer.items()] == ["default/a"]
        stored = informer.get("default/a")
        assert stored is not None
        assert stored.object is reader.events[0].object
    assert informer.get("default/b") is None


async def test_a_stream_left_early_leaves_no_subscriber_behind(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with registry.subscribe(client, CONFIG_MAPS, Scope()) as stream:
        await anext(stream)
        assert registry.subscribers == 1
    assert registry.subscribers == 0
    async with read(stream) as reader:
        await reader.until(lambda item: item.ended)
