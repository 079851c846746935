"""Subscriptions with relations: the events that wait are joined with the related objects together.

The objects that exist when a subscription begins come as one event each. Read one after the other, they would
cost a request for each related object; so all events that wait at one time are one batch.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any

from graphql import GraphQLError

from gateway.informers import ObjectEvent
from gateway.resolvers.context import Info
from gateway.resolvers.decoding import event_source
from gateway.resolvers.relations.answers import join_events
from schema.resources import GroupVersionKind
from schema.selection import Compiled, EventPlan, NotCompilable, SelectionMismatch, plan_event

__all__ = ["joined_payloads"]

MOST_EVENTS = 500
"""Events of one batch."""

JoinedPayload = tuple[ObjectEvent, Compiled | Mapping[str, Any]]


async def joined_payloads(
    info: Info, kind: GroupVersionKind, stream: AsyncIterator[ObjectEvent]
) -> AsyncGenerator[JoinedPayload]:
    """Events with their payloads.

    An event that changes no selected field of the object itself is suppressed.
    """
    plan = plan_event(info, kind)
    async with aclosing(_batches(stream)) as batches:
        async for events in batches:
            joined = await _joined(info, plan, events)
            for event, payload in zip(events, joined, strict=True):
                if payload is not None:
                    yield event, payload


async def _joined(
    info: Info, plan: EventPlan | None, events: Sequence[ObjectEvent]
) -> Sequence[Compiled | Mapping[str, Any] | None]:
    if plan is not None:
        with suppress(SelectionMismatch, NotCompilable, GraphQLError):
            return await join_events(info, plan, events)
    # graphql-core resolves the relations of each event
    info.context.budget = info.context.new_budget()
    return [event_source(event).make() for event in events]


async def _batches(stream: AsyncIterator[ObjectEvent]) -> AsyncGenerator[list[ObjectEvent]]:
    """The events that wait at one time, at least one."""
    reading: asyncio.Task[ObjectEvent] | None = None
    try:
        while True:
            try:
                batch = [await (reading or anext(stream))]
            except StopAsyncIteration:
                return
            reading = None
            while reading is None and len(batch) < MOST_EVENTS:
                reading = asyncio.create_task(_next(stream), name="read ahead")
                await asyncio.sleep(0)
                if reading.done() and not reading.cancelled() and reading.exception() is None:
                    batch.append(reading.result())
                    reading = None
            yield batch
    finally:
        if reading is not None:
            reading.cancel()
            await asyncio.wait([reading])


async def _next(stream: AsyncIterator[ObjectEvent]) -> ObjectEvent:
    return await anext(stream)
