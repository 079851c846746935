"""Compressed responses: a layer around the app, and responses whose body is stored compressed.

The layer compresses every response with a Content-Length from a threshold on. Responses without one are
streams (server-sent events, multipart responses) and pass unchanged: a compressor would hold their messages
back. Stored responses have their coding already.
"""

import asyncio
from collections.abc import Iterable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.compression import Coding, Negotiated, StoredBody, compress, compress_parts, negotiate_coding
from gateway.server.headers import header, header_values

__all__ = ["Compression", "StoredResponse", "negotiated_in"]

_INLINE_BYTES = 64 << 10
"""Larger bodies are compressed in a thread; this one takes 0.3 ms."""
_KEY = "kube_graphql.coding"
_WITHOUT_BODY = (204, 206, 304)
"""Statuses of responses without a body, or with a range of one."""
_VARY = (b"vary", b"Accept-Encoding")
_COMPRESSED_TYPES = ("image/", "font/", "application/zip", "application/gzip")


def negotiated_in(scope: Scope) -> Negotiated:
    """The coding that :class:`Compression` has negotiated for this request; IDENTITY without that layer."""
    found: Negotiated = scope.get(_KEY, Negotiated(Coding.IDENTITY))
    return found


class Compression:
    """Compresses responses of ``threshold`` bytes or more with ``level`` 1 to 9; 0 compresses nothing.

    A client that refuses uncompressed responses gets small ones compressed, too.
    """

    def __init__(self, app: ASGIApp, level: int, threshold: int) -> None:
        self._app = app
        self._level = level
        self._threshold = threshold

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._level:
            await self._app(scope, receive, send)
            return
        accepted = ",".join(header_values(scope["headers"], b"accept-encoding"))
        negotiated = scope[_KEY] = negotiate_coding(accepted)
        if negotiated.coding is Coding.IDENTITY or scope["method"] == "HEAD":
            await self._app(scope, receive, _Varying(send))
            return
        threshold = self._threshold if negotiated.plain else 1
        await self._app(scope, receive, _Compressing(send, negotiated.coding, self._level, threshold))


class _Varying:
    """Passes a response on; one that another request would get compressed says so with ``Vary``."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_compressible(message):
            message = _with_vary(message)
        await self._send(message)


class _Compressing:
    """Holds a compressible response back until its body is complete, then sends it compressed."""

    def __init__(self, send: Send, coding: Coding, level: int, threshold: int) -> None:
        self._send = send
        self._coding, self._level, self._threshold = coding, level, threshold
        self._start: Message | None = None
        self._body: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_compressible(message):
            message = _with_vary(message)
            if int(header(message["headers"], b"content-length") or 0) >= self._threshold:
                self._start = message
                return
        if self._start is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body.append(message.get("body", b""))
        if not message.get("more_body", False):
            await self._send_compressed(self._start, self._body)

    async def _send_compressed(self, start: Message, parts: list[bytes]) -> None:
        if sum(map(len, parts)) > _INLINE_BYTES:
            compressed = await asyncio.to_thread(compress_parts, parts, self._coding, self._level)
        else:
            compressed = compress(b"".join(parts), self._coding, self._level)
        headers = MutableHeaders(raw=start["headers"])
        headers["content-encoding"] = self._coding
        headers["content-length"] = str(len(compressed))
        # a strong validator names the bytes, and a range would be one of the plain body
        if "etag" in headers and not headers["etag"].startswith("W/"):
            headers["etag"] = f"W/{headers['etag']}"
        del headers["accept-ranges"]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": compressed, "more_body": False})


def _with_vary(start: Message) -> Message:
    """A copy whose response varies with ``Accept-Encoding``; an app may send one Response several times."""
    if header(start["headers"], b"vary") is None:
        return {**start, "headers": [*start["headers"], _VARY]}
    headers = MutableHeaders(raw=list(start["headers"]))
    if "accept-encoding" not in headers.get("vary", "").lower():
        headers.add_vary_header("Accept-Encoding")
    return {**start, "headers": headers.raw}


def _is_compressible(start: Message) -> bool:
    fields = start["headers"]
    return (
        start["status"] not in _WITHOUT_BODY
        and (header(fields, b"content-length") or "0") != "0"
        and header(fields, b"content-encoding") is None
        and not (header(fields, b"content-type") or "").startswith(_COMPRESSED_TYPES)
    )


class StoredResponse(Response):
    """A response from a body that is stored compressed; the coding is that of the request."""

    def __init__(self, body: StoredBody, headers: Mapping[str, str], media_type: str) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self.media_type = media_type
        self._stored = body
        self.init_headers(headers)
        self.headers.add_vary_header("Accept-Encoding")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        coding = negotiated_in(scope).coding
        content = await self._content(coding)
        length = self._stored.size if content is None else len(content)
        self.headers["content-length"] = str(length)
        if coding is not Coding.IDENTITY:
            self.headers["content-encoding"] = coding
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        pieces: Iterable[bytes] = self._stored.pieces() if content is None else (content,)
        if scope["method"] != "HEAD":
            for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _content(self, coding: Coding) -> bytes | None:
        """The encoded body; None for the plain one, which is decompressed while it is sent."""
        if coding is Coding.IDENTITY:
            return None
        if self._stored.is_ready(coding):
            return self._stored.encoded(coding)
        return await asyncio.to_thread(self._stored.encoded, coding)
