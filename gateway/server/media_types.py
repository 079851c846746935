"""Content negotiation as "GraphQL over HTTP" has it (draft, section 6: media types).

``application/graphql-response+json`` tells by its status whether the operation ran at all;
``application/json`` answers 200 for whatever a GraphQL server could make sense of.
"""

from collections.abc import Iterator

__all__ = [
    "EVENT_STREAM",
    "GRAPHQL_RESPONSE",
    "JSON",
    "MULTIPART",
    "accepts_page",
    "negotiate",
]

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"
HTML = "text/html"
EVENT_STREAM = "text/event-stream"
MULTIPART = "multipart/mixed"


def negotiate(accept: str | None) -> str | None:
    """The media type to answer with; None where the caller accepts neither of the two.

    Without an Accept header, and for wildcards, that is ``application/json``, which every client reads.
    """
    if not accept:
        return JSON
    quality = {JSON: 0.0, GRAPHQL_RESPONSE: 0.0}
    wildcard = 0.0
    for media_type, q in _ranges(accept):
        if media_type in quality:
            quality[media_type] = max(quality[media_type], q)
        elif media_type in ("*/*", "application/*"):
            wildcard = max(wildcard, q)
    best = GRAPHQL_RESPONSE if quality[GRAPHQL_RESPONSE] >= quality[JSON] else JSON
    if quality[best] > 0:
        return best
    return JSON if wildcard > 0 else None


def accepts_page(accept: str | None) -> bool:
    """Whether a browser asks for a page: it names text/html, which no GraphQL client does."""
    return any(media_type == HTML and q > 0 for media_type, q in _ranges(accept or ""))


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        media_type, *parameters = (each.strip().lower() for each in part.split(";"))
        yield media_type, _quality(parameters)


def _quality(parameters: list[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
