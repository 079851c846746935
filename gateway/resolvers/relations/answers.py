"""Root fields with relations: a list, an object or an event, joined with the related objects.

A function here returns None where graphql-core has to execute the selection: it has no relations, or it is
not compilable, or a stored value does not fit its type.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import msgspec
from graphql import GraphQLError

from gateway.errors import GatewayError
from gateway.informers import EventType, ObjectEvent, Scope, View
from gateway.kube.received import decode
from gateway.resolvers.cached import envelope_of, find_fresh_view, not_found
from gateway.resolvers.context import Info, budget_of
from gateway.resolvers.decoding import raw_items
from gateway.resolvers.list_slices import head_of
from gateway.resolvers.lists import ListRequest, collect_pages, minimum_version
from gateway.resolvers.relations.join import BETWEEN, MAX_ERRORS, Batch, Errors, Join
from schema.building import RootField
from schema.resources import Resource
from schema.selection import (
    AnswerTooLarge,
    Compiled,
    EventPlan,
    ListPlan,
    NotCompilable,
    ObjectPlan,
    SelectionMismatch,
    plan_list,
    plan_object,
    selects_relations,
)

__all__ = ["join_events", "join_list", "join_object"]

Fetch = Callable[[dict[str, str], bool], Awaitable[bytes]]
"""Sends the request with these parameters, for metadata alone or for complete objects; returns the body."""

_UNFIT = (SelectionMismatch, NotCompilable, GraphQLError, RecursionError)


class _Metadata(msgspec.Struct, gc=False):
    namespace: str = ""


class _Located(msgspec.Struct, gc=False):
    metadata: _Metadata


class _LocatedList(msgspec.Struct, gc=False):
    items: list[_Located] | None = None


async def join_list(root: RootField, info: Info, request: ListRequest, fetch: Fetch) -> Compiled | None:
    """The answer of ``pods(…)``."""
    plan = plan_list(info) if selects_relations(info) else None
    if plan is None:
        return None
    with suppress(*_UNFIT):
        return await _ListJoin(root.served.resource, info, plan, request).answer(fetch)
    return None


async def join_object(
    root: RootField, info: Info, scope: Scope, resource_version: str | None, fetch: Fetch
) -> Compiled | None:
    """The answer of ``pod(name: …)``. Raises NotFound if it does not exist."""
    resource = root.served.resource
    plan = plan_object(info, resource.kind) if selects_relations(info) else None
    if plan is None:
        return None
    view = await find_fresh_view(info, resource, scope, minimum_version(resource_version))
    if view is not None:
        stored = view.informer.get(scope.key)
        if stored is None:
            raise not_found(resource, scope.name or "")
        body = stored.object
    else:
        parameters = {} if resource_version is None else {"resourceVersion": resource_version}
        body = await fetch(parameters, plan.selection.only_metadata)
    with suppress(*_UNFIT):
        encoded, errors = await _join_one(info, plan, body, scope.namespace or "")
        return Compiled(msgspec.Raw(encoded), errors=_bounded(errors))
    return None


async def join_events(info: Info, plan: EventPlan, events: Sequence[ObjectEvent]) -> list[Compiled | None]:
    """The payloads of events; None for one that changes nothing that is selected of the object itself.

    Related objects are read anew, for all events together, with limits of their own. Raises
    SelectionMismatch, NotCompilable, GraphQLError.
    """
    changed = [event for event in events if event.object is not None and not _is_unchanged(plan, event)]
    bodies = [event.object for event in changed if event.object is not None]
    namespaces = [decode(body, _Located, "an object").metadata.namespace for body in bodies]
    info.context.budget = info.context.new_budget()
    join = Join(info)
    encoded: list[list[bytes]] = [[] for _ in changed]
    errors: list[Errors] = [[] for _ in changed]
    for name, of in zip(plan.names, plan.objects, strict=True) if changed else ():
        rendered, below = await join.render(of, await join.batch(of, namespaces, bodies), BETWEEN)
        for item, one in zip(encoded, rendered.split(BETWEEN), strict=True):
            item.append(one)
        for (index, *path), error in below:
            errors[int(index)].append(((name, *path), error))
    payloads = {
        id(event): Compiled(
            plan.selection.encode(event.type, event.resource_version, objects), errors=_bounded(some)
        )
        for event, objects, some in zip(changed, encoded, errors, strict=True)
    }
    return [
        Compiled(plan.selection.encode(event.type, event.resource_version, None))
        if event.object is None
        else payloads.get(id(event))
        for event in events
    ]


def _is_unchanged(plan: EventPlan, event: ObjectEvent) -> bool:
    if event.type is not EventType.MODIFIED or event.previous is None or event.object is None:
        return False
    before, after = ([of.state(body) for of in plan.objects] for body in (event.previous, event.object))
    return bool(plan.objects) and before == after


async def _join_one(info: Info, plan: ObjectPlan, body: bytes, namespace: str) -> tuple[bytes, Errors]:
    join = Join(info)
    encoded, errors = await join.render(plan, await join.batch(plan, [namespace], [body]), BETWEEN)
    return encoded, [(path[1:], error) for path, error in errors]


class _Pages:
    """The pages of a list, in the form that :func:`gateway.resolvers.lists.collect_pages` fills."""

    def __init__(self, add_body: Callable[[bytes], Awaitable[bytes]]) -> None:
        self._add_body = add_body

    async def add(self, page: bytes) -> None:
        await self._add_body(page)


class _ListJoin:
    """One list: its own JSON, and batches of its objects for each response name of ``items``."""

    def __init__(self, resource: Resource, info: Info, plan: ListPlan, request: ListRequest) -> None:
        self._resource = resource
        self._info = info
        self._plan = plan
        self._request = request
        self._join = Join(info)
        self._plans = [plans.of(resource.kind) for plans in plan.items]
        self._columns: list[list[Batch]] = [[] for _ in self._plans]

    async def answer(self, fetch: Fetch) -> Compiled:
        """The List from an informer, or else from the API server."""
        request = self._request
        selectors = {
            "label_selector": request.label_selector or "",
            "field_selector": request.field_selector or "",
        }
        view = await find_fresh_view(
            self._info, self._resource, Scope(request.namespace), request.minimum_version, **selectors
        )
        if view is not None:
            envelope = await self._add_view(view)
        elif request.all_pages:
            envelope = await self._add_pages(fetch)
        else:
            envelope = await self._add_body(await fetch(request.parameters(), self._plan.only_metadata))
        return await self._joined(envelope)

    async def _joined(self, envelope: bytes) -> Compiled:
        lists: list[bytes] = []
        errors: Errors = []
        names = [entry.name for entry in self._plan.entries if entry.items is not None]
        for name, plan, batches in zip(names, self._plans, self._columns, strict=True):
            encoded, below = await self._join.render(plan, _united(batches), b",")
            lists.append(b"[" + encoded + b"]")
            errors += [((name, *path), error) for path, error in below]
        answer = msgspec.Raw(self._plan.encode(envelope, lists))
        return Compiled(answer, errors=_bounded(errors))

    async def _add_view(self, view: View) -> bytes:
        # one snapshot: there is no await between the two
        objects, resource_version = view.objects(), view.resource_version
        objects = await self._request.filtered(objects, self._request.namespace)
        cache = self._info.context.shared.encoded
        for plan, column in zip(self._plans, self._columns, strict=True):
            try:
                templates = await cache.encode_each(view.informer, plan.selection, objects)
            except AnswerTooLarge:
                raise budget_of(self._info).exceed() from None
            namespaces = [of.header.metadata.namespace for of in objects] if plan.needs_namespace else ()
            bodies = [of.object for of in objects] if plan.has_documents else ()
            column.append(Batch(templates, namespaces, bodies))
        return msgspec.json.encode(envelope_of(self._resource.kind, resource_version))

    async def _add_body(self, body: bytes) -> bytes:
        lists, known = self._info.context.shared.large_lists, self._request.namespace
        is_known = known is not None or not self._resource.namespaced
        for plan, column in zip(self._plans, self._columns, strict=True):
            selection = plan.selection
            templates = await lists.decode_each(body, selection.encode_list, selection.width)
            # the bodies of all pages stay in memory
            bodies = await lists.decode_each(body, raw_items) if plan.has_documents else ()
            namespaces: Sequence[str] = ()
            if plan.needs_namespace and is_known:
                namespaces = [known or ""] * len(templates)
            elif plan.needs_namespace:
                namespaces = await lists.decode_each(body, _namespaces)
            column.append(Batch(templates, namespaces, bodies))
        return msgspec.json.encode(head_of(body))

    async def _add_pages(self, fetch: Fetch) -> bytes:
        def start() -> _Pages:
            for column in self._columns:
                column.clear()
            return _Pages(self._add_body)

        async def fetch_page(parameters: dict[str, str]) -> bytes:
            return await fetch(parameters, self._plan.only_metadata)

        _, first = await collect_pages(fetch_page, self._request, start)
        return msgspec.json.encode(first.envelope())


def _namespaces(body: bytes) -> list[str]:
    items = decode(body, _LocatedList, "a List").items or ()
    return [item.metadata.namespace for item in items]


def _united(batches: Sequence[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    return Batch(
        [template for batch in batches for template in batch.templates],
        [namespace for batch in batches for namespace in batch.namespaces],
        [body for batch in batches for body in batch.bodies],
    )


def _bounded(errors: Iterable[Any]) -> Sequence[Any]:
    """The first errors, and one that says that there are more."""
    some = list(islice(errors, MAX_ERRORS + 1))
    if len(some) <= MAX_ERRORS:
        return some
    last = some.pop()[1]
    code = last.code if isinstance(last, GatewayError) else "INTERNAL"
    more = GraphQLError(
        f"more related objects could not be read; the first {MAX_ERRORS} errors are listed",
        extensions={"code": code},
    )
    return [*some, ((), more)]
