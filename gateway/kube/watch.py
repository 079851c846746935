"""LIST and WATCH as streams of objects: each one's JSON bytes, and the little of it that is read here.

An object is never built as a tree of dicts: its bytes are kept as they came, and a *header* (a msgspec
Struct, :class:`ObjectHeader` or one with more fields) is decoded from them.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from functools import partial
from typing import TypeVar

import msgspec

from gateway.errors import Gone, StatusError, UpstreamProtocolError, UpstreamUnavailable
from gateway.kube.client import KubeClient
from gateway.kube.upstream_errors import failed_status
from schema.resources import GroupVersionKind

__all__ = [
    "Listing",
    "ObjectHeader",
    "ObjectMetadata",
    "Page",
    "ReceivedObject",
    "WatchEvent",
    "fetch_list",
    "list_pages",
    "watch_events",
    "with_resource_version",
]

JSON = "application/json"
METADATA_KIND = "PartialObjectMetadata"
# an API server that cannot leave the rest out sends whole objects
METADATA = f"{JSON};as={METADATA_KIND};g=meta.k8s.io;v=v1,{JSON}"
METADATA_LIST = f"{JSON};as={METADATA_KIND}List;g=meta.k8s.io;v=v1,{JSON}"
INITIAL_EVENTS_END = "k8s.io/initial-events-end"
# etcd takes 1.5 MB and a few API servers more; this is against a peer that never ends a line
LONGEST_EVENT = 64 << 20
# 1 MiB decodes in about 2 ms
BYTES_BETWEEN_PAUSES = 1 << 20
# a page is decoded in one go, so its size bounds how long the event loop waits
PAGE_BYTES = 4 << 20
PAGE_ITEMS = 500


class ObjectMetadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What is read of ``metadata``."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: Mapping[str, str] | None = None


class ObjectHeader(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What is read of an object."""

    metadata: ObjectMetadata
    kind: str = ""
    api_version: str = ""


class ReceivedObject(msgspec.Struct, frozen=True, gc=False):
    """An object as it came: its bytes and its header."""

    object: bytes
    header: ObjectHeader


class WatchEvent(msgspec.Struct, frozen=True, gc=False):
    """``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``; ERROR events are raised instead.

    A bookmark's object has only a resource version; ``initial_events_end`` marks the bookmark that
    closes the initial events of a watch with ``sendInitialEvents=true``.
    """

    type: str
    received: ReceivedObject
    initial_events_end: bool = False

    @property
    def resource_version(self) -> str:
        return self.received.header.metadata.resource_version


class Page(msgspec.Struct, frozen=True, gc=False):
    """One page of a LIST; ``continue_token`` is empty on the last one."""

    objects: list[ReceivedObject]
    resource_version: str
    continue_token: str = ""


class Listing(msgspec.Struct, frozen=True, gc=False):
    """A whole LIST, as of its resource version."""

    objects: list[ReceivedObject]
    resource_version: str


class _Line(msgspec.Struct, gc=False):
    type: str
    object: msgspec.Raw


class _BookmarkMetadata(msgspec.Struct, gc=False, rename="camel"):
    annotations: dict[str, str] | None = None


class _Bookmark(msgspec.Struct, gc=False):
    metadata: _BookmarkMetadata


class _Status(msgspec.Struct, gc=False):
    code: int = 500


class _ListMetadata(
    msgspec.Struct, gc=False, rename={"resource_version": "resourceVersion", "token": "continue"}
):
    resource_version: str = ""
    token: str = ""


class _List(msgspec.Struct, gc=False):
    metadata: _ListMetadata
    items: list[msgspec.Raw] | None = None


T = TypeVar("T")


