"""Decodes the JSON of requests and websocket messages, within the limit on its members and items.

``json`` holds the interpreter for as long as it decodes: 4 MB of ``{},`` take 0.15 s and 90 MB of memory.
"""

import json
import re
from typing import Any

import msgspec

from gateway.errors import BadArgument, QueryTooComplex
from gateway.memory import collection_paused
from schema.unique_keys import RepeatedKey, parse_unique

__all__ = ["decode_request"]

_LONGEST_PATH = 200
_SMALL_BYTES = 10_000
"""Without enough values for a collection."""
_SURROGATE = rb"\ud"
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


def decode_request(data: str | bytes, max_values: int) -> Any:
    """The value.

    Raises JSONDecodeError, BadArgument for a key that occurs twice in one object (a written object would lose
    one of the values), and QueryTooComplex for more than ``max_values`` values.
    """
    try:
        encoded = data if isinstance(data, bytes) else data.encode()
        _expect_few_values(encoded, max_values)
        if _SURROGATE in encoded.lower():
            # msgspec refuses a lone surrogate, which json accepts and no encoder takes
            msgspec.json.decode(data)
        if len(encoded) <= _SMALL_BYTES:
            return parse_unique(data)
        # many small values would set off collections that visit all of them
        with collection_paused():
            return parse_unique(data)
    except RepeatedKey as error:
        raise BadArgument(f"{_short(error.path)} occurs twice in the request's JSON") from error
    except (ValueError, RecursionError) as error:
        # ValueError: also an integer beyond the interpreter's limit of 4,300 digits
        raise json.JSONDecodeError("unreadable", "", 0) from error


def _short(path: str) -> str:
    return path if len(path) <= _LONGEST_PATH else f"…{path[-_LONGEST_PATH:]}"


def _expect_few_values(data: bytes, most: int) -> None:
    if _count_values(data) <= most:
        return
    count = _count_values(_STRING.sub(b"", data))
    if count > most:
        raise QueryTooComplex(
            f"the request has {count} members and items in its JSON; the limit is {most} (--max-values)"
        )


def _count_values(data: bytes) -> int:
    """The number of members and items, from the punctuation; punctuation in strings counts, too."""
    return data.count(b",") + data.count(b"{") + data.count(b"[")
