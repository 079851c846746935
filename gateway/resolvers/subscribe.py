"""Subscriptions: the source stream of a root field, fed by a shared informer (design section 6)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext

from gateway.informers import EventType, ObjectEvent, Scope
from gateway.kube.paths import resource_path
from gateway.resolvers.context import Info, client_of
from gateway.resolvers.fragments import Fragments, Table
from gateway.resolvers.made import MADE, Payload, source_of
from schema.building import RootField
from schema.selection import Compiled, EventSelection, SelectionMismatch, compile_event

__all__ = ["watch_list", "watch_object"]

Events = AbstractAsyncContextManager[AsyncIterator[ObjectEvent]]

# of the whole process: subscribers that share a selection need not share anything else
FRAGMENTS = Fragments()


def watch_list(
    root: RootField,
    info: Info,
    *,
    namespace: str | None = None,
    label_selector: str | None = None,
    field_selector: str | None = None,
    resource_version: str | None = None,
    send_initial_events: bool = True,
) -> AsyncIterator[Payload]:
    """The events of ``pods(…)``: those there are, ``SYNCED``, then every change."""
    resource = root.served.resource
    resource_path(resource, namespace or None)
    selection = compile_event(info, resource.kind)
    events = info.context.informers.subscribe(
        client_of(info),
        resource,
        Scope(namespace=namespace or None),
        label_selector=label_selector or "",
        field_selector=field_selector or "",
        resource_version=resource_version,
        send_initial_events=send_initial_events,
        metadata_only=_is_only_metadata(selection),
    )
    return _payloads(info, selection, events)


def watch_object(
    root: RootField, info: Info, *, name: str, namespace: str | None = None
) -> AsyncIterator[Payload]:
    """The events of ``pod(name: …)``: ``ADDED`` where it exists, ``SYNCED``, then every change."""
    resource = root.served.resource
    namespace = (namespace or info.context.default_namespace) if resource.namespaced else None
    resource_path(resource, namespace, name)
    selection = compile_event(info, resource.kind)
    events = info.context.informers.subscribe(
        client_of(info),
        resource,
        Scope(namespace=namespace, name=name),
        metadata_only=_is_only_metadata(selection),
    )
    return _payloads(info, selection, events)


def _is_only_metadata(selection: EventSelection | None) -> bool:
    """Whether an object's metadata is all that is needed of it."""
    return selection is not None and selection.only_metadata


async def _payloads(info: Info, selection: EventSelection | None, events: Events) -> AsyncIterator[Payload]:
    lag = info.context.informers.counters.lag
    with nullcontext() if selection is None else FRAGMENTS.of(selection) as table:
        async with events as stream:
            async for event in stream:
                payload = _plain(event) if table is None else _selected(table, event)
                if payload is None:
                    continue
                yield payload
                if event.received:
                    # asked for the next one: the transport has handed this one to its socket
                    lag.observe(time.monotonic() - event.received)
                if type(payload) is not Compiled:
                    # some milliseconds each, as graphql-core executes them: others get their turn in between
                    await asyncio.sleep(0)


def _plain(event: ObjectEvent) -> Payload:
    """The event for graphql-core to execute, once for all who get the same one."""
    made: Payload | None = event.made.get(_plain)
    if made is None:
        made = source_of(event)
        MADE.keep(event, _plain, made)
    return made


def _selected(table: Table, event: ObjectEvent) -> Payload | None:
    """The event as it is selected, encoded once for all who get the same one; None as :func:`_compile`."""
    selection = table.selection
    if selection in event.made:
        found: Payload | None = event.made[selection]
        return found
    made = _compile(table, event)
    MADE.keep(event, selection, made)
    return made


def _compile(table: Table, event: ObjectEvent) -> Payload | None:
    """None where nothing that is selected changed."""
    encode = table.selection.encode
    if event.object is None:
        return Compiled(encode(event.type, event.resource_version, None))
    try:
        encoded = table.encode(event.uid, event.object)
    except SelectionMismatch:
        return _plain(event)
    if event.type is EventType.MODIFIED and encoded and encoded == _encode_previous(table, event):
        return None
    if event.type is EventType.DELETED:
        table.forget(event.uid)
    return Compiled(encode(event.type, event.resource_version, encoded))


def _encode_previous(table: Table, event: ObjectEvent) -> tuple[bytes, ...] | None:
    try:
        return None if event.previous is None else table.encode(event.uid, event.previous)
    except SelectionMismatch:
        return None
