"""How results are streamed over HTTP: server-sent events and multipart responses."""

from collections.abc import Mapping

from strawberry.http.streaming import HTTPStreamTransport, MultipartSubscriptionTransport, SSETransport
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, MULTIPART_SUBSCRIPTION_PROTOCOL

__all__ = ["TRANSPORTS", "EventStream"]


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
