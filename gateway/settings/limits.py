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
    max_values: int = setting(
        100_000,
        "Members and items in the JSON of a request's body, or of a websocket message; more get "
        "`QUERY_TOO_COMPLEX`.",
        SERVE,
        metavar="N",
    )
    max_document: int = setting(
        128 << 10,
        "Characters of a GraphQL document; longer ones get `QUERY_TOO_COMPLEX`.",
        SERVE,
        metavar="N",
        default_words="`131072` (128 k)",
    )
    max_tokens: int = setting(
        10_000,
        "Tokens of a document, and fields of an operation with its fragments expanded; more get "
        "`QUERY_TOO_COMPLEX`.",
        SERVE,
        metavar="N",
    )
    max_depth: int = setting(
        50,
        "Levels of fields in an operation, introspection aside, of fragments, and of lists and objects in an "
        "argument or a variable; 100 at most. Deeper ones get `QUERY_TOO_COMPLEX`.",
        SERVE,
        metavar="N",
    )
    max_aliases: int = setting(
        300,
        "Root fields, aliases and repeated fields of an operation, with its fragments expanded; more get "
        "`QUERY_TOO_COMPLEX`.",
        SERVE,
        metavar="N",
    )
    operation_timeout: float = setting(
        60.0,
        "Seconds that a query or a mutation may run; a longer query gets `QUERY_TOO_COMPLEX`, a longer "
        "mutation `OUTCOME_UNKNOWN`. Subscriptions run on.",
        ("serve", "query"),
        metavar="SECONDS",
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
    max_operations: int = setting(
        1_000,
        "Queries and mutations in progress in one worker; others get `TOO_MANY_REQUESTS`.",
        SERVE,
        metavar="N",
    )
    max_operations_per_identity: int = setting(
        200,
        "Queries and mutations of one identity in progress in one worker; others get `TOO_MANY_REQUESTS`.",
        SERVE,
        metavar="N",
    )
    max_subscriptions: int = setting(
        10_000,
        "Open subscriptions in one worker; others get `TOO_MANY_REQUESTS`.",
        SERVE,
        metavar="N",
    )
    max_subscriptions_per_identity: int = setting(
        5_000,
        "Open subscriptions of one identity in one worker; others get `TOO_MANY_REQUESTS`.",
        SERVE,
        metavar="N",
    )
    max_pending_connections: int = setting(
        1_000,
        "Websockets before `connection_init` in one worker; others get HTTP status 429.",
        SERVE,
        metavar="N",
    )
    connection_init_timeout: float = setting(
        10.0,
        "Seconds from the opening of a websocket to its `connection_init`.",
        SERVE,
        metavar="SECONDS",
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
