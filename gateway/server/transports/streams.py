"""Result streams over HTTP: server-sent events and multipart responses."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.http.parse_content_type import parse_content_type
from strawberry.http.streaming import (
    HTTPStreamTransport,
    JSONEncoder,
    MultipartSubscriptionTransport,
    SSETransport,
)
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, MULTIPART_SUBSCRIPTION_PROTOCOL

from gateway.concurrency import LoopYielder
from gateway.errors import PASSING_CODES, Unauthenticated
from gateway.server.transports.lifetime import Lifetime
from gateway.server.uvicorn.shutdown import AbortedResponse

__all__ = [
    "TRANSPORTS",
    "EventStream",
    "LiveResponse",
    "MultipartStream",
    "is_worth_a_retry",
    "rejects_token",
]


class LiveResponse(Response):
    """Sends messages until they end or the client disconnects, with keep-alives in between.

    Closes ``messages`` and ``results`` in either case: left to the garbage collector, the generators of a
    client that does not read could outlive the event loop. Raises the exceptions of ``messages``, which
    aborts the response.
    """

    def __init__(
        self,
        messages: AsyncGenerator[str, None],
        transport: HTTPStreamTransport,
        keep_alive: str,
        results: AsyncGenerator[Any, None] | None = None,
        lifetime: Lifetime | None = None,
        closing: str = "",
    ) -> None:
        """``keep_alive`` is sent at the transport's interval; ``messages`` are made from ``results``.

        The end of ``lifetime`` breaks the response off, so that the client reconnects. ``closing`` follows
        the last message, and no keep-alive follows ``closing``.
        """
        self.status_code = 200
        self.init_headers(transport.headers)
        self._messages, self._results, self._lifetime = messages, results, lifetime
        self._closing = closing.encode()
        self._keep_alive, self._keep_alive_seconds = keep_alive.encode(), transport.heartbeat_interval

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        # closing a generator that has not started does not close its source: close both
        async with aclosing(self._results or self._messages), aclosing(self._messages):
            sending = asyncio.create_task(self._send_all(send), name="messages of a stream")
            disconnect = asyncio.create_task(_until_disconnect(receive), name="disconnect of a stream")
            expiry = asyncio.create_task(self._expire(), name="lifetime of a stream")
            try:
                await asyncio.wait((sending, disconnect, expiry), return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _cancel(sending, disconnect, expiry)
            if not sending.cancelled():
                sending.result()
            elif not expiry.cancelled():
                raise AbortedResponse

    async def _expire(self) -> None:
        if self._lifetime is None:
            await asyncio.Event().wait()
        else:
            await self._lifetime.wait()

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        keep_alives = asyncio.create_task(self._send_keep_alives(send), name="keep-alives of a stream")
        # under load neither the source nor the socket suspends this task: yield after each message
        fairness = LoopYielder(every=1)
        try:
            async for message in self._messages:
                await send(_body_part(message.encode()))
                await fairness.after()
        finally:
            await _cancel(keep_alives)
        await send(_body_part(self._closing, more=False))

    async def _send_keep_alives(self, send: Send) -> None:
        while True:
            await asyncio.sleep(self._keep_alive_seconds)
            await send(_body_part(self._keep_alive))


def _body_part(content: bytes, *, more: bool = True) -> dict[str, object]:
    return {"type": "http.response.body", "body": content, "more_body": more}


async def _until_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def is_worth_a_retry(response: Mapping[str, Any]) -> bool:
    """Whether a response map is an error that ends the operation, and that may pass."""
    return "data" not in response and _codes(response) <= PASSING_CODES


def rejects_token(response: Mapping[str, Any]) -> bool:
    """Whether a response map ends the operation because the API server rejects the caller's token."""
    return "data" not in response and Unauthenticated.code in _codes(response)


def _codes(response: Mapping[str, Any]) -> set[Any]:
    return {error.get("extensions", {}).get("code") for error in response.get("errors", ())}


class EventStream(SSETransport):
    """Server-sent events with LF line ends: urql's parser requires LF, all others accept both.

    The protocol has no error event. An error that ends the subscription is the data of the last "next";
    "complete" follows unless the error may pass, or a token has become invalid: a client that misses
    "complete" subscribes again.
    """

    def encode_event(self, event: str, data: str | None = None) -> str:
        """One event; ``data`` must be a single line."""
        return f"event: {event}\ndata: {data or ''}\n\n"

    def encode_comment(self, comment: str) -> str:
        """One comment; clients ignore it."""
        return f": {comment}\n\n"


class MultipartStream(MultipartSubscriptionTransport):
    """Apollo's multipart protocol: each part ends with the next delimiter, so that a client reads it at once.

    The stream begins with :attr:`first_delimiter`.
    """

    first_delimiter = "--graphql"

    def encode_next(self, response: Mapping[str, Any], encode_json: JSONEncoder) -> str:
        """One part; an error that ends the subscription is beside a null payload, as the protocol defines."""
        failed = "data" not in response
        part = {"payload": None, "errors": response["errors"]} if failed else {"payload": response}
        return self.encode_multipart_data(part, encode_json)

    @property
    def headers(self) -> Mapping[str, str]:
        """The content type that Apollo Router sends."""
        return {"Content-Type": 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'}

    def accepts(self, accept: str) -> bool:
        """Whether one of the media ranges is Apollo's, at any place."""
        return any(
            self.accepts_content_type(*parse_content_type(media_range)) for media_range in accept.split(",")
        )

    def encode_multipart_data(self, data: object, encode_json: JSONEncoder) -> str:
        return f"\r\nContent-Type: application/json\r\n\r\n{encode_json(data)}\r\n{self.first_delimiter}"

    def encode_complete(self) -> str:
        """Turns the last part's delimiter into the closing one."""
        return "--\r\n"


TRANSPORTS: Mapping[str, type[HTTPStreamTransport]] = {
    GRAPHQL_SSE_PROTOCOL: EventStream,
    MULTIPART_SUBSCRIPTION_PROTOCOL: MultipartStream,
}
"""By subscription protocol, in order of preference."""
