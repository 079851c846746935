"""LIST in pages; the objects stay JSON bytes as received."""

from collections.abc import AsyncIterator, Mapping
from functools import partial

import msgspec

from gateway.concurrency import LoopYielder
from gateway.errors import Gone
from gateway.kube.client import KubeClient
from gateway.kube.received import (
    JSON,
    METADATA_KIND,
    ObjectHeader,
    ReceivedObject,
    decode,
    receive,
    type_meta,
)
from schema.resources import GroupVersionKind

__all__ = ["Listing", "Page", "fetch_list", "list_pages"]

# The second media type is for API servers that cannot send metadata only: they send whole objects.
_METADATA_LIST = f"{JSON};as={METADATA_KIND}List;g=meta.k8s.io;v=v1,{JSON}"
# Decoding 1 MiB takes about 2 ms.
_BYTES_BETWEEN_YIELDS = 1 << 20
# A page is decoded in one call, so its size bounds how long the event loop is blocked.
_PAGE_BYTES = 4 << 20
_PAGE_ITEMS = 500
_PAGE_ITEMS_MIN = 10


class Page(msgspec.Struct, frozen=True, gc=False):
    """One page of a LIST; ``continue_token`` is empty on the last one."""

    objects: list[ReceivedObject]
    resource_version: str
    continue_token: str = ""


class Listing(msgspec.Struct, frozen=True, gc=False):
    """A whole LIST at one resource version."""

    objects: list[ReceivedObject]
    resource_version: str


class _ListMetadata(
    msgspec.Struct, gc=False, rename={"resource_version": "resourceVersion", "token": "continue"}
):
    resource_version: str = ""
    token: str = ""


class _List(msgspec.Struct, gc=False):
    metadata: _ListMetadata
    items: list[msgspec.Raw] | None = None


async def list_pages(
    client: KubeClient,
    path: str,
    params: Mapping[str, str],
    *,
    kind: GroupVersionKind,
    header: type[ObjectHeader] = ObjectHeader,
    limit: int = _PAGE_ITEMS,
    metadata_only: bool = False,
) -> AsyncIterator[Page]:
    """LIST a collection page by page; ``limit`` 0 requests all objects in one page.

    Each item gets ``kind`` and ``apiVersion``, which the items of a LIST lack. The page size adapts to the
    size of the objects. Raises Gone when the list's resource version expires between two pages.
    """
    prefix = type_meta(kind)
    accept = _METADATA_LIST if metadata_only else JSON
    token = ""
    while True:
        paging = {"limit": str(limit)} if limit else {}
        if token:
            paging["continue"] = token
        body = (await client.get(path, {**params, **paging}, accept=accept)).body
        decoded = decode(body, _List, "a list")
        objects = await _receive_all(decoded.items or [], header, prefix)
        token = decoded.metadata.token
        yield Page(objects, decoded.metadata.resource_version, token)
        if not token:
            return
        limit = max(_PAGE_ITEMS_MIN, min(_PAGE_ITEMS, limit * _PAGE_BYTES // len(body)))


async def _receive_all(
    items: list[msgspec.Raw], header: type[ObjectHeader], prefix: bytes
) -> list[ReceivedObject]:
    received: list[ReceivedObject] = []
    yielder = LoopYielder(every=_BYTES_BETWEEN_YIELDS)
    for item in items:
        received.append(receive(item, header, prefix))
        await yielder.after(len(received[-1].object))
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
    """LIST a collection at one resource version; after a 410 between two pages, LIST again without pages."""
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
