"""Exchanges with the API server in tasks of their own, which end in order when whoever asked is cancelled.

httpcore puts its connections in order behind anyio's shields, which asyncio's cancellation does not respect:
a task that was cancelled in such a moment left a connection open, or marked as in use for ever. So asyncio's
cancellation of who asks becomes anyio's of the task that speaks to the API server, and is waited for.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeVar

import anyio

__all__ = ["in_own_task", "pumped"]

Result = TypeVar("Result")

READ_AHEAD = 32
"""Chunks, of 64 KiB at most. Events that come together are told together: less than half the work."""


class _Mark:
    """Stands between the chunks."""


_OPENED: Final = _Mark()
_ENDED: Final = _Mark()


async def in_own_task(work: Coroutine[Any, Any, Result]) -> Result:
    """What that work answers or raises; when it is cancelled, the work has ended before this does."""
    task, scope = _start(work)
    try:
        return await asyncio.shield(task)
    finally:
        await _end(task, scope)


@asynccontextmanager
async def pumped(
    source: AbstractAsyncContextManager[AsyncIterator[bytes]],
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The chunks of ``source``, which is entered, read and left in a task of its own; some are read ahead."""
    chunks: asyncio.Queue[bytes | _Mark] = asyncio.Queue(READ_AHEAD)
    task, scope = _start(_pump(source, chunks))
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
    """However often the caller is cancelled meanwhile: the first time is on its way already."""
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


async def _pump(
    source: AbstractAsyncContextManager[AsyncIterator[bytes]], sink: asyncio.Queue[bytes | _Mark]
) -> None:
    try:
        async with source as chunks:
            await sink.put(_OPENED)
            async for chunk in chunks:
                await sink.put(chunk)
    finally:
        await sink.put(_ENDED)


async def _until_ended(
    chunks: asyncio.Queue[bytes | _Mark], task: asyncio.Task[None]
) -> AsyncIterator[bytes]:
    while isinstance(chunk := await chunks.get(), bytes):
        yield chunk
    await asyncio.shield(task)
