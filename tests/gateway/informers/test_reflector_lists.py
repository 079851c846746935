"""How an informer gets the whole set: WatchList, and LIST where there is none."""

from gateway.informers import InformerRegistry, Scope
from gateway.kube.client import KubeClient
from tests.gateway.informers.reading import reading
from tests.gateway.informers.scripted_server import (
    Reply,
    Request,
    ScriptedServer,
    event,
    failure,
    status,
)


async def test_watch_list_is_tried_once_where_the_server_refuses_it(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    server.watch_list = False
    for namespace in ("default", "other"):
        async with reading(registry, client, Scope(namespace)) as reader:
            await reader.until_synced()
    assert len([item for item in server.watches if "sendInitialEvents" in item.query]) == 1
    assert len(server.lists) == 2


async def test_watch_list_refused_in_an_error_event_falls_back(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    message = "a watch stream was requested but the required storage feature is disabled"
    refusal = event("ERROR", status(500, "InternalError", message))
    server.on_request = lambda request: Reply(200, refusal) if "sendInitialEvents" in request.query else None
    async with reading(registry, client) as reader:
        await reader.until_synced()
        assert reader.values == {"a": 1}
    async with reading(registry, client, Scope("default", "a")) as reader:
        await reader.until_synced()
    assert len([item for item in server.watches if "sendInitialEvents" in item.query]) == 1


async def test_a_long_list_comes_in_pages(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    server.watch_list = False
    server.page_limit = 3
    for number in range(10):
        await server.create(f"n{number}", v=number)
    async with reading(registry, client) as reader:
        await reader.until_synced()
        assert reader.values == {f"n{number}": number for number in range(10)}
    assert len(server.lists) == 4


async def test_410_between_two_pages_starts_the_list_again(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    server.watch_list = False
    server.page_limit = 3
    for number in range(5):
        await server.create(f"n{number}", v=number)

    def expire(request: Request) -> Reply | None:
        return (
            failure(410, "Expired", "the continue token is too old") if "continue" in request.query else None
        )

    server.on_request = expire
    async with reading(registry, client) as reader:
        await reader.until_synced()
        assert reader.values == {f"n{number}": number for number in range(5)}
    assert "limit" not in server.lists[-1].query
