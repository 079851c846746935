"""Subscriptions: the source stream of a root field, fed by a shared informer (design section 6)."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from gateway.informers import ObjectEvent, Scope
from gateway.kube.paths import resource_path
from gateway.resolvers.context import Info, client_of
from gateway.resolvers.decoding import decode_object
from schema.operations import RootField

__all__ = ["watch_list", "watch_object"]

Events = AbstractAsyncContextManager[AsyncIterator[ObjectEvent]]
Payload = Mapping[str, Any]


async def watch_list(
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
    events = info.context.informers.subscribe(
        client_of(info),
        resource,
        Scope(namespace=namespace or None),
        label_selector=label_selector or "",
        field_selector=field_selector or "",
        resource_version=resource_version,
        send_initial_events=send_initial_events,
    )
    async for payload in _payloads(events):
        yield payload


async def watch_object(
    root: RootField, info: Info, *, name: str, namespace: str | None = None
) -> AsyncIterator[Payload]:
    """The events of ``pod(name: …)``: ``ADDED`` where it exists, ``SYNCED``, then every change."""
    resource = root.served.resource
    namespace = (namespace or info.context.default_namespace) if resource.namespaced else None
    resource_path(resource, namespace, name)
    events = info.context.informers.subscribe(
        client_of(info), resource, Scope(namespace=namespace, name=name)
    )
    async for payload in _payloads(events):
        yield payload


async def _payloads(events: Events) -> AsyncIterator[Payload]:
    async with events as stream:
        async for event in stream:
            yield {
                "type": event.type.value,
                "object": None if event.object is None else decode_object(event.object),
                "resourceVersion": event.resource_version,
            }
