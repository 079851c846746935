"""A connection that is over is gone: none of it waits for a collection."""

import json
from collections.abc import Awaitable, Callable

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.fixtures.garbage import only_collected
from tests.fixtures.graphql_ws import open_socket
from tests.fixtures.waiting import eventually
from tests.gateway.server.conftest import Served

in_module_loop = pytest.mark.asyncio(loop_scope="module")

QUERY = {"query": "{ square(of: 3) }"}
FOREVER = {"query": "subscription { forever }"}
EVENTS = {"Accept": "text/event-stream"}
PARTS = {"Accept": "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"}
# not anyio, which the client here stands on as well, nor validation, whose results the gateway keeps
PACKAGES = ("uvicorn", "httptools", "starlette", "strawberry.http", "strawberry.subscriptions", "gateway")


async def query(served: Served) -> None:
    assert (await served.http.post("/graphql", json=QUERY, headers={"Connection": "close"})).is_success


async def websocket(served: Served) -> None:
    async with open_socket(served.websocket_url) as socket:
        await socket.initialise()
        await (await socket.subscribe(FOREVER["query"])).result()


async def legacy_websocket(served: Served) -> None:
    async with connect(served.websocket_url, subprotocols=[Subprotocol("graphql-ws")]) as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        await socket.send(json.dumps({"type": "start", "id": "1", "payload": FOREVER}))
        while '"data"' not in str(await socket.recv()):
            pass


async def events(served: Served) -> None:
    async with served.http.stream("POST", "/graphql", json=FOREVER, headers=EVENTS) as response:
        await anext(response.aiter_lines())


async def parts(served: Served) -> None:
    async with served.http.stream("POST", "/graphql", json=FOREVER, headers=PARTS) as response:
        await anext(response.aiter_lines())


async def shared_events(served: Served) -> None:
    token = {"x-graphql-event-stream-token": (await served.http.put("/graphql")).text}
    async with served.http.stream("GET", "/graphql", headers=token) as response:
        request = {**FOREVER, "extensions": {"operationId": "1"}}
        assert (await served.http.post("/graphql", json=request, headers=token)).status_code == 202
        await anext(response.aiter_lines())


@in_module_loop
@pytest.mark.parametrize("ask", [query, websocket, legacy_websocket, events, parts, shared_events])
async def test_nothing_of_a_connection_is_left_to_the_collector(
    local: Served, ask: Callable[[Served], Awaitable[None]]
) -> None:
    async def is_alone() -> bool:
        return not local.listener.server_state.tasks

    # what is made once and then kept
    await ask(local)
    await eventually(is_alone, "the first to be over")
    with only_collected(*PACKAGES) as left:
        for _ in range(10):
            await ask(local)
        await eventually(is_alone, "all to be over")
    assert left == {}
