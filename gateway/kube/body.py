"""Bodies of answers, as bytes and in chunks, with their content encoding undone as they come."""

import zlib
from collections.abc import AsyncIterator

import httpx

from gateway.errors import UpstreamProtocolError
from gateway.kube.upstream_errors import CAUGHT, upstream_error

__all__ = ["iterate_body", "read_body"]

ERROR_BODY_LIMIT = 1 << 20
"""Bytes of a failed answer that are read; a Status is far smaller, a proxy's error page may be anything."""

BLOCK = 4 << 20
"""Bytes that become one piece as they come: thousands of small pieces leave the heap full of holes."""


async def read_body(response: httpx.Response, server: str, limit: int | None = None) -> bytes:
    """The whole body; with a ``limit`` about so many bytes of it."""
    blocks: list[bytes] = []
    chunks: list[bytes] = []
    size = joined = 0
    async for chunk in iterate_body(response, server):
        chunks.append(chunk)
        size += len(chunk)
        if size - joined >= BLOCK:
            blocks.append(b"".join(chunks))
            chunks.clear()
            joined = size
        if limit is not None and size >= limit:
            break
    return b"".join([*blocks, *chunks])


def iterate_body(response: httpx.Response, server: str) -> AsyncIterator[bytes]:
    """The body as it comes. Raises UpstreamError, never what httpx or zlib raise."""
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return raw_chunks(response, server)
    if encoding in ("gzip", "x-gzip"):
        return unzipped(raw_chunks(response, server), server)
    raise UpstreamProtocolError(f"the API server {server} sent content encoding {encoding!r}, not asked for")


async def raw_chunks(response: httpx.Response, server: str) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    except CAUGHT as error:
        raise upstream_error(error, server) from error


async def unzipped(chunks: AsyncIterator[bytes], server: str) -> AsyncIterator[bytes]:
    decompressor = zlib.decompressobj(wbits=31)
    try:
        async for chunk in chunks:
            rest = chunk
            while rest:
                # One member may follow another (RFC 1952, 2.2).
                if decompressor.eof:
                    decompressor = zlib.decompressobj(wbits=31)
                plain = decompressor.decompress(rest)
                rest = decompressor.unused_data
                if plain:
                    yield plain
    except zlib.error as error:
        raise UpstreamProtocolError(f"the API server {server} sent a broken gzip body: {error}") from error
    if not decompressor.eof:
        raise UpstreamProtocolError(f"the API server {server} broke off a gzip body")