def _decode(body: bytes | msgspec.Raw, expected: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(body, type=expected)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(f"the API server sent {what} that cannot be read: {error}") from error


async def watch_events(
    client: KubeClient,
    path: str,
    params: Mapping[str, str],
    *,
    header: type[ObjectHeader] = ObjectHeader,
    metadata_of: GroupVersionKind | None = None,
    read_timeout: float = 60.0,
) -> AsyncGenerator[WatchEvent, None]:
    """WATCH a collection; ends when the API server ends it.

    With ``metadata_of`` only the metadata comes, in objects of that kind.

    Raises StatusError for a refusal and for an ERROR event (``Gone`` for 410), UpstreamTimeout when
    nothing came for ``read_timeout`` seconds, another UpstreamError when the connection broke.
    Wrap it in :func:`contextlib.aclosing`, so that leaving it early closes the connection at once.
    """
    accept = METADATA if metadata_of else JSON
    prefix = _type_meta(metadata_of) if metadata_of else b""
    stream = client.stream(path, {**params, "watch": "true"}, accept=accept, read_timeout=read_timeout)
    async with stream as chunks:
        async for line in _split_lines(chunks):
            yield _decode_event(line, header, prefix)


async def _split_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    begun: list[bytes] = []
    size = 0
    async for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line = b"".join((*begun, end)) if begun else end
            begun, size = [], 0
            if line.strip():
                yield line
        if rest:
            begun.append(rest)
            size += len(rest)
        if size > LONGEST_EVENT:
            raise UpstreamProtocolError(f"the API server sent an event of more than {LONGEST_EVENT} bytes")
    if begun:
        raise UpstreamUnavailable("the watch broke off in the middle of an event")


def _decode_event(line: bytes, header: type[ObjectHeader], prefix: bytes = b"") -> WatchEvent:
    decoded = _decode(line, _Line, "a watch event")
    match decoded.type:
        case "ADDED" | "MODIFIED" | "DELETED":
            return WatchEvent(decoded.type, _receive(decoded.object, header, prefix))
        case "BOOKMARK":
            annotations = _decode(decoded.object, _Bookmark, "a bookmark").metadata.annotations or {}
            ends = annotations.get(INITIAL_EVENTS_END) == "true"
            return WatchEvent(decoded.type, _receive(decoded.object, header), ends)
        case "ERROR":
            raise _error(decoded.object)
        case unknown:
            raise UpstreamProtocolError(f"the API server sent a watch event of type {unknown!r}")


def _receive(raw: msgspec.Raw, header: type[ObjectHeader], prefix: bytes = b"") -> ReceivedObject:
    decoded = _decode(raw, header, "an object")
    if prefix and decoded.kind == METADATA_KIND:
        return ReceivedObject(prefix + _metadata_member(raw), decoded)
    # a copy, because a Raw keeps the whole page or line alive
    body = b"".join((prefix, memoryview(raw)[1:])) if prefix and not decoded.kind else bytes(raw)
    return ReceivedObject(body, decoded)


def _type_meta(kind: GroupVersionKind) -> bytes:
    """The beginning of an object of that kind, its metadata still to come."""
    return msgspec.json.encode({"kind": kind.kind, "apiVersion": kind.api_version})[:-1] + b","


def _metadata_member(raw: msgspec.Raw) -> bytes:
    metadata = _decode(raw, dict[str, msgspec.Raw], "an object")["metadata"]
    return b'"metadata":' + bytes(metadata) + b"}"


def _error(raw: msgspec.Raw) -> StatusError:
    status = _decode(raw, _Status, "a Status")
    return failed_status(status.code, {}, bytes(raw))


async def list_pages(
    client: KubeClient,
    path: str,
    params: Mapping[str, str],
    *,
    kind: GroupVersionKind,
    header: type[ObjectHeader] = ObjectHeader,
    limit: int = PAGE_ITEMS,
    metadata_only: bool = False,
) -> AsyncIterator[Page]:
    """LIST a collection page by page; ``limit`` 0 asks for all at once.

    The items get the ``kind`` and ``apiVersion`` that a LIST leaves out of them. Raises Gone when the API
    server forgot the list's resource version between two pages.
    """
    prefix = _type_meta(kind)
    accept = METADATA_LIST if metadata_only else JSON
    token = ""
    while True:
        paging = {"limit": str(limit)} if limit else {}
        if token:
            paging["continue"] = token
        body = (await client.get(path, {**params, **paging}, accept=accept)).body
        decoded = _decode(body, _List, "a list")
        objects = await _receive_all(decoded.items or [], header, prefix)
        token = decoded.metadata.token
        yield Page(objects, decoded.metadata.resource_version, token)
        if not token:
            return
        limit = max(10, min(PAGE_ITEMS, limit * PAGE_BYTES // len(body)))


async def _receive_all(
    items: list[msgspec.Raw], header: type[ObjectHeader], prefix: bytes
) -> list[ReceivedObject]:
    received: list[ReceivedObject] = []
    unpaused = 0
    for item in items:
        received.append(_receive(item, header, prefix))
        unpaused += len(received[-1].object)
        if unpaused > BYTES_BETWEEN_PAUSES:
            await asyncio.sleep(0)
            unpaused = 0
    return received


async def fetch_list(
    client: KubeClient,
    path: str,
    params: Mapping[str, str],
    *,
    kind: GroupVersionKind,
    header: type[ObjectHeader] = ObjectHeader,
    metadata_only: bool = False,
) -> Listing:
    """LIST a collection as of one resource version.

    Where the API server forgets that version between two pages (410), it starts again, without pages.
    """
    pages = partial(list_pages, client, path, params, kind=kind, header=header, metadata_only=metadata_only)
    try:
        return await _collect(pages())
    except Gone:
        return await _collect(pages(limit=0))


async def _collect(pages: AsyncIterator[Page]) -> Listing:
    objects: list[ReceivedObject] = []
    resource_version = ""
    async for page in pages:
        objects += page.objects
        resource_version = page.resource_version
    return Listing(objects, resource_version)


def with_resource_version(body: bytes, resource_version: str) -> bytes:
    """The object with another ``metadata.resourceVersion``; every other value keeps its bytes."""
    fields = _decode(body, dict[str, msgspec.Raw], "an object")
    metadata = _decode(fields["metadata"], dict[str, msgspec.Raw], "an object's metadata")
    metadata["resourceVersion"] = msgspec.Raw(msgspec.json.encode(resource_version))
    fields["metadata"] = msgspec.Raw(msgspec.json.encode(metadata))
    return msgspec.json.encode(fields)
