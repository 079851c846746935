"""``allPages``: a List that is read page by page and answered as one.

Of each page only what is selected is kept, encoded; so memory is bounded by the answer and one page.

A ``continue`` token expires (410) when etcd forgets the resource version that the list is of, after some
minutes. Then the list begins again, once: what has been read so far is dropped, and the answer is again of
one resource version. A list that expires a second time takes longer than the API server remembers; it goes
on with the fresh token that the API server offers, as kubectl does. So there always is an answer, and it
is complete: an object that was there the whole time is in it once. One that came, went or changed meanwhile
is as it was at one time or the other. The answer's ``resourceVersion`` is the first page's: a watch from
there on tells of all that has changed since.

A list that goes on from somebody else's ``continue`` cannot begin again: it goes on with the fresh token at
once, unless it is their own token that has expired, which they are told.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from gateway.errors import Gone, UpstreamProtocolError
from gateway.resolvers.decoding import decode_list, source
from gateway.resolvers.list_request import ListRequest
from schema.resources import GroupVersionKind
from schema.selection import Compiled, ListSelection, SelectionMismatch

__all__ = ["answer_all_pages"]

PAGE = 500

Fetch = Callable[[dict[str, str]], Awaitable[bytes]]
"""One LIST with that query; its body."""


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


class _Gathered(Protocol):
    def take(self, page: bytes) -> None: ...

    def answer(self, head: _Head) -> Any: ...


@dataclass(slots=True)
class _Encoded:
    """What is selected of the pages so far."""

    selection: ListSelection
    pages: list[tuple[bytes, ...]] = field(default_factory=list)

    def take(self, page: bytes) -> None:
        self.pages.append(self.selection.encode_items(page))

    def answer(self, head: _Head) -> Any:
        items = [b",".join(filter(None, column)) for column in zip(*self.pages, strict=True)]
        return Compiled(self.selection.encode(msgspec.json.encode(head.envelope()), items))


@dataclass(slots=True)
class _Decoded:
    """All of the pages so far, for graphql-core to execute."""

    kind: GroupVersionKind
    items: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0

    def take(self, page: bytes) -> None:
        self.items += decode_list(page, self.kind)["items"]
        self.size += len(page)

    def answer(self, head: _Head) -> Any:
        return source(lambda: {**head.envelope(), "items": self.items}, self.size)


async def answer_all_pages(
    fetch: Fetch, request: ListRequest, selection: ListSelection | None, kind: GroupVersionKind
) -> Any:
    """What is selected of the whole List; raises what ``fetch`` raises."""
    if selection is not None:
        with suppress(SelectionMismatch):
            return await _gather(fetch, request, lambda: _Encoded(selection))
    return await _gather(fetch, request, lambda: _Decoded(kind))


async def _gather(fetch: Fetch, request: ListRequest, begin: Callable[[], _Gathered]) -> Any:
    gathered, first, token = begin(), None, request.continue_token or ""
    may_begin_again, fresh = not token, False
    while True:
        try:
            page = await fetch(_parameters(request, token))
        except Gone as error:
            if first is None or fresh or not (may_begin_again or error.status.continue_token):
                raise
            if may_begin_again:
                gathered, first, token, may_begin_again = begin(), None, "", False
            else:
                token, fresh = error.status.continue_token, True
            continue
        gathered.take(page)
        head = _decode_head(page)
        first, token, fresh = first or head, head.metadata.token, False
        if not token:
            return gathered.answer(first)


def _parameters(request: ListRequest, token: str) -> dict[str, str]:
    parameters = request.parameters()
    if token and token != request.continue_token:
        # a token says of which resource version the list is; both together are refused
        parameters = {
            key: value for key, value in parameters.items() if not key.startswith("resourceVersion")
        }
        parameters["continue"] = token
    if request.limit is None:
        parameters["limit"] = str(PAGE)
    return parameters


def _decode_head(page: bytes) -> _Head:
    try:
        return msgspec.json.decode(page, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(f"the API server's answer is not a List: {error}") from error
