"""How results are streamed over HTTP: server-sent events and multipart responses."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, cast

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from strawberry.http.streaming import HTTPStreamTransport, MultipartSubscriptionTransport, SSETransport
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, MULTIPART_SUBSCRIPTION_PROTOCOL

__all__ = ["TRANSPORTS", "ClosingStream", "EventStream"]


class ClosingStream(StreamingResponse):
    """A stream that closes its results when it ends, however that comes about.

    Left to the garbage collector, those of a client that did not read might outlive the event loop.
    """

    def __init__(self, stream: StreamingResponse, results: AsyncGenerator[Any, None]) -> None:
        super().__init__(stream.body_iterator, stream.status_code, stream.headers)
        self._results = results

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        messages = cast("AsyncGenerator[str, None]", self.body_iterator)
        async with aclosing(self._results), aclosing(messages):
            await super().__call__(scope, receive, send)


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
