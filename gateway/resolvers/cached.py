"""Cached reads: answers from a shared informer that is running already (``docs/consistency.md``).

``resourceVersion: "0"`` is answered from an informer of any age, ``"N"`` from one that has reached N. If no
informer can answer (none runs, none is synced, a selector needs a field that the store does not have), the
functions here return None and the read goes upstream with the same arguments.

**Authorization.** A caller finds the informers of its own identity, and with sharing those of the gateway's
(:mod:`gateway.resolvers.caller_informers`). The API server authorises a watch when it begins, and for the
identity that watches. So each cached read needs an access review made as the caller (``list`` or ``get``,
that resource, that namespace or all, that name); "allowed" is cached for ten seconds. Without it, also if the
review fails, the read goes upstream with the caller's identity and the API server decides.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from gateway.errors import BadArgument, NotFound, Status
from gateway.informers import Scope, StoredObject, View
from gateway.resolvers.caller_informers import find_view
from gateway.resolvers.compiling import compiled
from gateway.resolvers.context import Info, budget_of
from gateway.resolvers.decoding import Items, answer_object, source_of
from gateway.resolvers.lists import ListRequest, minimum_version
from schema.building import RootField
from schema.resources import GroupVersionKind, Resource
from schema.selection import (
    AnswerTooLarge,
    Compiled,
    ListSelection,
    SelectionMismatch,
    compile_list_parts,
    compile_object,
)

__all__ = ["answer_cached_list", "answer_cached_object", "envelope_of", "find_fresh_view", "not_found"]

CATCH_UP_TIMEOUT_SECONDS = 1.0
"""The wait for the informer to reach a resource version: the caller's own write arrives within milliseconds,
and the API server, which serves the read otherwise, waits by itself."""


async def answer_cached_list(root: RootField, info: Info, request: ListRequest) -> Any:
    """The selection of the List; None if the API server has to answer."""
    resource, scope = root.served.resource, Scope(request.namespace)
    selectors = {
        "label_selector": request.label_selector or "",
        "field_selector": request.field_selector or "",
    }
    view = await find_fresh_view(info, resource, scope, request.minimum_version, **selectors)
    if view is None:
        return None
    selection = await compiled(info, resource.kind, compile_list_parts)
    # one snapshot: there is no await between the two
    objects, resource_version = view.objects(), view.resource_version
    objects = await request.filtered(objects, request.namespace)
    envelope = envelope_of(resource.kind, resource_version)
    if selection is not None:
        with suppress(SelectionMismatch):
            return Compiled(await _encode(info, view, selection, objects, envelope))
    bodies = [stored.object for stored in objects]
    return source_of(lambda: {**envelope, "items": Items(bodies, resource.kind)}, sum(map(len, bodies)))


async def answer_cached_object(
    root: RootField, info: Info, scope: Scope, resource_version: str | None
) -> Any:
    """The selection of the object; None if the API server has to answer. Raises NotFound."""
    resource, version = root.served.resource, minimum_version(resource_version)
    view = await find_fresh_view(info, resource, scope, version)
    if view is None:
        return None
    selection = await compiled(info, resource.kind, compile_object)
    stored = view.informer.get(scope.key)
    if stored is None:
        raise not_found(resource, scope.name or "")
    if selection is not None:
        try:
            encoded = info.context.shared.encoded.encode_object(view.informer, selection, stored)
            return Compiled(msgspec.Raw(encoded))
        except SelectionMismatch:
            pass
        except AnswerTooLarge:
            raise budget_of(info).exceed() from None
    return answer_object(stored.object, resource.kind, selection)


async def find_fresh_view(
    info: Info, resource: Resource, scope: Scope, version: int | None, **selectors: str
) -> View | None:
    """An informer that has reached the version and that the caller may read; None if there is none."""
    if version is None:
        return None
    try:
        view = await find_view(info, "get" if scope.name else "list", resource, scope, **selectors)
    except BadArgument:
        # the API server refuses the selector, with its own message
        return None
    if view is None or not version:
        return view
    with suppress(TimeoutError):
        async with asyncio.timeout(CATCH_UP_TIMEOUT_SECONDS):
            return view if await view.informer.reached(version) else None
    return None


async def _encode(
    info: Info,
    view: View,
    selection: ListSelection,
    objects: Sequence[StoredObject],
    envelope: dict[str, Any],
) -> msgspec.Raw:
    encoded, budget = info.context.shared.encoded, budget_of(info)
    with budget.provisional() as counted:
        try:
            items = [
                await encoded.encode_list(view.informer, item, objects, counted.expect_response)
                for item in selection.items
            ]
        except AnswerTooLarge:
            raise budget.exceed() from None
    return selection.encode(msgspec.json.encode(envelope), items)


def envelope_of(kind: GroupVersionKind, resource_version: str) -> dict[str, Any]:
    """A List without its items."""
    return {
        "kind": f"{kind.kind}List",
        "apiVersion": kind.api_version,
        "metadata": {"resourceVersion": resource_version},
    }


def not_found(resource: Resource, name: str) -> NotFound:
    """The API server's own wording (apimachinery's NewNotFound)."""
    group, plural = resource.gvr.group, resource.gvr.resource
    qualified = f"{plural}.{group}" if group else plural
    details = {"name": name, **({"group": group} if group else {}), "kind": plural}
    return NotFound(Status(404, "NotFound", f'{qualified} "{name}" not found', details=details))
