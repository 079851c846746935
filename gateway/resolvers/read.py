"""Queries: one LIST or one GET per field, or a cached answer without a request (``docs/consistency.md``)."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gateway.informers import Scope
from gateway.kube.paths import resource_path
from gateway.resolvers.cached import answer_cached_list, answer_cached_object
from gateway.resolvers.compiling import compiled
from gateway.resolvers.context import Info, budget_of, limited_client_of
from gateway.resolvers.decoding import answer_list, answer_object
from gateway.resolvers.list_slices import is_large_list
from gateway.resolvers.lists import Building, Fetch, ListRequest, answer_all_pages
from gateway.resolvers.partial import hinting_at_partial
from gateway.resolvers.partial_lists import answer_partial_list
from gateway.resolvers.relations.answers import Fetch as JoinFetch
from gateway.resolvers.relations.answers import join_list, join_object
from gateway.resolvers.relations.filter import related_filter
from schema.building import RootField
from schema.resources import GroupVersionKind
from schema.selection import (
    ListSelection,
    Selection,
    SelectionMismatch,
    compile_list,
    compile_list_parts,
    compile_object,
)

__all__ = ["list_objects", "read_object"]

JSON = "application/json"


async def list_objects(
    root: RootField,
    info: Info,
    *,
    namespace: str | None = None,
    where_related: Sequence[Mapping[str, Any]] | None = None,
    **options: Any,
) -> Any:
    """Answer ``pods(…)`` with the selection of the List, read as the caller."""
    related = related_filter(info, root.served, where_related)
    request = ListRequest(namespace or None, **options, filter=related)
    is_of_all = root.served.resource.namespaced and request.namespace is None
    if is_of_all and request.partial:
        answer = await _list_partially(root, info, request)
        if answer is not None:
            return answer
    with hinting_at_partial(enabled=is_of_all and not request.partial):
        return await _list(root, info, request)


async def _list_partially(root: RootField, info: Info, request: ListRequest) -> Any:
    def fetch_from(namespace: str, selection: ListSelection | None) -> Fetch:
        return _fetcher(root, info, replace(request, namespace=namespace), selection)

    return await answer_partial_list(root, info, request, fetch_from)


async def _list(root: RootField, info: Info, request: ListRequest) -> Any:
    resource = root.served.resource
    joined = await join_list(root, info, request, _page_fetcher(root, info, request))
    if joined is not None:
        return joined
    answer = await answer_cached_list(root, info, request)
    if answer is not None:
        return answer
    if request.all_pages:
        return await _all_pages(root, info, request)
    selection = await compiled(info, resource.kind, compile_list)
    body = await _fetcher(root, info, request, selection)(request.parameters())
    return await _answer(info, body, resource.kind, selection)


async def _answer(info: Info, body: bytes, kind: GroupVersionKind, selection: Selection | None) -> Any:
    if selection is not None and is_large_list(body, selection.width):
        parts = await compiled(info, kind, compile_list_parts)
        if parts is not None:
            with suppress(SelectionMismatch):
                return await info.context.shared.large_lists.answer(body, parts, budget_of(info))
    return answer_list(body, kind, selection)


async def read_object(
    root: RootField,
    info: Info,
    *,
    name: str,
    namespace: str | None = None,
    resource_version: str | None = None,
) -> Any:
    """Answer ``pod(name: …)`` with the selection of the object. Raises NotFound if it does not exist."""
    resource = root.served.resource
    namespace = (namespace or info.context.default_namespace) if resource.namespaced else None
    path = resource_path(resource, namespace, name)
    scope, fetch = Scope(namespace, name), _object_fetcher(info, path)
    joined = await join_object(root, info, scope, resource_version, fetch)
    if joined is not None:
        return joined
    answer = await answer_cached_object(root, info, scope, resource_version)
    if answer is not None:
        return answer
    selection = await compiled(info, resource.kind, compile_object)
    parameters = {} if resource_version is None else {"resourceVersion": resource_version}
    body = await _fetch(info, path, parameters, _accept(selection, "PartialObjectMetadata"))
    return answer_object(body, resource.kind, selection)


async def _all_pages(root: RootField, info: Info, request: ListRequest) -> Any:
    kind = root.served.resource.kind
    selection = await compiled(info, kind, compile_list_parts)
    fetch = _fetcher(root, info, request, selection)
    building = Building(budget_of(info), info.context.shared.large_lists)
    return await answer_all_pages(fetch, request, selection, kind, building)


def _object_fetcher(info: Info, path: str) -> JoinFetch:
    async def fetch(parameters: dict[str, str], only_metadata: bool) -> bytes:
        accept = _accepting("PartialObjectMetadata") if only_metadata else JSON
        return await _fetch(info, path, parameters, accept)

    return fetch


def _page_fetcher(root: RootField, info: Info, request: ListRequest) -> JoinFetch:
    """Sends LISTs of the request; the pages have only the objects that meet its filter."""
    path, related = resource_path(root.served.resource, request.namespace), request.filter

    async def fetch(parameters: dict[str, str], only_metadata: bool) -> bytes:
        only_metadata = only_metadata and (related is None or related.only_metadata)
        accept = _accepting("PartialObjectMetadataList") if only_metadata else JSON
        body = await _fetch(info, path, parameters, accept)
        return body if related is None else await related.filter_page(body, request.namespace)

    return fetch


def _fetcher(
    root: RootField, info: Info, request: ListRequest, selection: Selection | ListSelection | None
) -> Fetch:
    """As :func:`_page_fetcher`, with only the fields that the selection reads."""
    fetch_page = _page_fetcher(root, info, request)
    only_metadata = selection is not None and selection.only_metadata

    async def fetch(parameters: dict[str, str]) -> bytes:
        return await fetch_page(parameters, only_metadata)

    return fetch


async def _fetch(info: Info, path: str, parameters: dict[str, str], accept: str) -> bytes:
    response = await info.context.shared.flights.get(
        limited_client_of(info), path, parameters, accept=accept, operation=budget_of(info)
    )
    return response.body


def _accept(selection: Selection | ListSelection | None, metadata_kind: str) -> str:
    """The Accept header: metadata alone if nothing else is selected; plain JSON from servers without that."""
    if selection is None or not selection.only_metadata:
        return JSON
    return _accepting(metadata_kind)


def _accepting(metadata_kind: str) -> str:
    return f"{JSON};as={metadata_kind};g=meta.k8s.io;v=v1,{JSON}"
