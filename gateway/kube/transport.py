"""httpx's transport, whose answers are closed to their end, whatever happens to the task that reads them."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import httpx

__all__ = ["Transport"]


class Transport(httpx.AsyncHTTPTransport):
    """Being cancelled while it closes an answer leaves no connection open, and none marked as in use.

    httpcore guards that moment with an anyio scope, which asyncio's own cancellation does not respect: the
    pool then kept the connection for ever, with all that had been read.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        response.stream = _Body(cast("httpx.AsyncByteStream", response.stream))
        return response


class _Body(httpx.AsyncByteStream):
    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body.__aiter__()

    async def aclose(self) -> None:
        closing = asyncio.ensure_future(self._body.aclose())
        cancelled: asyncio.CancelledError | None = None
        while not closing.done():
            try:
                await asyncio.wait({closing})
            except asyncio.CancelledError as error:
                cancelled = error
        closing.result()
        if cancelled is not None:
            raise cancelled
