"""Cancellation-safe exchanges: streams, and exchanges through a proxy, run in tasks of their own.

httpcore cleans up its connections behind anyio shields, which asyncio's cancellation does not respect: a task
that was cancelled during the clean-up left its connection open, or marked as in use for ever. Therefore the
caller's asyncio cancellation is translated into the cancellation of an anyio scope around the exchange, and
the caller waits until the exchange has ended. :class:`~gateway.kube.direct_transport.DirectTransport` closes
a connection without waiting, so a request without a proxy needs no task.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeVar

import anyio

__all__ = ["buffered_stream", "in_own_task"]

Result = TypeVar("Result")

_BUFFERED_CHUNKS = 32
"""Chunks have 64 KiB at most. Events that arrive together are delivered together: less than half the work."""


class _Mark:
    """A queue entry that is not a chunk."""


_OPENED: Final = _Mark()
_ENDED: Final = _Mark()


async def in_own_task(work: Coroutine[Any, Any, Result]) -> Result:
    """Await ``work`` in a task of its own; a cancelled caller returns after ``work`` has ended."""
    task, scope = _start(work)
    try:
        return await asyncio.shield(task)
    finally:
        await _end(task, scope)


@asynccontextmanager
async def buffered_stream(
    source: AbstractAsyncContextManager[AsyncIterator[bytes]],
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The chunks of ``source``; a task of its own enters, reads ahead and leaves ``source``.

    The buffer is bounded: a slow consumer stops the reading task (back-pressure).
    """
    chunks: asyncio.Queue[bytes | _Mark] = asyncio.Queue(_BUFFERED_CHUNKS)
    task, scope = _start(_fill(chunks, source))
    try:
        if await chunks.get() is _ENDED:
            await asyncio.shield(task)
        yield _until_ended(chunks, task)
    finally:
        await _end(task, scope)


def _start(work: Coroutine[Any, Any, Result]) -> tuple[asyncio.Task[Result], anyio.CancelScope]:
    scope = anyio.CancelScope()

    async def cancellable() -> Result:
        with scope:
            return await work
        raise asyncio.CancelledError

    return asyncio.create_task(cancellable()), scope


async def _end(task: asyncio.Task[Any], scope: anyio.CancelScope) -> None:
    """Cancel the scope and wait for the task; further cancellations of the caller do not shorten the wait."""
    scope.cancel()
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if not task.cancelled():
        task.exception()
    if cancelled is not None:
        raise cancelled


async def _fill(
    queue: asyncio.Queue[bytes | _Mark], source: AbstractAsyncContextManager[AsyncIterator[bytes]]
) -> None:
    try:
        async with source as chunks:
            await queue.put(_OPENED)
            async for chunk in chunks:
                await queue.put(chunk)
    finally:
        await queue.put(_ENDED)


async def _until_ended(
    chunks: asyncio.Queue[bytes | _Mark], task: asyncio.Task[None]
) -> AsyncIterator[bytes]:
    while isinstance(chunk := await chunks.get(), bytes):
        yield chunk
    await asyncio.shield(task)
