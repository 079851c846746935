"""How results are streamed over HTTP: server-sent events and multipart responses."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.http.streaming import HTTPStreamTransport, MultipartSubscriptionTransport, SSETransport
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, MULTIPART_SUBSCRIPTION_PROTOCOL

__all__ = ["TRANSPORTS", "EventStream", "LiveResponse"]


class LiveResponse(Response):
    """Messages as they come, until they end or the client has gone; a sign of life every now and then.

    In either case the messages are closed, and the results that they are made of: left to the garbage
    collector, those of a client that did not read might outlive the event loop. Raises what the messages
    raise, which breaks the response off.
    """

    def __init__(
        self,
        messages: AsyncGenerator[str, None],
        transport: HTTPStreamTransport,
        sign: str,
        results: AsyncGenerator[Any, None] | None = None,
    ) -> None:
        """Say ``sign`` as often as ``transport`` wants it."""
        self.status_code = 200
        self.init_headers(transport.headers)
        self._messages, self._results = messages, results
        self._sign, self._every = sign.encode(), transport.heartbeat_interval

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        # one that was never begun closes nothing of what it would have read
        async with aclosing(self._results or self._messages), aclosing(self._messages):
            sending = asyncio.create_task(self._send_all(send), name="messages of a stream")
            gone = asyncio.create_task(until_gone(receive), name="end of a stream's client")
            try:
                await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
            finally:
                await end(sending, gone)
            if not sending.cancelled():
                sending.result()

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        signs = asyncio.create_task(self._show_signs(send), name="signs of a stream's life")
        try:
            async for message in self._messages:
                await send(part(message.encode()))
                # where there is much to say, neither of the two waits, and nobody else's turn would come
                await asyncio.sleep(0)
        finally:
            await end(signs)
        await send(part(b"", more=False))

    async def _show_signs(self, send: Send) -> None:
        while True:
            await asyncio.sleep(self._every)
            await send(part(self._sign))


def part(content: bytes, *, more: bool = True) -> dict[str, object]:
    return {"type": "http.response.body", "body": content, "more_body": more}


async def until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def end(*tasks: asyncio.Task[None]) -> None:
    for each in tasks:
        each.cancel()
    await asyncio.wait(tasks)


class EventStream(SSETransport):
    """Server-sent events whose lines end in LF: urql's reader knows no other, every other reader both."""

    def encode_event(self, event: str, data: str | None = None) -> str:
        """One event; ``data`` is a single line, as all JSON of this package is."""
        return f"event: {event}\ndata: {data or ''}\n\n"

    def encode_comment(self, comment: str) -> str:
        """One comment, which readers skip."""
        return f": {comment}\n\n"


TRANSPORTS: Mapping[str, type[HTTPStreamTransport]] = {
    GRAPHQL_SSE_PROTOCOL: EventStream,
    MULTIPART_SUBSCRIPTION_PROTOCOL: MultipartSubscriptionTransport,
}
"""By subscription protocol; the first one that the ``Accept`` header names is used."""
