"""Cancelling at any moment: the connection is closed, or is free for the next request."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress

import pytest

from gateway.errors import NotFound
from gateway.kube.client import KubeClient
from tests.fixtures.waiting import eventually
from tests.gateway.kube.conftest import Connect
from tests.gateway.kube.loopback import LoopbackServer, Reply, Request, json_reply, serve, status_reply

MOMENTS = 60
"""More turns of the event loop than an answered request takes from its end to its caller."""


async def some_log() -> AsyncIterator[bytes]:
    yield b"a line\n"


async def answer(request: Request) -> Reply:
    if request.path.endswith("missing"):
        return status_reply(404, "NotFound")
    return Reply(chunks=some_log()) if request.path.endswith("log") else json_reply({"items": []})


async def read(client: KubeClient) -> None:
    await client.get("api/v1/pods")


async def fail(client: KubeClient) -> None:
    with suppress(NotFound):
        await client.get("api/v1/missing")


async def follow(client: KubeClient) -> None:
    async with client.stream("api/v1/log", {}) as chunks:
        async for _ in chunks:
            pass


@pytest.mark.parametrize("ask", [read, fail, follow])
async def test_a_request_cancelled_at_any_moment_keeps_no_connection(
    connect: Connect, ask: Callable[[KubeClient], Awaitable[None]]
) -> None:
    async with serve(answer) as server:
        client = connect(server.url)
        for moment in range(MOMENTS):
            await cancel_after(moment, server, asyncio.ensure_future(ask(client)))
        assert client.in_flight == 0
        await read(client)

        async def closed() -> bool:
            return sum(not each.closed.is_set() for each in server.connections) <= 1

        await eventually(closed, "all connections to be closed but the one that is kept for the next request")


@pytest.fixture
def no_collection() -> Iterator[None]:
    """What only the collector would close stays open."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
async def test_a_request_cancelled_during_the_tls_handshake_closes_its_connection(connect: Connect) -> None:
    greeted, closed = asyncio.Event(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        greeted.set()
        with suppress(OSError):
            while await reader.read(1 << 16):
                pass
        closed.set()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        asking = asyncio.ensure_future(read(connect(f"https://127.0.0.1:{port}")))
        await asyncio.wait_for(greeted.wait(), 30)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(closed.wait(), 30)


async def cancel_after(moments: int, server: LoopbackServer, asking: asyncio.Future[None]) -> None:
    """Cancel so many turns of the event loop after the request has reached the server."""
    seen = len(server.requests)
    while len(server.requests) == seen and not asking.done():  # noqa: ASYNC110 (the very next turn after it has come is meant)
        await asyncio.sleep(0)
    for _ in range(moments):
        await asyncio.sleep(0)
    asking.cancel()
    # a second time while the first has its effect, as a deadline around a task that is being ended does
    await asyncio.sleep(0)
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
