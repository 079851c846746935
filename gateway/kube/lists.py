"""LIST in pages, whose objects stay the bytes that came."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import partial

import msgspec

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

# an API server that cannot leave the rest out sends whole objects
METADATA_LIST = f"{JSON};as={METADATA_KIND}List;g=meta.k8s.io;v=v1,{JSON}"
# 1 MiB decodes in about 2 ms
BYTES_BETWEEN_PAUSES = 1 << 20
# a page is decoded in one go, so its size bounds how long the event loop waits
PAGE_BYTES = 4 << 20
PAGE_ITEMS = 500


class Page(msgspec.Struct, frozen=True, gc=False):
    """One page of a LIST; ``continue_token`` is empty on the last one."""

    objects: list[ReceivedObject]
    resource_version: str
    continue_token: str = ""


class Listing(msgspec.Struct, frozen=True, gc=False):
    """A whole LIST, as of its resource version."""

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
    limit: int = PAGE_ITEMS,
    metadata_only: bool = False,
) -> AsyncIterator[Page]:
    """LIST a collection page by page; ``limit`` 0 asks for all at once.

    The items get the ``kind`` and ``apiVersion`` that a LIST leaves out of them. Raises Gone when the API
    server forgot the list's resource version between two pages.
    """
    prefix = type_meta(kind)
    accept = METADATA_LIST if metadata_only else JSON
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
        limit = max(10, min(PAGE_ITEMS, limit * PAGE_BYTES // len(body)))


async def _receive_all(
    items: list[msgspec.Raw], header: type[ObjectHeader], prefix: bytes
) -> list[ReceivedObject]:
    received: list[ReceivedObject] = []
    unpaused = 0
    for item in items:
        received.append(receive(item, header, prefix))
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
