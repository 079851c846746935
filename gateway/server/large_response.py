"""Responses of many megabytes, sent in parts.

Encoding 200 MB in one step copies them and stops the event loop for 0.2 s; 500 aliases of one list would be
500 copies of it. The parts here are the encoded root fields themselves.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.execution.introspection import encode_response

__all__ = ["LargeResponse", "encoded_fields"]

_LARGE_BYTES = 1 << 20
_PART_BYTES = 256 << 10


def encoded_fields(response: object) -> Mapping[str, msgspec.Raw] | None:
    """The root fields of a response that is worth sending in parts; None for any other response."""
    data = response.get("data") if isinstance(response, dict) else None
    if not isinstance(data, dict) or not all(type(value) is msgspec.Raw for value in data.values()):
        return None
    return data if sum(memoryview(value).nbytes for value in data.values()) >= _LARGE_BYTES else None


class LargeResponse(Response):
    """The ``response`` with ``fields`` as its data."""

    def __init__(
        self,
        response: Mapping[str, Any],
        fields: Mapping[str, msgspec.Raw],
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self.media_type = media_type
        self._rest = {key: value for key, value in response.items() if key != "data"}
        self._fields = fields
        size = sum(map(len, self._pieces()))
        self.init_headers({**headers, "Content-Length": str(size)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            for part in _parts(self._pieces()):
                await send({"type": "http.response.body", "body": part, "more_body": True})
                # the socket of a fast client takes all parts without a wait
                await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _pieces(self) -> Iterator[bytes | memoryview]:
        opening = b'{"data":{'
        for name, value in self._fields.items():
            yield opening + msgspec.json.encode(name) + b":"
            yield memoryview(value)
            opening = b","
        yield b"}"
        for name, value in self._rest.items():
            yield b"," + msgspec.json.encode(name) + b":" + encode_response(value)
        yield b"}"


def _parts(pieces: Iterator[bytes | memoryview]) -> Iterator[bytes]:
    """The pieces, cut and joined to parts of similar size."""
    joined = bytearray()
    for piece in pieces:
        for begin in range(0, len(piece), _PART_BYTES):
            joined += piece[begin : begin + _PART_BYTES]
            if len(joined) >= _PART_BYTES:
                yield bytes(joined)
                joined.clear()
    if joined:
        yield bytes(joined)
