"""Cancelling exchanges: the order of results and errors, and the state of the connections."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import anyio
import pytest

from gateway.errors import NotFound
from gateway.kube.cancellation import buffered_stream, in_own_task
from gateway.kube.client import KubeClient
from tests.fixtures.waiting import eventually
from tests.gateway.kube.conftest import Connect
from tests.gateway.kube.loopback import LoopbackServer, Reply, Request, json_reply, serve, status_reply

CHUNKS = [b"a", b"b", b"c", b"d"]


class Source:
    """Chunks without a delay between them, then the exception ``then``."""

    def __init__(self, then: BaseException | None = None) -> None:
        self.then = then
        self.left = asyncio.Event()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[AsyncIterator[bytes]]:
        try:
            yield self._chunks()
        finally:
            self.left.set()

    @asynccontextmanager
    async def refused(self) -> AsyncIterator[AsyncIterator[bytes]]:
        self.left.set()
        if self.then is not None:
            raise self.then
        yield self._chunks()

    async def _chunks(self) -> AsyncIterator[bytes]:
        for chunk in CHUNKS:
            yield chunk
        if self.then is not None:
            raise self.then


class Turns:
    """Counts the iterations of the event loop."""

    def __init__(self) -> None:
        self.count = 0
        self._next()

    def _next(self) -> None:
        self.count += 1
        asyncio.get_running_loop().call_soon(self._next)


async def test_chunks_that_arrive_together_are_read_in_one_iteration_of_the_event_loop() -> None:
    """Consumers then deliver them together and write to each socket once."""
    turns = Turns()
    async with buffered_stream(Source().opened()) as chunks:
        seen = [(chunk, turns.count) async for chunk in chunks]
    assert [chunk for chunk, _ in seen] == CHUNKS
    assert len({turn for _, turn in seen}) == 1


async def test_an_error_is_raised_after_all_earlier_chunks() -> None:
    async with buffered_stream(Source(ValueError("broken")).opened()) as chunks:
        assert [await anext(chunks) for _ in CHUNKS] == CHUNKS
        with pytest.raises(ValueError, match="broken"):
            await anext(chunks)


async def test_an_error_on_opening_is_raised_on_opening() -> None:
    source = Source(ValueError("refused"))
    with pytest.raises(ValueError, match="refused"):
        async with buffered_stream(source.refused()):
            pass
    assert source.left.is_set()


async def test_leaving_the_stream_early_waits_until_the_source_is_closed() -> None:
    source = Source()
    async with buffered_stream(source.opened()) as chunks:
        assert await anext(chunks) == CHUNKS[0]
    assert source.left.is_set()


async def test_repeated_cancellation_does_not_interrupt_the_clean_up() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            # as httpcore does when it cleans up a connection
            with anyio.CancelScope(shield=True):
                for _ in range(5):
                    await asyncio.sleep(0)
            ended.set()

    caller = asyncio.create_task(in_own_task(work()))
    await begun.wait()
    while not caller.done():
        caller.cancel()
        await asyncio.sleep(0)
    assert caller.cancelled()
    assert ended.is_set()


MOMENTS = 60
"""More event-loop iterations than a response takes from the server to the caller."""


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
async def test_a_request_cancelled_at_any_moment_leaks_no_connection(
    connect: Connect, ask: Callable[[KubeClient], Awaitable[None]]
) -> None:
    async with serve(answer) as server:
        client = connect(server.url)
        for moment in range(MOMENTS):
            await cancel_after(moment, server, asyncio.ensure_future(ask(client)))
        assert client.in_flight == 0
        await read(client)

        async def closed() -> bool:
            return sum(not connection.closed.is_set() for connection in server.connections) <= 1

        await eventually(closed, "all connections to be closed but the one that is kept for the next request")


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Disables the garbage collector, so that it cannot close leaked sockets."""
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
    """Cancel ``asking`` after ``moments`` iterations of the event loop after the request arrived."""
    seen = len(server.requests)
    while len(server.requests) == seen and not asking.done():  # noqa: ASYNC110 (the next iteration of the event loop is needed)
        await asyncio.sleep(0)
    for _ in range(moments):
        await asyncio.sleep(0)
    asking.cancel()
    # Cancelled again while the first cancellation is in effect, as by a deadline around a cancelled task.
    await asyncio.sleep(0)
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
