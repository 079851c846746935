"""Lists over the namespaces that a caller may see: one List made of one per namespace.

Each part comes from an informer or, page by page, from the API server, and is a snapshot of its own. The
List's ``resourceVersion`` is the lowest of the parts: a watch from there reports all later changes. A
namespace is left out if the right is revoked meanwhile, or if the filter of the list needs a right that the
caller does not have there.

With ``limit`` the namespaces are read one after the other, and ``metadata.continue`` is a token of the
gateway's own: the namespace, and the API server's token in it.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from gateway.errors import BadArgument, Forbidden, Gone, Status
from gateway.informers import Scope
from gateway.resolvers.cached import find_fresh_view
from gateway.resolvers.compiling import compiled
from gateway.resolvers.context import Info, budget_of
from gateway.resolvers.lists import (
    Building,
    Fetch,
    ListHead,
    ListRequest,
    Pages,
    collect_pages,
    decode_head,
    new_pages,
    page_parameters,
)
from gateway.resolvers.partial import find_namespaces, invisible, note_namespaces
from schema.building import RootField
from schema.resources import Resource
from schema.selection import ListSelection, SelectionMismatch, compile_list_parts

__all__ = ["PartialFetch", "answer_partial_list"]

PartialFetch = Callable[[str, ListSelection | None], Fetch]
"""Makes the function that sends LISTs of one namespace for a selection."""

_PREFIX = "partial."

_Part = tuple[Pages, str]
"""The items of one namespace, and their resource version."""


async def answer_partial_list(
    root: RootField, info: Info, request: ListRequest, fetch_from: PartialFetch
) -> Any:
    """The selection of the List; None if the caller may list all namespaces. Raises Forbidden if none."""
    resource = root.served.resource
    namespaces = await find_namespaces(info, "list", resource, request.field_selector)
    if namespaces is None:
        if (request.continue_token or "").startswith(_PREFIX):
            raise Gone(Status(410, "Expired", "your rights have changed since the first page: list again"))
        return None
    selection = await compiled(info, resource.kind, compile_list_parts)
    if selection is not None:
        with suppress(SelectionMismatch), ExitStack() as counts:
            partial = _PartialList(info, resource, request, selection, fetch_from, counts)
            return await partial.answer(namespaces)
    with ExitStack() as counts:
        return await _PartialList(info, resource, request, None, fetch_from, counts).answer(namespaces)


class _PageItems(msgspec.Struct):
    items: list[msgspec.Raw] | None = None


@dataclass(frozen=True, slots=True)
class _Position:
    """The namespace at which the next page begins, and the API server's token there."""

    namespace: str
    token: str

    def encode(self) -> str:
        encoded = msgspec.json.encode((self.namespace, self.token))
        return _PREFIX + base64.urlsafe_b64encode(encoded).decode()

    @classmethod
    def parse(cls, text: str) -> "_Position":
        """Raises BadArgument for another kind of token."""
        try:
            if not text.startswith(_PREFIX):
                raise ValueError
            decoded = base64.urlsafe_b64decode(text.removeprefix(_PREFIX))
            return cls(*msgspec.json.decode(decoded, type=tuple[str, str]))
        except (ValueError, msgspec.DecodeError) as error:
            raise BadArgument("the continue token is not one of a partial list") from error


