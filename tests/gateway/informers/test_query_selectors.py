import json

import pytest

from gateway.errors import BadRequest
from gateway.informers import InformerRegistry, Scope
from gateway.kube.client import KubeClient
from tests.gateway.informers.reading import Reader, reading
from tests.gateway.informers.scripted_server import CONFIG_MAPS, ScriptedServer, failure

X = {"app": "x"}


async def test_only_objects_that_match_the_label_selector_are_visible(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("in", v=1, labels=X)
    await server.create("out", v=1)
    async with reading(registry, client, label_selector="app=x") as reader:
        await reader.until_synced()
        assert reader.told == [("ADDED", "default/in"), ("SYNCED", "")]
        await server.update("out", v=2)
        await server.delete("out")
        await server.update("in", v=2, labels=X)
        await reader.until_data(**{"in": 2})
        assert len(reader.events) == 3
    assert "labelSelector" not in server.requests[0].query


async def test_an_object_that_enters_or_leaves_the_selection_is_added_or_deleted(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("enters", v=1)
    before = await server.create("leaves", v=1, labels=X)
    async with reading(registry, client, label_selector="app=x") as reader:
        await reader.until_synced()
        await server.update("enters", v=2, labels=X)
        await server.update("leaves", v=2, labels={"app": "y"})
        await reader.until_data(enters=2)
        assert reader.told[2:] == [("ADDED", "default/enters"), ("DELETED", "default/leaves")]
        told = json.loads(reader.events[-1].object or b"")
        # as the API server does: the last state that matched, at the resource version of the change
        assert told["metadata"] == {**before["metadata"], "resourceVersion": reader.resource_version}
        assert told["data"] == before["data"]
        await server.update("leaves", v=3, labels=X)
        await reader.until_data(enters=2, leaves=3)


async def test_changes_of_an_unselected_object_are_invisible(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    async with (
        reading(registry, client) as all_of_them,
        reading(registry, client, label_selector="app=x") as reader,
    ):
        await reader.until_synced()
        reader.pause()
        await server.create("a", v=1, labels=X)
        await all_of_them.until_data(a=1)
        await server.update("a", v=2)
        await server.update("a", v=3, labels=X)
        await server.update("a", v=4)
        await server.create("b", v=1, labels=X)
        await all_of_them.until_data(a=4, b=1)
        reader.go_on()
        await reader.until_data(b=1)
        assert ("MODIFIED", "default/a") not in reader.told


async def test_a_selectable_field_is_answered_by_the_shared_informer(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    await server.create("b", v=1)
    async with (
        reading(registry, client) as wide,
        reading(registry, client, field_selector="metadata.name!=a") as reader,
    ):
        await wide.until_synced()
        await reader.until_synced()
        assert reader.told == [("ADDED", "default/b"), ("SYNCED", "")]
    assert len(server.requests) == 1


async def test_a_field_that_the_store_does_not_know_is_selected_by_the_api_server(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v="yes")
    await server.create("b", v="no")
    async with (
        reading(registry, client) as wide,
        reading(registry, client, field_selector="data.v=yes") as first,
        reading(registry, client, field_selector="data.v=yes", label_selector="!app") as second,
    ):
        for reader in (wide, first, second):
            await reader.until_synced()
        assert first.values == second.values == {"a": "yes"}
        await server.update("b", v="yes")
        await server.update("a", v="no")
        for reader in (first, second):
            await reader.until_data(b="yes")
            assert reader.told[2:] == [("ADDED", "default/b"), ("DELETED", "default/a")]
    assert [item.query.get("fieldSelector") for item in server.requests] == [None, "data.v=yes"]


async def test_an_unknown_field_is_refused_by_the_api_server(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    server.on_request = lambda _: failure(400, "BadRequest", "field label not supported: spec.colour")
    with pytest.raises(BadRequest, match=r"spec\.colour"):
        async with registry.subscribe(client, CONFIG_MAPS, Scope(), field_selector="spec.colour=red"):
            pytest.fail("refused")


async def test_one_object_is_seen_from_before_it_exists(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    async with reading(registry, client, Scope("default", "a"), reader=Reader()) as reader:
        await reader.until_synced()
        await server.create("b", v=1)
        await server.create("a", v=1)
        await reader.until_data(a=1)
        await server.delete("a")
        await reader.until_data()
        assert reader.told == [("SYNCED", ""), ("ADDED", "default/a"), ("DELETED", "default/a")]


async def test_initial_events_of_a_selection_come_in_the_order_of_their_resource_versions(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    for name in "abcdef":
        await server.create(name, v=1, labels={"app": "x" if name in "ace" else "y"})
    async with reading(registry, client) as wide:
        await wide.until_synced()
        for selector in ("app=x", "app in (x,y)"):
            async with reading(registry, client, label_selector=selector) as reader:
                await reader.until_synced()
                assert len(reader.events) == (4 if selector == "app=x" else 7)
            await server.update("a", v=2, labels={"app": "x"})
            await wide.until(lambda item: item.resource_version == str(server.resource_version))
        async with reading(registry, client, label_selector="app=x") as reader:
            await reader.until_synced()
            assert [item.key for item in reader.events[:-1]] == ["default/c", "default/e", "default/a"]
