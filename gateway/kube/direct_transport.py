"""HTTP/1.1 to one API server without a proxy: a pool of connections on asyncio's transports.

httptools (llhttp) parses the responses. httpx over httpcore takes 1 to 2 ms of CPU per request, and for lists
as much as decoding them; this transport takes a tenth. Connections through a proxy keep httpx
(:mod:`gateway.kube.proxied_transport`). Failures are raised as httpx's exceptions, from the original ones.

Guarantees:

- A connection has one request at a time. It is reused only after a complete response that allows it, and only
  if nothing, not even the end of the stream, has arrived since.
- A request that is cancelled or fails closes its connection at once.
- A slow reader stops the reading from the socket (back-pressure).
"""

import asyncio
import re
import select
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any, cast

import httptools
import httpx

from gateway.kube.transport import Answer, Request, Transport

__all__ = ["DirectTransport"]

_MAX_IDLE = 64
_IDLE_SECONDS = 60.0
_NEXT_ADDRESS_SECONDS = 0.25
"""The delay before the next address of the server is tried as well (RFC 8305, "Happy Eyeballs")."""
_BUFFERED_BYTES = 1 << 20
"""More received bytes than this, beyond the bytes that the reader waits for, pause the socket."""
_MAX_HEAD_BYTES = 1 << 17
_ILLEGAL_IN_HEADER = re.compile(rb"[\x00\r\n]")


