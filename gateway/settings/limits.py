"""Settings that bound the resources that clients can use; ``docs/limits.md`` has the reasons."""

from dataclasses import dataclass

from gateway.settings.setting import SERVE, setting

__all__ = ["LimitSettings"]


@dataclass(frozen=True)
class LimitSettings:
    """The limits of connections, requests and operations."""

    max_body: int = setting(
        4 << 20,
        "Bytes of a request's body, or of a websocket message; larger ones get `QUERY_TOO_COMPLEX`.",
        SERVE,
        metavar="BYTES",
        default_words="`4194304` (4 MB)",
    )
    max_upstream_requests: int = setting(
        100,
        "Requests to the API server that one operation may cause; others get `QUERY_TOO_COMPLEX`. Each "
        "different root field is one, and so is each page of `allPages`.",
        SERVE,
        metavar="N",
    )
    max_response: int = setting(
        256 << 20,
        "Bytes of one operation's response; larger ones get `QUERY_TOO_COMPLEX`.",
        SERVE,
        metavar="BYTES",
        default_words="`268435456` (256 MB)",
    )
    header_timeout: float = setting(
        10.0,
        "Seconds from the first byte of a request to the end of its header.",
        SERVE,
        metavar="SECONDS",
    )
    body_timeout: float = setting(
        30.0,
        "Seconds from the end of a request's header to the end of its body.",
        SERVE,
        metavar="SECONDS",
    )
    idle_timeout: float = setting(
        60.0, "Seconds that a new connection may stay without a request.", SERVE, metavar="SECONDS"
    )
