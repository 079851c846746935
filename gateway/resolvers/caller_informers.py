"""Informers as a caller may use them: subscriptions and cached reads (``docs/identity.md``).

An informer of the caller's own identity holds only data that the API server has sent to that caller. With
:class:`~gateway.identity.Sharing` the informers of the gateway's identity serve other callers, too: each
subscription then holds a lease of the caller's right to watch, and each cached read needs an access review.
Where the API server refuses a source to the gateway, the caller gets an informer of its own.

A review is about the same access as the API server's check of the corresponding request: a field selector for
one ``metadata.name`` gives it a name (apiserver's RequestInfo), so that a role that is limited by
``resourceNames`` suffices. If the access to all objects is denied, the review is repeated for the selected
objects, because some authorizers grant only selected objects (KEP-4601).
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from gateway.errors import BadArgument, CredentialsError, Forbidden, Unauthenticated, UpstreamUnavailable
from gateway.identity import Access, Lease, Sharing
from gateway.informers import ObjectEvent, Scope, Subscription, View
from gateway.kube.client import KubeClient
from gateway.kube.paths import resource_path
from gateway.resolvers.context import Info, client_of
from schema.resources import Resource
from schema.selectors import parse_field_selector

__all__ = ["Events", "exact_name", "find_view", "subscribe"]

Events = AbstractAsyncContextManager[AsyncIterator[ObjectEvent]]

_REFUSALS = (Forbidden, Unauthenticated, CredentialsError)


async def find_view(
    info: Info,
    verb: str,
    resource: Resource,
    scope: Scope,
    *,
    label_selector: str = "",
    field_selector: str = "",
) -> View | None:
    """The answer of a synced informer, if an access review allows ``verb``; starts no informer.

    None without such an informer, and for a denial or a review that fails. Raises BadArgument for a malformed
    selector.
    """

    def view() -> View | None:
        selectors = {"label_selector": label_selector, "field_selector": field_selector}
        found = (
            info.context.informers.view(client, resource, scope, **selectors) for client in _owners(info)
        )
        return next((view for view in found if view is not None), None)

    if view() is None:
        return None
    access = await _required_access(info, verb, resource, scope, label_selector, field_selector)
    if not await info.context.shared.reviews.allows(client_of(info), access):
        return None
    # again, because the informer may have ended during the review
    found = view()
    if found is not None:
        path = resource_path(resource, scope.namespace, scope.name)
        info.context.note_upstream("GET", path, cached=True)
    return found


@asynccontextmanager
async def subscribe(
    info: Info, resource: Resource, scope: Scope, **options: Any
) -> AsyncIterator[AsyncIterator[ObjectEvent]]:
    """:meth:`gateway.informers.InformerRegistry.subscribe` as the caller.

    With sharing, entering raises Forbidden for a denied or failed review, and reading raises it less than
    15 s after the right was revoked. Reading raises UpstreamUnavailable if the gateway's own right was: a
    later subscription gets an informer of the caller's.
    """
    caller, sharing = client_of(info), info.context.shared.sharing
    if sharing is None or not sharing.serves(caller):
        async with info.context.informers.subscribe(caller, resource, scope, **options) as events:
            yield events
        return
    selectors = options.get("label_selector", ""), options.get("field_selector", "")
    access = await _required_access(info, "watch", resource, scope, *selectors)
    async with sharing.leases.hold(caller, access) as lease, AsyncExitStack() as stack:
        subscription, shared = await _enter(info, sharing, stack, resource, scope, options)
        with lease.ending(subscription.end):
            yield _LeasedEvents(subscription, lease, shared=shared)


async def _enter(
    info: Info,
    sharing: Sharing,
    stack: AsyncExitStack,
    resource: Resource,
    scope: Scope,
    options: dict[str, Any],
) -> tuple[Subscription, bool]:
    """Subscribe to an informer of the gateway, else of the caller; whether it is the gateway's."""
    subscribe, source = info.context.informers.subscribe, (resource.gvr, scope)
    if not sharing.is_refused(source):
        try:
            events = subscribe(sharing.client, resource, scope, **options)
            return await stack.enter_async_context(events), True
        except _REFUSALS as error:
            sharing.refuse(source, error)
    return await stack.enter_async_context(subscribe(client_of(info), resource, scope, **options)), False


class _LeasedEvents(AsyncIterator[ObjectEvent]):
    """The events of a subscription, as long as a lease allows to deliver them."""

    def __init__(self, events: AsyncIterator[ObjectEvent], lease: Lease, *, shared: bool) -> None:
        self._events = events
        self._lease = lease
        self._shared = shared

    async def __anext__(self) -> ObjectEvent:
        try:
            event = await anext(self._events)
        except _REFUSALS as error:
            if not self._shared or self._lease.ended:
                raise
            raise UpstreamUnavailable(
                "the gateway's shared watch has ended, because it lost the right to watch; subscribe again"
            ) from error
        if self._lease.held:
            await self._lease.granted()
        return event


def _owners(info: Info) -> Iterator[KubeClient]:
    """The identities whose informers serve the caller."""
    caller, sharing = client_of(info), info.context.shared.sharing
    if sharing is not None and sharing.serves(caller):
        yield sharing.client
    yield caller


async def _required_access(
    info: Info, verb: str, resource: Resource, scope: Scope, label_selector: str, field_selector: str
) -> Access:
    """The access that the caller needs: to all objects if that is allowed, else to the selected ones."""
    name = scope.name or exact_name(field_selector)
    access = Access.to(verb, resource, scope.namespace, name)
    if not (label_selector or field_selector):
        return access
    if await info.context.shared.reviews.allows(client_of(info), access):
        return access
    return access.selecting(label_selector, field_selector)


def exact_name(field_selector: str) -> str | None:
    """The only name that a field selector allows, as in apiserver's RequestInfo. Raises BadArgument."""
    try:
        return parse_field_selector(field_selector).exact("metadata.name")
    except ValueError as error:
        raise BadArgument(str(error)) from error