class _PartialList:
    """One answer in the making; ``counts`` counts its parts against the limit of the response."""

    def __init__(
        self,
        info: Info,
        resource: Resource,
        request: ListRequest,
        selection: ListSelection | None,
        fetch_from: PartialFetch,
        counts: ExitStack,
    ) -> None:
        self._info = info
        self._resource = resource
        self._request = request
        self._selection = selection
        self._fetch_from = fetch_from
        self._counts = counts
        self._budget = budget_of(info)
        self._refusal: Forbidden | None = None

    async def answer(self, namespaces: Sequence[str]) -> Any:
        """Raises SelectionMismatch."""
        request = self._request
        # the API server ignores the limit at resourceVersion 0, too
        if request.continue_token or (
            request.limit and not request.all_pages and request.resource_version != "0"
        ):
            return await self._answer_page(namespaces)
        return await self._answer_whole(namespaces)

    def _starter(self) -> Callable[[], Pages]:
        """Begins one part of the answer, or begins it again."""
        building = Building(self._budget, self._info.context.shared.large_lists)
        counted = self._counts.enter_context(self._budget.provisional())
        return lambda: new_pages(self._selection, self._resource.kind, building, counted)

    # the whole List

    async def _answer_whole(self, namespaces: Sequence[str]) -> Any:
        parts = await _all_of({name: self._cached_part(name) for name in namespaces})
        missing = [name for name, part in parts.items() if part is None]
        self._budget.limits.expect_requests(len(missing))
        parts |= await _all_of({name: self._fetched_part(name) for name in missing})
        found = {name: part for name, part in parts.items() if part is not None}
        if not found:
            raise self._refusal or invisible("list", self._resource)
        note_namespaces(self._info, tuple(found))
        pages = self._starter()()
        for part, _ in found.values():
            pages.extend(part)
        return pages.answer(self._head([version for _, version in found.values()]))

    async def _cached_part(self, namespace: str) -> _Part | None:
        request = self._request
        view = await find_fresh_view(
            self._info,
            self._resource,
            Scope(namespace),
            request.minimum_version,
            label_selector=request.label_selector or "",
            field_selector=request.field_selector or "",
        )
        if view is None:
            return None
        # one snapshot: there is no await between the two
        objects, version = view.objects(), view.resource_version
        pages = self._starter()()
        try:
            objects = await request.filtered(objects, namespace)
        except Forbidden:
            return None
        await pages.add_objects(view.informer, objects, self._info.context.shared.encoded)
        return pages, version

    async def _fetched_part(self, namespace: str) -> _Part | None:
        """None if a right is missing in the namespace."""
        try:
            fetch = self._fetch_from(namespace, self._selection)
            pages, head = await collect_pages(fetch, self._request, self._starter())
        except Forbidden as error:
            self._refusal = error
            return None
        return pages, head.metadata.resource_version

    def _head(self, versions: Sequence[str]) -> ListHead:
        lowest = min(versions, key=lambda text: (len(text), text), default="")
        return ListHead.of(self._resource.kind, lowest)

    # one page

    async def _answer_page(self, namespaces: Sequence[str]) -> Any:
        request, first = self._request, _Position(namespaces[0], "")
        position = _Position.parse(request.continue_token) if request.continue_token else first
        room = request.limit or 0
        pages, versions, seen = self._starter()(), list[str](), list[str]()
        rest = [name for name in namespaces if name >= position.namespace]
        following = ""
        for name in rest:
            if request.limit and room <= 0:
                following = _Position(name, "").encode()
                break
            token = position.token if name == position.namespace else ""
            try:
                page = await self._fetch_page(name, token, room)
            except Forbidden as error:
                self._refusal = error
                continue
            await pages.add(page)
            seen.append(name)
            head = decode_head(page)
            versions.append(head.metadata.resource_version)
            room -= len(msgspec.json.decode(page, type=_PageItems).items or ())
            if head.metadata.token:
                following = _Position(name, head.metadata.token).encode()
                break
        if self._refusal is not None and not seen and not request.continue_token:
            raise self._refusal
        note_namespaces(self._info, seen)
        return pages.answer(self._head(versions), following)

    async def _fetch_page(self, namespace: str, token: str, room: int) -> bytes:
        request = replace(self._request, continue_token=None, limit=room or None)
        fetch = self._fetch_from(namespace, self._selection)
        try:
            return await fetch(page_parameters(request, token))
        except Gone as error:
            if not error.status.continue_token:
                raise
            fresh = _Position(namespace, error.status.continue_token).encode()
            raise Gone(replace(error.status, continue_token=fresh)) from error


async def _all_of(work: Mapping[str, Awaitable[_Part | None]]) -> dict[str, _Part | None]:
    """The results by key; raises the first error once all have ended."""
    results = await asyncio.gather(*work.values(), return_exceptions=True)
    parts: dict[str, _Part | None] = {}
    for name, result in zip(work, results, strict=True):
        if isinstance(result, BaseException):
            raise result
        parts[name] = result
    return parts
