"""LIST requests: the arguments of a list field, and ``allPages``.

``allPages`` follows ``continue`` tokens and answers with one List. Only the selection of each page is kept,
encoded: memory is bounded by the answer and one page.

A ``continue`` token expires with 410 when etcd compacts the resource version of the list, after some minutes:

- The first time, the list starts again from its first page and drops the pages so far: the answer is a
  consistent snapshot of one resource version.
- The second time, the list takes longer than the API server keeps its history. It goes on with the fresh
  token that the 410 offers, as kubectl does. So there always is a complete answer: it has each object that
  existed all the time exactly once. An object that was created, changed or deleted meanwhile is in one of its
  states. The answer's ``resourceVersion`` is that of the first page: a watch from there reports all later
  changes.
- A list that began with a ``continue`` argument cannot start again. It goes on with the fresh token at once;
  if the argument itself has expired, the error is the answer.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from gateway.errors import BadArgument, Gone, UpstreamProtocolError
from gateway.resolvers.decoding import Items, raw_items, source_of
from gateway.resolvers.large_lists import LargeLists
from gateway.resolvers.limits import Budget, Provisional
from schema.resources import GroupVersionKind
from schema.selection import Compiled, ListSelection, SelectionMismatch

__all__ = ["Building", "ListRequest", "answer_all_pages", "minimum_version"]

DEFAULT_PAGE_SIZE = 500
NOT_OLDER_THAN = "NotOlderThan"

Fetch = Callable[[dict[str, str]], Awaitable[bytes]]
"""Sends one LIST with these query parameters and returns the body."""


@dataclass(frozen=True, slots=True)
class ListRequest:
    """The arguments of a list field. Raises BadArgument for a negative limit."""

    namespace: str | None = None
    label_selector: str | None = None
    field_selector: str | None = None
    limit: int | None = None
    continue_token: str | None = None
    resource_version: str | None = None
    resource_version_match: str | None = None
    all_pages: bool | None = False

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 0:
            raise BadArgument(f"limit is {self.limit}; give 0 for no limit, or a positive number")

    @property
    def minimum_version(self) -> int | None:
        """The resource version that a cache must have reached to answer, 0 for any; None: no cache may.

        The rules are those of the API server's watch cache: ``limit`` is ignored at ``resourceVersion`` 0;
        with any other version only the API server can serve a page and its ``continue`` token.
        """
        if self.continue_token or self.resource_version_match not in (None, NOT_OLDER_THAN):
            return None
        version = minimum_version(self.resource_version)
        return None if version and self.limit and not self.all_pages else version

    def parameters(self) -> dict[str, str]:
        """The query parameters of the LIST; ``resourceVersion`` alone means "not older than" (section 5)."""
        match = self.resource_version_match
        if self.resource_version and not self.continue_token:
            match = match or NOT_OLDER_THAN
        options = {
            "labelSelector": self.label_selector,
            "fieldSelector": self.field_selector,
            "limit": None if self.limit is None else str(self.limit),
            "continue": self.continue_token,
            "resourceVersion": self.resource_version,
            "resourceVersionMatch": match,
        }
        return {key: value for key, value in options.items() if value}


def minimum_version(resource_version: str | None) -> int | None:
    """The requested resource version as a number; None if it is absent or not a number."""
    text = resource_version or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


class _Metadata(msgspec.Struct, rename={"resource_version": "resourceVersion", "token": "continue"}):
    resource_version: str = ""
    token: str = ""


class _Head(msgspec.Struct, rename="camel"):
    metadata: _Metadata
    kind: str = ""
    api_version: str = ""

    def envelope(self) -> dict[str, Any]:
        metadata = {"resourceVersion": self.metadata.resource_version}
        return {"kind": self.kind, "apiVersion": self.api_version, "metadata": metadata}


class PageAccumulator(Protocol):
    """Collects pages and makes one answer of them."""

    async def add(self, page: bytes) -> None: ...

    def answer(self, head: _Head) -> Any: ...


@dataclass(slots=True)
class _EncodedPages:
    """The selection of the pages so far, encoded."""

    selection: ListSelection
    counted: Provisional
    lists: LargeLists
    pages: list[tuple[bytes, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        # a list that starts again drops its first pages
        self.counted.reset()

    async def add(self, page: bytes) -> None:
        self.pages.append(await self.lists.encode_items(page, self.selection, self.counted))

    def answer(self, head: _Head) -> Any:
        items = [b",".join(filter(None, column)) for column in zip(*self.pages, strict=True)]
        return Compiled(self.selection.encode(msgspec.json.encode(head.envelope()), items))


@dataclass(slots=True)
class _DecodedPages:
    """The complete items of the pages so far, for graphql-core to execute.

    They count like a part of the answer, which they exceed in memory: mostly YAML is selected of them.
    """

    kind: GroupVersionKind
    counted: Provisional
    items: list[msgspec.Raw] = field(default_factory=list)
    size: int = 0

    def __post_init__(self) -> None:
        self.counted.reset()

    async def add(self, page: bytes) -> None:
        self.counted.expect_response(len(page))
        self.items += raw_items(page)
        self.size += len(page)

    def answer(self, head: _Head) -> Any:
        return source_of(lambda: {**head.envelope(), "items": Items(self.items, self.kind)}, self.size)


@dataclass(frozen=True, slots=True)
class Building:
    """The means to build an answer: the limits of its operation, and the decoder of large pages."""

    budget: Budget
    lists: LargeLists


async def answer_all_pages(
    fetch: Fetch,
    request: ListRequest,
    selection: ListSelection | None,
    kind: GroupVersionKind,
    building: Building,
) -> Any:
    """The selection of the whole List. Raises the errors of ``fetch``, and QueryTooComplex."""
    if selection is not None:
        lists = building.lists
        with suppress(SelectionMismatch), building.budget.provisional() as counted:
            return await _accumulate(fetch, request, lambda: _EncodedPages(selection, counted, lists))
    with building.budget.provisional() as counted:
        return await _accumulate(fetch, request, lambda: _DecodedPages(kind, counted))


async def _accumulate(fetch: Fetch, request: ListRequest, start: Callable[[], PageAccumulator]) -> Any:
    pages, first, token = start(), None, request.continue_token or ""
    may_restart, fresh = not token, False
    while True:
        try:
            page = await fetch(_page_parameters(request, token))
        except Gone as error:
            if first is None or fresh or not (may_restart or error.status.continue_token):
                raise
            if may_restart:
                pages, first, token, may_restart = start(), None, "", False
            else:
                token, fresh = error.status.continue_token, True
            continue
        await pages.add(page)
        head = _decode_head(page)
        first, token, fresh = first or head, head.metadata.token, False
        if not token:
            return pages.answer(first)


def _page_parameters(request: ListRequest, token: str) -> dict[str, str]:
    parameters = request.parameters()
    if token and token != request.continue_token:
        # the token contains the list's resource version; the API server refuses both together
        parameters = {
            key: value for key, value in parameters.items() if not key.startswith("resourceVersion")
        }
        parameters["continue"] = token
    if request.limit is None:
        parameters["limit"] = str(DEFAULT_PAGE_SIZE)
    return parameters


def _decode_head(page: bytes) -> _Head:
    try:
        return msgspec.json.decode(page, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(f"the API server's answer is not a List: {error}") from error
