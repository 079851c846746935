"""LIST requests: the arguments of a list field, and ``allPages``.

``allPages`` follows ``continue`` tokens and answers with one List. Only the selection of each page is kept,
encoded: memory is bounded by the answer and one page.

A ``continue`` token expires with 410 when etcd compacts the resource version of the list, after some minutes:

- The first time, the list starts again from its first page and drops the pages so far: the answer is a
  consistent snapshot of one resource version.
- The second time, the list takes longer than the API server keeps its history. It continues with the fresh
token that the 410 offers, as kubectl does. So there always is a complete answer: it has each object that
existed all the time exactly once. An object that was created, changed or deleted meanwhile is in one of its
states. The answer's ``resourceVersion`` is that of the first page: a watch from there reports all later
changes. - A list that began with a ``continue`` argument cannot start again. It continues with the fresh
token at once; if the argument itself has expired, the error is the answer.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec

from gateway.errors import BadArgument, Gone, UpstreamProtocolError
from gateway.informers import Informer, StoredObject
from gateway.resolvers.decoding import Items, raw_items, source_of
from gateway.resolvers.encoded_selections import EncodedSelections
from gateway.resolvers.large_lists import LargeLists
from gateway.resolvers.limits import Budget, Provisional
from schema.resources import GroupVersionKind
from schema.selection import AnswerTooLarge, Compiled, ListSelection, SelectionMismatch

__all__ = [
    "Building",
    "Fetch",
    "ListHead",
    "ListRequest",
    "ObjectFilter",
    "Pages",
    "answer_all_pages",
    "collect_pages",
    "decode_head",
    "minimum_version",
    "new_pages",
    "page_parameters",
]

DEFAULT_PAGE_SIZE = 500
NOT_OLDER_THAN = "NotOlderThan"

Fetch = Callable[[dict[str, str]], Awaitable[bytes]]
"""Sends one LIST with these query parameters and returns the body."""


class ObjectFilter(Protocol):
    """A condition on objects that the API server cannot evaluate.

    ``namespace`` is that of the list, None for all.
    """

    @property
    def only_metadata(self) -> bool:
        """Whether it reads nothing but the metadata of the objects."""

    async def filter_page(self, body: bytes, namespace: str | None) -> bytes:
        """The List with the objects that meet the condition, as a List. Raises GatewayError."""

    async def filter_objects(
        self, objects: Sequence[StoredObject], namespace: str | None
    ) -> Sequence[StoredObject]:
        """The objects that meet the condition. Raises GatewayError."""


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
    partial: bool | None = False
    filter: ObjectFilter | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 0:
            raise BadArgument(f"limit is {self.limit}; give 0 for no limit, or a positive number")

    @property
    def minimum_version(self) -> int | None:
        """The resource version that a cache must have reached to answer, 0 for any; None: no cache may.

        The rules follow the API server's watch cache: ``limit`` is ignored at ``resourceVersion`` 0;
        with any other version only the API server can serve a page and its ``continue`` token.
        """
        if self.continue_token or self.resource_version_match not in (None, NOT_OLDER_THAN):
            return None
        version = minimum_version(self.resource_version)
        return None if version and self.limit and not self.all_pages else version

    async def filtered(
        self, objects: Sequence[StoredObject], namespace: str | None
    ) -> Sequence[StoredObject]:
        """The objects of an informer that meet the filter. Raises GatewayError."""
        return await self.filter.filter_objects(objects, namespace) if self.filter else objects

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


class ListHead(msgspec.Struct, rename="camel"):
    """A List without its items."""

    metadata: _Metadata
    kind: str = ""
    api_version: str = ""

    @classmethod
    def of(cls, kind: GroupVersionKind, resource_version: str) -> "ListHead":
        """The head of a List of that kind."""
        return cls(_Metadata(resource_version), f"{kind.kind}List", kind.api_version)

    def envelope(self, token: str = "") -> dict[str, Any]:
        """The head as JSON; ``token`` is its ``continue``."""
        metadata = {"resourceVersion": self.metadata.resource_version}
        if token:
            metadata["continue"] = token
        return {"kind": self.kind, "apiVersion": self.api_version, "metadata": metadata}


class PageSink(Protocol):
    """Collects pages."""

    async def add(self, page: bytes) -> None:
        """Take the items of a page. Raises SelectionMismatch and QueryTooComplex."""


class Pages(PageSink, Protocol):
    """Collects pages and makes one answer of them."""

    async def add_objects(
        self, informer: Informer, objects: Sequence[StoredObject], encoded: EncodedSelections
    ) -> None:
        """Take objects of an informer. Raises SelectionMismatch and QueryTooComplex."""

    def extend(self, other: Any) -> None:
        """Take all items of another accumulator of the same class, after these."""

    def answer(self, head: ListHead, token: str = "") -> Any:
        """The List; ``token`` is its ``continue``."""


Sink = TypeVar("Sink", bound=PageSink)


@dataclass(slots=True)
class _EncodedPages:
    """The selection of the pages so far, encoded."""

    selection: ListSelection
    counted: Provisional
    lists: LargeLists
    pages: list[tuple[bytes, ...]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        # a list that starts again drops its first pages
        self.counted.reset()

    async def add(self, page: bytes) -> None:
        self.pages.append(await self.lists.encode_items(page, self.selection, self.counted))

    async def add_objects(
        self, informer: Informer, objects: Sequence[StoredObject], encoded: EncodedSelections
    ) -> None:
        count = self.counted.expect_response
        try:
            columns = [
                await encoded.encode_list(informer, item, objects, count) for item in self.selection.items
            ]
        except AnswerTooLarge:
            raise self.counted.exceed() from None
        self.pages.append(tuple(columns))

    def extend(self, other: "_EncodedPages") -> None:
        self.pages += other.pages

    def answer(self, head: ListHead, token: str = "") -> Any:
        items = [b",".join(filter(None, column)) for column in zip(*self.pages, strict=True)]
        return Compiled(self.selection.encode(msgspec.json.encode(head.envelope(token)), items))


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

    async def add_objects(
        self, informer: Informer, objects: Sequence[StoredObject], encoded: EncodedSelections
    ) -> None:
        del informer, encoded
        bodies = [msgspec.Raw(stored.object) for stored in objects]
        size = sum(memoryview(body).nbytes for body in bodies)
        self.counted.expect_response(size)
        self.items += bodies
        self.size += size

    def extend(self, other: "_DecodedPages") -> None:
        self.items += other.items
        self.size += other.size

    def answer(self, head: ListHead, token: str = "") -> Any:
        envelope = head.envelope(token)
        return source_of(lambda: {**envelope, "items": Items(self.items, self.kind)}, self.size)


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
        with suppress(SelectionMismatch), building.budget.provisional() as counted:
            return await _answer_pages(fetch, request, lambda: new_pages(selection, kind, building, counted))
    with building.budget.provisional() as counted:
        return await _answer_pages(fetch, request, lambda: new_pages(None, kind, building, counted))


def new_pages(
    selection: ListSelection | None, kind: GroupVersionKind, building: Building, counted: Provisional
) -> Pages:
    """An accumulator: of encoded items, or of complete ones if the selection is not compilable."""
    if selection is None:
        return _DecodedPages(kind, counted)
    return _EncodedPages(selection, counted, building.lists)


async def _answer_pages(fetch: Fetch, request: ListRequest, start: Callable[[], Pages]) -> Any:
    pages, head = await collect_pages(fetch, request, start)
    return pages.answer(head)


async def collect_pages(
    fetch: Fetch, request: ListRequest, start: Callable[[], Sink]
) -> tuple[Sink, ListHead]:
    """All pages of a List, and the head of the first.

    Raises the errors of ``fetch``, SelectionMismatch and QueryTooComplex.
    """
    pages, first, token = start(), None, request.continue_token or ""
    may_restart, fresh = not token, False
    while True:
        try:
            page = await fetch(page_parameters(request, token))
        except Gone as error:
            if first is None or fresh or not (may_restart or error.status.continue_token):
                raise
            if may_restart:
                pages, first, token, may_restart = start(), None, "", False
            else:
                token, fresh = error.status.continue_token, True
            continue
        await pages.add(page)
        head = decode_head(page)
        first, token, fresh = first or head, head.metadata.token, False
        if not token:
            return pages, first


def page_parameters(request: ListRequest, token: str) -> dict[str, str]:
    """The query parameters of the LIST of one page; ``token`` is that of the page before."""
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


def decode_head(page: bytes) -> ListHead:
    """The head of a List. Raises UpstreamProtocolError."""
    try:
        return msgspec.json.decode(page, type=ListHead)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(f"the API server's answer is not a List: {error}") from error
