"""Subscriptions: the source stream of a root field, fed by a shared informer (``docs/subscriptions.md``).

This module is the one place that suppresses a ``MODIFIED`` event, see :func:`_is_unchanged`. Informers
deliver every change of an object; :mod:`gateway.resolvers.encoded_selections` only stores the results.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from gateway.concurrency import LoopYielder
from gateway.informers import EventType, ObjectEvent, Scope
from gateway.kube.paths import resource_path
from gateway.resolvers.caller_informers import Events, subscribe
from gateway.resolvers.compiling import compiled
from gateway.resolvers.context import Info
from gateway.resolvers.decoding import event_source
from gateway.resolvers.encoded_selections import EventTable, Payload
from gateway.resolvers.partial import hinting_at_partial
from gateway.resolvers.partial_watches import subscribe_partially
from gateway.resolvers.relations.events import joined_payloads
from schema.building import RootField
from schema.resources import GroupVersionKind
from schema.selection import (
    AnswerTooLarge,
    Compiled,
    EventSelection,
    SelectionMismatch,
    compile_event,
    selects_relations,
)

__all__ = ["watch_list", "watch_object"]


async def watch_list(
    root: RootField,
    info: Info,
    *,
    namespace: str | None = None,
    partial: bool | None = False,
    **arguments: Any,
) -> AsyncIterator[Payload | Mapping[str, Any]]:
    """The events of ``pods(…)``: the existing objects, ``SYNCED``, then every change.

    ``arguments`` are the arguments of :meth:`gateway.informers.InformerRegistry.subscribe`, None for an
    absent one.
    """
    resource = root.served.resource
    resource_path(resource, namespace or None)
    selection = await compiled(info, resource.kind, compile_event)
    options = {name: value for name, value in arguments.items() if value is not None}
    options["metadata_only"] = _is_only_metadata(selection)
    is_of_all = resource.namespaced and not namespace
    if is_of_all and partial:
        return _payloads(info, resource.kind, selection, subscribe_partially(info, resource, **options))
    events = subscribe(info, resource, Scope(namespace=namespace or None), **options)
    return _payloads(info, resource.kind, selection, events, hints=is_of_all)


async def watch_object(
    root: RootField, info: Info, *, name: str, namespace: str | None = None
) -> AsyncIterator[Payload | Mapping[str, Any]]:
    """The events of ``pod(name: …)``: ``ADDED`` if it exists, ``SYNCED``, then every change."""
    resource = root.served.resource
    namespace = (namespace or info.context.default_namespace) if resource.namespaced else None
    resource_path(resource, namespace, name)
    selection = await compiled(info, resource.kind, compile_event)
    events = subscribe(
        info,
        resource,
        Scope(namespace=namespace, name=name),
        metadata_only=_is_only_metadata(selection),
    )
    return _payloads(info, resource.kind, selection, events)


def _is_only_metadata(selection: EventSelection | None) -> bool:
    """Whether the selection reads nothing but the metadata of objects."""
    return selection is not None and selection.only_metadata


async def _payloads(
    info: Info,
    kind: GroupVersionKind,
    selection: EventSelection | None,
    events: Events,
    *,
    hints: bool = False,
) -> AsyncIterator[Payload | Mapping[str, Any]]:
    """The events under the selection; ``hints``: a refusal advises ``partial``."""
    lag = info.context.informers.counters.lag
    # graphql-core takes milliseconds for an event that is not compiled: other tasks run after each of these
    yielder = LoopYielder(1)
    joins = selection is None and selects_relations(info)
    with info.context.shared.encoded.subscription(selection) as table, hinting_at_partial(enabled=hints):
        async with events as stream:
            payloads = joined_payloads(info, kind, stream) if joins else _own_payloads(info, table, stream)
            async with aclosing(payloads):
                async for event, payload in payloads:
                    yield payload
                    if event.received:
                        # the transport has handed the payload to its socket: it requests the next one
                        lag.observe(time.monotonic() - event.received)
                    if type(payload) is not Compiled:
                        await yielder.after()


async def _own_payloads(
    info: Info, table: EventTable, stream: AsyncIterator[ObjectEvent]
) -> AsyncGenerator[tuple[ObjectEvent, Payload]]:
    async for event in stream:
        try:
            payload = table.get(event, _build_payload)
        except AnswerTooLarge:
            raise info.context.shared.limits.too_large() from None
        if payload is not None:
            yield event, payload


def _build_payload(table: EventTable, event: ObjectEvent) -> Payload | None:
    """The event under the table's selection; None for a suppressed event."""
    selection = table.selection
    if selection is None:
        return event_source(event)
    if event.object is None:
        return Compiled(selection.encode(event.type, event.resource_version, None))
    try:
        encoded = _encode_object(table, event, event.object)
    except SelectionMismatch:
        # an object that does not fit its schema: graphql-core reports the field and its path
        return event_source(event)
    if _is_unchanged(table, event, encoded):
        return None
    if event.type is EventType.DELETED:
        for part in table.objects:
            part.remove(event.key)
    return Compiled(selection.encode(event.type, event.resource_version, encoded))


def _is_unchanged(table: EventTable, event: ObjectEvent, encoded: tuple[bytes, ...]) -> bool:
    """Whether the event is a ``MODIFIED`` that changes no selected field; such an event is suppressed.

    A busy cluster changes ``status`` and ``managedFields`` all the time; a client that selects neither would
    receive equal payloads. The encodings before and after the change decide. An event without a previous
    state is delivered: it is not certain that the subscriber received that state. A selection without
    ``object`` gets every event, because each has another ``resourceVersion``.
    """
    if event.type is not EventType.MODIFIED or event.previous is None or not encoded:
        return False
    try:
        return encoded == _encode_object(table, event, event.previous)
    except SelectionMismatch:
        return False


def _encode_object(table: EventTable, event: ObjectEvent, body: bytes) -> tuple[bytes, ...]:
    return tuple([part.encode(event.key, body) for part in table.objects])
