"""RFC 3339, as strictly as the API server reads it."""

import re
from datetime import datetime

__all__ = ["is_rfc3339"]

RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


def is_rfc3339(text: str) -> bool:
    """Whether it is a date that exists, a time of day and an offset, any number of fractional digits."""
    match = RFC3339.fullmatch(text)
    if match is None:
        return False
    try:
        datetime.fromisoformat(match[1])
    except ValueError:
        return False
    return True
