"""A closed connection leaves no garbage in reference cycles."""

import asyncio
import json
import multiprocessing
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from gateway.identity import Local
from tests.fixtures.garbage import only_collected
from tests.fixtures.graphql_ws import open_socket
from tests.fixtures.waiting import DEADLINE, eventually
from tests.gateway.server.conftest import Served, running

QUERY = {"query": "{ square(of: 3) }"}
FOREVER = {"query": "subscription { forever }"}
EVENTS = {"Accept": "text/event-stream"}
PARTS = {"Accept": "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"}
# without anyio, as the test's client uses it, too; without validation, as the gateway caches its results
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


async def serve_and_collect(ask: Callable[[Served], Awaitable[None]]) -> Counter[str]:
    """What ten connections leave to the collector."""
    async with running(Local) as served:

        async def idle() -> bool:
            return not served.listener.server_state.tasks

        # objects that are created once and kept
        await ask(served)
        await eventually(idle, "the first request to end")
        with only_collected(*PACKAGES) as left:
            for _ in range(10):
                await ask(served)
            await eventually(idle, "all requests to end")
    return left


def left_to_collector(ask: Callable[[Served], Awaitable[None]]) -> Counter[str]:
    return asyncio.run(serve_and_collect(ask))


@pytest.fixture(scope="module")
def process() -> Iterator[ProcessPoolExecutor]:
    """A process of its own: pytest's may run the demo's API server in a thread, which leaves garbage, too."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as pool:
        yield pool


@pytest.mark.parametrize("ask", [query, websocket, legacy_websocket, events, parts, shared_events])
def test_a_closed_connection_leaves_nothing_to_the_collector(
    process: ProcessPoolExecutor, ask: Callable[[Served], Awaitable[None]]
) -> None:
    assert process.submit(left_to_collector, ask).result(DEADLINE) == {}