class DirectTransport(Transport):
    """Connections to the server of ``url``; ``context`` is None without TLS."""

    def __init__(self, url: httpx.URL, context: ssl.SSLContext | None) -> None:
        if context is not None:
            context.set_alpn_protocols(["http/1.1"])
        self._context = context
        self._host = url.raw_host.decode("ascii")
        self._port = url.port or (443 if context else 80)
        self._head_lines = b" HTTP/1.1\r\nHost: " + url.netloc + b"\r\n"
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()

    async def send(self, request: Request) -> Answer:
        """The response, its body unread. Raises httpx's exceptions."""
        message = self._message(request)
        connection = self._idle_connection() or await self._connect(request.connect_timeout)
        try:
            return await connection.exchange(message, request)
        except BaseException:
            connection.abort()
            raise

    async def aclose(self) -> None:
        """Close every connection, including connections in use."""
        for connection in list(self._open):
            connection.abort()
        self._idle.clear()

    def release(self, connection: "_Connection") -> None:
        """Keep a connection for the next request."""
        self._idle.append(connection)
        if len(self._idle) > _MAX_IDLE:
            self._idle.pop(0).abort()

    def discard(self, connection: "_Connection") -> None:
        """Forget a closed connection."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _message(self, request: Request) -> bytes:
        lines = [request.method.encode(), b" ", request.target.encode("ascii"), self._head_lines]
        for name, value in request.headers:
            if _ILLEGAL_IN_HEADER.search(name) or _ILLEGAL_IN_HEADER.search(value):
                raise httpx.LocalProtocolError("a header has an illegal character")
            lines += [name, b": ", value, b"\r\n"]
        if request.body is not None or request.method in ("POST", "PUT", "PATCH"):
            lines.append(b"Content-Length: %d\r\n" % len(request.body or b""))
        return b"".join([*lines, b"\r\n", request.body or b""])

    def _idle_connection(self) -> "_Connection | None":
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable(now):
                return connection
            connection.abort()
        return None

    async def _connect(self, seconds: float) -> "_Connection":
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connect_first(await self._addresses())
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time") from error
        except (OSError, ssl.SSLError, ValueError) as error:
            # ValueError: OpenSSL refuses the host as a server name
            raise httpx.ConnectError(str(error)) from error
        self._open.add(connection)
        return connection

    async def _addresses(self) -> list[str]:
        found = await asyncio.get_running_loop().getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
        return list(dict.fromkeys(_address(info[4]) for info in found))

    async def _connect_first(self, addresses: list[str]) -> "_Connection":
        """The first connection to one of the addresses; each has a head start before the next."""
        if len(addresses) == 1:
            return await self._connect_to(addresses[0])
        attempts: set[asyncio.Task[_Connection]] = set()
        ended: set[asyncio.Task[_Connection]] = set()
        failure: BaseException = OSError(f"{self._host} has no address")
        try:
            for address in addresses:
                attempts.add(asyncio.create_task(self._connect_to(address)))
                last = address == addresses[-1]
                while attempts:
                    done, attempts = await asyncio.wait(
                        attempts,
                        timeout=None if last else _NEXT_ADDRESS_SECONDS,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    ended |= done
                    for attempt in done:
                        if (error := attempt.exception()) is None:
                            ended.remove(attempt)
                            return attempt.result()
                        failure = error
                    if not last:
                        break
        finally:
            await _abandon(attempts | ended)
        raise failure

    async def _connect_to(self, address: str) -> "_Connection":
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(self),
            address,
            self._port,
            ssl=self._context,
            server_hostname=self._host if self._context else None,
        )
        return connection


def _address(sockaddr: Any) -> str:
    """The address of ``getaddrinfo``, with the zone of a link-local one."""
    return f"{sockaddr[0]}%{sockaddr[3]}" if len(sockaddr) == 4 and sockaddr[3] else str(sockaddr[0])


async def _abandon(attempts: "set[asyncio.Task[_Connection]]") -> None:
    for attempt in attempts:
        attempt.cancel()
    for result in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(result, _Connection):
            result.abort()


class _Connection(asyncio.Protocol):
    """A connection and the response that it receives; httptools calls the ``on_`` methods."""

    def __init__(self, pool: DirectTransport) -> None:
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._chunks: list[bytes] = []
        self.on_body = self._chunks.append
        """Called by httptools, which looks it up once; a method would slow lists down by a tenth."""
        self._poller: select.poll | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._idle_since = self._received_at = 0.0
        self._awaits_response = False
        self._can_write = True
        self._reads = True
        self._forget_response()

    def _forget_response(self) -> None:
        self._failure: Exception | None = None
        self._headers: dict[str, str] = {}
        self._status = 0
        self._head_bytes = 0
        self._has_head = self._is_complete = False
        self._is_reusable = False
        self._ends_with_connection = False
        self._chunks.clear()
        self._chunks_of_body: int | None = None
        self._buffered = self._wanted = 0

    # called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._poller = _poller_of(transport.get_extra_info("socket"))
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        if not self._awaits_response or self._parser is None:
            self.abort()
            return
        self._received_at = self._loop.time()
        had_head = self._has_head
        if not had_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(httpx.RemoteProtocolError("the server switches protocols"))
        except httptools.HttpParserError as error:
            self._fail(httpx.RemoteProtocolError(str(error)))
        if not self._has_head and self._head_bytes > _MAX_HEAD_BYTES:
            self._fail(httpx.RemoteProtocolError("the headers are too long"))
        # this includes the framing of chunks, which is short
        self._buffered += len(data) if had_head else sum(map(len, self._chunks))
        if self._buffered >= self._wanted or self._has_ended:
            self._wake()
        if self._buffered > self._wanted + _BUFFERED_BYTES:
            self._pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ends_with_connection and exc is None and self._failure is None:
            self._is_complete = True
        elif exc is not None:
            failure = httpx.ReadError(str(exc))
            failure.__cause__ = exc
            self._fail(failure)
        else:
            self._fail(httpx.RemoteProtocolError("the server closed the connection"))
        self._transport = self._parser = None
        self._pool.discard(self)
        self._wake()

    def pause_writing(self) -> None:
        self._can_write = False

    def resume_writing(self) -> None:
        self._can_write = True
        self._wake()

    # called by httptools

    def on_message_begin(self) -> None:
        if self._is_complete:
            # a second response to one request: neither it nor its connection is used
            self._is_reusable = False
        else:
            self._headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_complete:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        known = self._headers.get(key)
        self._headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        if self._is_complete or self._parser is None:
            return
        self._status = self._parser.get_status_code()
        if self._is_interim:
            return
        self._has_head = True
        self._is_reusable = self._parser.should_keep_alive()
        framed = "content-length" in self._headers or "transfer-encoding" in self._headers
        self._ends_with_connection = not framed and self._status not in (204, 304)

    def on_message_complete(self) -> None:
        if not self._is_interim and not self._is_complete:
            self._is_complete = True
            self._chunks_of_body = len(self._chunks)

    # called by the transport and the response

    async def exchange(self, message: bytes, request: Request) -> "_Response":
        """Send the message; the response when its head has arrived."""
        self._forget_response()
        self._awaits_response = True
        if self._transport is None:
            raise httpx.ReadError("the connection is closed")
        self._transport.write(message)
        while not self._has_head:
            if self._failure is not None:
                raise self._failure
            if self._can_write:
                await self._wait(request.read_timeout, httpx.ReadTimeout)
            else:
                await self._wait(request.write_timeout, httpx.WriteTimeout)
        return _Response(self, self._status, self._headers, request.read_timeout)

    def arrived(self) -> bytes | None:
        """The rest of the body if all of it has arrived."""
        return self._take_chunks() if self._is_complete and self._failure is None else None

    async def next_chunk(self, size: int, seconds: float) -> bytes:
        """About ``size`` bytes of the body or more, less at its end, then none."""
        self._wanted = size
        while not self._has_ended and not (self._chunks and self._buffered >= size):
            self._resume_reading()
            await self._wait(seconds, httpx.ReadTimeout)
        return self._take_chunks()

    def _take_chunks(self) -> bytes:
        # a second response to the request is not a part of the body
        chunks = self._chunks[: self._chunks_of_body]
        self._chunks.clear()
        self._buffered = 0
        if self._chunks_of_body is not None:
            self._chunks_of_body = 0
        if not chunks and self._failure is not None:
            raise self._failure
        self._resume_reading()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def end(self) -> None:
        """Keep the connection if its response is complete and allows that, else close it."""
        self._awaits_response = False
        if not (self._is_complete and self._is_reusable and self._failure is None) or self._transport is None:
            self.abort()
            return
        self._chunks.clear()
        self._resume_reading()
        self._idle_since = self._loop.time()
        self._pool.release(self)

    def abort(self) -> None:
        """Close the connection at once."""
        self._awaits_response = False
        if self._transport is not None:
            self._transport.abort()

    def is_usable(self, now: float) -> bool:
        """Whether an idle connection can take a request."""
        transport = self._transport
        if transport is None or transport.is_closing() or now - self._idle_since > _IDLE_SECONDS:
            return False
        return self._poller is None or not self._poller.poll(0)

    @property
    def _is_interim(self) -> bool:
        """Whether the message is an interim response (RFC 9110, 15.2), which precedes the final one."""
        return 100 <= self._status < 200

    @property
    def _has_ended(self) -> bool:
        """Whether the response is complete or has failed."""
        return self._is_complete or self._failure is not None

    def _pause_reading(self) -> None:
        if self._reads and self._transport is not None:
            self._reads = False
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._reads and self._transport is not None:
            self._reads = True
            self._transport.resume_reading()

    def _fail(self, failure: Exception) -> None:
        if self._is_complete:
            self._is_reusable = False
        elif self._failure is None:
            self._failure = failure

    async def _wait(self, seconds: float, expired: type[httpx.TimeoutException]) -> None:
        """Wait until :meth:`_wake`; raises ``expired`` after that time without a byte from the server."""
        waiter = self._waiter = self._loop.create_future()
        self._received_at = self._loop.time()
        self._timer = self._loop.call_later(seconds, self._expire, waiter, seconds, expired)
        try:
            await waiter
        finally:
            self._timer.cancel()
            self._timer = self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _expire(
        self, waiter: "asyncio.Future[None]", seconds: float, expired: type[httpx.TimeoutException]
    ) -> None:
        rest = self._received_at + seconds - self._loop.time()
        if rest > 0:
            self._timer = self._loop.call_later(rest, self._expire, waiter, seconds, expired)
        elif not waiter.done():
            waiter.set_exception(expired("nothing happened in time"))


class _Response(Answer):
    """A response whose body is read from its connection."""

    def __init__(
        self, connection: _Connection, status: int, headers: dict[str, str], read_timeout: float
    ) -> None:
        self.status_code = status
        self._headers = headers
        self._connection: _Connection | None = connection
        self._read_timeout = read_timeout

    @property
    def headers(self) -> dict[str, str]:
        """Repeated headers are joined with commas."""
        return self._headers

    def arrived(self) -> bytes | None:
        return None if self._connection is None else self._connection.arrived()

    async def aiter_raw(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        while self._connection is not None:
            chunk = await self._connection.next_chunk(chunk_size or 1, self._read_timeout)
            if not chunk:
                return
            yield chunk

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.end()


def _poller_of(connected: socket.socket | None) -> "select.poll | None":
    """Tells whether the socket holds data, or the end of the stream, that the event loop has not read yet."""
    if connected is None or not hasattr(select, "poll"):
        return None
    poller = select.poll()
    poller.register(connected.fileno(), select.POLLIN)
    return poller
