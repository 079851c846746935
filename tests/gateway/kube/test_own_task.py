"""What runs in a task of its own: its results and errors, in order, and its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from gateway.kube.own_task import in_own_task, pumped

CHUNKS = [b"a", b"b", b"c", b"d"]


class Source:
    """Chunks that come at once, then what ``then`` says."""

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
        for each in CHUNKS:
            yield each
        if self.then is not None:
            raise self.then


class Turns:
    """Counts the turns of the event loop."""

    def __init__(self) -> None:
        self.count = 0
        self._next()

    def _next(self) -> None:
        self.count += 1
        asyncio.get_running_loop().call_soon(self._next)


async def test_chunks_that_come_together_are_read_in_one_turn_of_the_loop() -> None:
    """Whoever is told of them is told at once, and writes to each socket once."""
    turns = Turns()
    async with pumped(Source().opened()) as chunks:
        seen = [(each, turns.count) async for each in chunks]
    assert [each for each, _ in seen] == CHUNKS
    assert len({turn for _, turn in seen}) == 1


async def test_an_error_comes_after_the_chunks_before_it() -> None:
    async with pumped(Source(ValueError("broken")).opened()) as chunks:
        assert [await anext(chunks) for _ in CHUNKS] == CHUNKS
        with pytest.raises(ValueError, match="broken"):
            await anext(chunks)


async def test_an_error_on_opening_is_raised_on_opening() -> None:
    source = Source(ValueError("refused"))
    with pytest.raises(ValueError, match="refused"):
        async with pumped(source.refused()):
            pass
    assert source.left.is_set()


async def test_who_leaves_early_waits_until_the_source_is_left() -> None:
    source = Source()
    async with pumped(source.opened()) as chunks:
        assert await anext(chunks) == CHUNKS[0]
    assert source.left.is_set()


async def test_work_that_is_cancelled_again_and_again_ends_in_order() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            # as httpcore does where it puts a connection in order
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
