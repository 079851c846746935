import pytest

from gateway.errors import Gone
from gateway.informers import EventType, InformerRegistry, Scope
from gateway.kube.client import KubeClient
from tests.gateway.informers.reading import Reader, reading
from tests.gateway.informers.scripted_server import CONFIG_MAPS, ScriptedServer

A = ("MODIFIED", "default/a")


async def test_a_resumed_subscription_gets_exactly_the_missed_changes(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    await server.create("b", v=1)
    async with reading(registry, client) as keeper:
        async with reading(registry, client) as lost:
            await lost.until_synced()
        await server.update("a", v=2)
        await server.create("c", v=1)
        await server.delete("b")
        await keeper.until_data(a=2, c=1)
        reader = Reader(lost.known)
        asked = lost.resource_version
        async with reading(registry, client, reader=reader, resource_version=asked):
            await reader.until_data(a=2, c=1)
            assert reader.told == [("SYNCED", ""), A, ("ADDED", "default/c"), ("DELETED", "default/b")]
            assert reader.events[0].resource_version == asked
            await server.update("a", v=3)
            await reader.until_data(a=3, c=1)
    assert len(server.requests) == 1


async def test_a_subscription_without_missed_changes_is_synced_at_once(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with reading(registry, client) as keeper:
        await keeper.until_synced()
        asked = keeper.resource_version
        async with reading(registry, client, resource_version=asked) as reader:
            await reader.until_synced()
            assert reader.told == [("SYNCED", "")]
            assert reader.resource_version == asked


async def test_missed_changes_are_filtered_by_selectors(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    for name in ("in", "out", "enters", "leaves"):
        labels = {"app": "x"} if name in ("in", "leaves") else {}
        await server.create(name, v=1, labels=labels)
    async with reading(registry, client) as keeper:
        async with reading(registry, client, label_selector="app=x") as lost:
            await lost.until_synced()
        await server.update("in", v=2, labels={"app": "x"})
        await server.update("out", v=2)
        await server.update("enters", v=2, labels={"app": "x"})
        await server.update("leaves", v=2)
        await keeper.until(lambda item: item.values.get("leaves") == 2)
        reader = Reader(lost.known)
        version = lost.resource_version
        async with reading(registry, client, reader=reader, label_selector="app=x", resource_version=version):
            await reader.until(lambda item: len(item.events) == 4)
            assert reader.told == [
                ("SYNCED", ""),
                ("MODIFIED", "default/in"),
                ("ADDED", "default/enters"),
                ("DELETED", "default/leaves"),
            ]


@pytest.mark.parametrize("asked", ["7", "not-a-number"])
async def test_a_position_that_is_too_old_starts_anew(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry, asked: str
) -> None:
    await server.create("a", v=1)
    async with reading(registry, client, resource_version=asked) as reader:
        await reader.until_synced()
        assert reader.told == [("ADDED", "default/a"), ("SYNCED", "")]
        assert reader.resource_version == str(server.resource_version)


async def test_without_initial_events_a_position_that_is_too_old_is_gone(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    with pytest.raises(Gone):
        async with registry.subscribe(
            client, CONFIG_MAPS, Scope(), resource_version="7", send_initial_events=False
        ):
            pytest.fail("there would be a gap")


async def test_without_initial_events_only_changes_come_after_synced(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with reading(registry, client, send_initial_events=False) as reader:
        await reader.until_synced()
        assert reader.told == [("SYNCED", "")]
        await server.create("b", v=1)
        await reader.until_data(b=1)
        assert reader.told == [("SYNCED", ""), ("ADDED", "default/b")]


async def test_a_subscriber_ahead_of_the_informer_gets_only_newer_changes(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with reading(registry, client) as keeper:
        await keeper.until_synced()
        # revisions that other resources made; a list would say so
        server.resource_version = 500
        async with reading(registry, client, resource_version="500", reader=Reader(keeper.known)) as reader:
            await reader.until_synced()
            assert reader.resource_version == "500"
            await server.update("a", v=2)
            await reader.until_data(a=2)
            assert reader.told == [("SYNCED", ""), A]


async def test_a_change_that_the_subscriber_has_before_the_informer_is_not_repeated(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with reading(registry, client) as keeper:
        await keeper.until_synced()
        server.hold = True
        await server.update("a", v=2)
        asked = str(server.resource_version)
        async with reading(registry, client, resource_version=asked) as reader:
            await reader.until_synced()
            await server.release()
            await keeper.until_data(a=2)
            await server.create("b", v=1)
            await reader.until_data(b=1)
            assert reader.told == [("SYNCED", ""), ("ADDED", "default/b")]


async def test_a_resource_version_that_never_was_is_not_waited_for(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with reading(registry, client) as keeper:
        await keeper.until_synced()
        async with reading(registry, client, resource_version="99999") as reader:
            await reader.until_synced()
            assert reader.types == ["ADDED", "SYNCED"]


async def test_one_cut_off_in_the_middle_of_a_relist_gets_everything_afresh(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    for name in ("a", "b", "c", "d"):
        await server.create(name, v=1)
    async with reading(registry, client) as keeper:
        async with reading(registry, client) as before:
            await before.until_synced()
        await server.stop()
        await server.delete("a")
        await server.update("b", v=2)
        await server.delete("c")
        await server.update("d", v=2)
        server.compact()
        await server.start()
        await keeper.until_data(b=2, d=2)
        changes = [item for item in keeper.events[5:] if item.type is not EventType.SYNCED]
        assert len(changes) == 4
        for cut in changes[:-1]:
            async with reading(registry, client, resource_version=cut.resource_version) as reader:
                await reader.until_synced()
                assert reader.told == [("ADDED", "default/b"), ("ADDED", "default/d"), ("SYNCED", "")]
        last = changes[-1].resource_version
        async with reading(registry, client, resource_version=last) as reader:
            await reader.until_synced()
            assert reader.told == [("SYNCED", "")]
        reader = Reader(before.known)
        version = before.resource_version
        async with reading(registry, client, resource_version=version, reader=reader):
            await reader.until_data(b=2, d=2)
            assert reader.told == [("SYNCED", ""), *[(item.type.value, item.key) for item in changes]]


async def test_one_cut_off_in_the_initial_events_has_no_gap(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    async with reading(registry, client) as keeper:
        await keeper.until_synced()
        for name in ("a", "b", "c"):
            await server.create(name, v=1)
        await server.update("a", v=2)
        await keeper.until_data(a=2, b=1, c=1)
        async with registry.subscribe(client, CONFIG_MAPS, Scope()) as stream:
            cut = Reader()
            cut.take(await anext(stream))
        assert cut.told == [("ADDED", "default/b")]
        async with registry.subscribe(
            client, CONFIG_MAPS, Scope(), resource_version=cut.resource_version
        ) as stream:
            missed = [await anext(stream) for _ in range(3)]
        # the subscriber lacks the object, so the event must not be suppressed as unchanged
        assert [(item.type, item.key, item.previous) for item in missed[1:]] == [
            (EventType.ADDED, "default/c", None),
            (EventType.MODIFIED, "default/a", None),
        ]


async def test_a_subscriber_ahead_gets_a_deletion_of_unknown_time(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    await server.create("b", v=1)
    async with reading(registry, client) as keeper:
        await keeper.until_synced()
        server.hold = True
        await server.update("a", v=2)
        asked = str(server.resource_version)
        known = {**keeper.known}
        async with reading(registry, client, resource_version=asked) as reader:
            reader.known.update(known)
            await reader.until_synced()
            await server.delete("b")
            await server.update("a", v=3)
            server.compact()
            await server.disconnect()
            await server.release()
            await reader.until_data(a=3)
            assert sorted(reader.told[1:]) == [("DELETED", "default/b"), A]


async def test_one_cut_off_while_events_wait_folds_to_the_truth(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    labels = {"app": "x"}
    await server.create("back", v=1, labels=labels)
    async with reading(registry, client) as keeper:
        async with registry.subscribe(client, CONFIG_MAPS, Scope(), label_selector="app=x") as stream:
            cut = Reader()
            for _ in range(2):
                cut.take(await anext(stream))
            # disconnects, resumes and waits behind the changes in between
            await server.update("back", v=2)
            await server.create("between", v=1, labels=labels)
            await server.update("back", v=3, labels=labels)
            await keeper.until_data(back=3, between=1)
            cut.take(await anext(stream))
        assert cut.told[2:] == [("ADDED", "default/between")]
        reader = Reader(cut.known, asked=cut.resource_version)
        async with reading(
            registry,
            client,
            reader=reader,
            label_selector="app=x",
            resource_version=cut.resource_version,
        ):
            await reader.until_data(back=3, between=1)
            assert reader.told == [("SYNCED", ""), ("ADDED", "default/back")]
