"""Subscriptions to the namespaces that a caller may see: the events of one per namespace, merged.

The namespaces are determined once, at the beginning. The loss of the right in one of them ends the
subscription with Forbidden; a new subscription begins with the remaining ones, or with more.

Such a subscription cannot be resumed: there is no resource version as of which it has the changes of all
namespaces, and a later one may have other namespaces. So each event has the resource version "0", and every
subscription starts anew, as :mod:`gateway.informers` describes for a position that is too old.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from gateway.errors import GatewayError, Gone, QueryTooComplex, Status
from gateway.informers import EventType, ObjectEvent, Scope
from gateway.resolvers.caller_informers import Events, subscribe
from gateway.resolvers.context import Info
from gateway.resolvers.partial import find_namespaces, note_namespaces
from schema.resources import Resource

__all__ = ["subscribe_partially"]

_NO_POSITION = "0"
_MAX_QUEUED = 16
"""Events in the queue of the merged stream; the subscription of each namespace has its own bounds."""

_Queue = asyncio.Queue[ObjectEvent | Exception | None]


@asynccontextmanager
async def subscribe_partially(
    info: Info, resource: Resource, **options: Any
) -> AsyncIterator[AsyncIterator[ObjectEvent]]:
    """As :func:`gateway.resolvers.caller_informers.subscribe` for all namespaces that the caller may watch.

    Raises Forbidden if there is none, Gone for a position without initial events, and QueryTooComplex for
    more namespaces than an operation may cause requests.
    """
    namespaces = await find_namespaces(info, "watch", resource, options.get("field_selector"))
    if namespaces is None:
        async with subscribe(info, resource, Scope(), **options) as events:
            yield events
        return
    resource_version = options.pop("resource_version", None)
    if resource_version and not options.get("send_initial_events", True):
        raise Gone(Status(410, "Expired", "a partial subscription cannot be resumed"))
    most = info.context.shared.limits.max_upstream_requests
    if len(namespaces) > most:
        raise QueryTooComplex(
            f"the subscription needs {len(namespaces)} watches, one per namespace; the limit is {most} "
            "(--max-upstream-requests)"
        )
    note_namespaces(info, namespaces)
    queue: _Queue = asyncio.Queue(_MAX_QUEUED)
    # not a TaskGroup: a generator may be closed by another task than its reader's
    tasks = [
        asyncio.create_task(_forward(subscribe(info, resource, Scope(name), **options), queue), name=name)
        for name in namespaces
    ]
    try:
        yield _MergedEvents(queue, len(namespaces))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _forward(events: Events, queue: _Queue) -> None:
    """Put the events of one namespace into the queue, then its error, or None at its end."""
    try:
        async with events as stream:
            async for event in stream:
                await queue.put(event)
    except Exception as error:  # noqa: BLE001 - a task's outer edge: the reader raises the error
        await queue.put(error)
    else:
        await queue.put(None)


class _MergedEvents(AsyncIterator[ObjectEvent]):
    """The events of all namespaces: the initial ones, one SYNCED, then the changes.

    A change may come before SYNCED, because one namespace is synced before another.
    """

    def __init__(self, queue: _Queue, streams: int) -> None:
        self._queue = queue
        self._running = streams
        self._not_synced = streams

    async def __anext__(self) -> ObjectEvent:
        while self._running:
            item = await self._queue.get()
            if item is None:
                self._running -= 1
            elif isinstance(item, Exception):
                self._running = 0
                raise item.with_traceback(None) if isinstance(item, GatewayError) else item
            elif item.type is not EventType.SYNCED:
                return replace(item, resource_version=_NO_POSITION)
            else:
                self._not_synced -= 1
                if not self._not_synced:
                    return replace(item, resource_version=_NO_POSITION)
        raise StopAsyncIteration
