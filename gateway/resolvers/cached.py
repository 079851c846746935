"""Cached reads: answers from a shared informer that runs anyway (design section 5).

``resourceVersion: "0"`` is answered from an informer of any age, ``"N"`` from one that has reached N. Where
no informer can answer (none runs, none is synced, a selector needs what the store does not have), there is
no answer here, and the read goes upstream with the same arguments.

**Whose rights.** An informer belongs to one identity (:attr:`gateway.kube.client.KubeClient.identity`: a
cluster and a credential), was started by a watch of that identity, and only that identity's reads find it.
So nobody is shown what the API server has not sent to them. What is left is time: the API server authorises
a watch when it begins, and a right that is revoked later does not end it. So each cached read also needs
an access review made as the caller (``list`` or ``get``, that resource, that namespace or all), a yes being
good for ten seconds. Without that yes, also where the review cannot be made, the read goes upstream, and
what the API server says is the answer: nothing here ever says 403, or yes instead of it.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from gateway.errors import BadArgument, NotFound, Status
from gateway.informers import Scope, View
from gateway.informers.store import StoredObject
from gateway.resolvers.context import Info, client_of
from gateway.resolvers.decoding import answer_object, decode_object, source
from gateway.resolvers.list_request import ListRequest, cached_version
from schema.building import RootField
from schema.resources import GroupVersionKind, Resource
from schema.selection import Compiled, ListSelection, SelectionMismatch, compile_list_parts, compile_object

__all__ = ["answer_cached_list", "answer_cached_object"]

PATIENCE = 1.0
"""Seconds to wait for a resource version: one's own write comes within milliseconds, and the API server,
which is asked next, waits by itself."""
BYTES_BETWEEN_PAUSES = 1 << 20


async def answer_cached_list(root: RootField, info: Info, request: ListRequest) -> Any:
    """What is selected of the List; None where it has to come from the API server."""
    resource, scope = root.served.resource, Scope(request.namespace)
    selectors = {
        "label_selector": request.label_selector or "",
        "field_selector": request.field_selector or "",
    }
    view = await _view(info, resource, scope, request.cached_version, **selectors)
    if view is None:
        return None
    # of one moment: nothing is waited for between the two
    objects, resource_version = view.objects(), view.resource_version
    selection = compile_list_parts(info, resource.kind)
    envelope = _envelope(resource.kind, resource_version)
    if selection is not None:
        with suppress(SelectionMismatch):
            return Compiled(await _encode(info, view, selection, objects, envelope))
    items = await _decode(objects)
    return source(lambda: {**envelope, "items": items}, sum(len(each.object) for each in objects))


async def answer_cached_object(
    root: RootField, info: Info, scope: Scope, resource_version: str | None
) -> Any:
    """What is selected of the object; None where it has to come from the API server. Raises NotFound."""
    resource, version = root.served.resource, cached_version(resource_version)
    view = await _view(info, resource, scope, version)
    if view is None:
        return None
    key = f"{scope.namespace}/{scope.name}" if scope.namespace else scope.name or ""
    stored = view.informer.get(key)
    if stored is None:
        raise _not_found(resource, scope.name or "")
    return answer_object(stored.object, resource.kind, compile_object(info, resource.kind))


async def _view(
    info: Info, resource: Resource, scope: Scope, version: int | None, **selectors: str
) -> View | None:
    """The informer that may and can answer, as of that version or later."""
    if version is None:
        return None
    client, informers = client_of(info), info.context.informers
    try:
        if informers.view(client, resource, scope, **selectors) is None:
            return None
    except BadArgument:
        # for the API server to refuse, in its words
        return None
    verb = "get" if scope.name else "list"
    if not await info.context.shared.reviews.allows(client, verb, resource, scope.namespace):
        return None
    # looked for again: it may have ended meanwhile
    view = informers.view(client, resource, scope, **selectors)
    if view is None or not version:
        return view
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            return view if await view.informer.reached(version) else None
    return None


async def _encode(
    info: Info,
    view: View,
    selection: ListSelection,
    objects: Sequence[StoredObject],
    envelope: dict[str, Any],
) -> msgspec.Raw:
    fragments = info.context.shared.fragments
    items = [await fragments.encode(view.informer, each, objects) for each in selection.items]
    return selection.encode(msgspec.json.encode(envelope), items)


async def _decode(objects: Sequence[StoredObject]) -> list[dict[str, Any]]:
    """For graphql-core to execute: all of it as dicts."""
    decoded, fresh = [], 0
    for each in objects:
        decoded.append(decode_object(each.object))
        fresh += len(each.object)
        if fresh > BYTES_BETWEEN_PAUSES:
            fresh = 0
            await asyncio.sleep(0)
    return decoded


def _envelope(kind: GroupVersionKind, resource_version: str) -> dict[str, Any]:
    return {
        "kind": f"{kind.kind}List",
        "apiVersion": kind.api_version,
        "metadata": {"resourceVersion": resource_version},
    }


def _not_found(resource: Resource, name: str) -> NotFound:
    """As the API server words it (apimachinery's NewNotFound)."""
    group, plural = resource.gvr.group, resource.gvr.resource
    what = f"{plural}.{group}" if group else plural
    details = {"name": name, **({"group": group} if group else {}), "kind": plural}
    return NotFound(Status(404, "NotFound", f'{what} "{name}" not found', details=details))
