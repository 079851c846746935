"""One exchange with the API server: send a request, decide on retries, read the body.

:class:`Sender` does the I/O. :class:`Retries` holds the retry rules and does none: client-go's rules with
tighter bounds.

- 401: one retry with refreshed credentials.
- 429 with ``Retry-After``: a retry after that delay, for every verb, because the request was not executed.
- 5xx with ``Retry-After``: the same for requests that may be repeated. A server that fails may have executed
  a write before.
- A connection that breaks before the response starts: retries with back-off, for requests that may be
  repeated (GET, server-side apply, dry runs) only.
"""

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

from gateway.errors import StatusError, UpstreamError, UpstreamProtocolError
from gateway.kube.config.credentials import Credential, Credentials
from gateway.kube.pools import Lease, Pools
from gateway.kube.transport import Answer, Request
from gateway.kube.upstream_errors import CAUGHT, broke_off, failed_status, upstream_error

__all__ = [
    "MAX_ATTEMPTS",
    "MAX_RETRY_DELAY_SECONDS",
    "READ_TIMEOUT_SECONDS",
    "Call",
    "Retries",
    "Sender",
    "iterate_body",
    "read_body",
]

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
MAX_RETRY_DELAY_SECONDS = 10.0
"""The bound on the sum of all delays of one request."""
READ_TIMEOUT_SECONDS = 60.0
_CONNECT_TIMEOUT_SECONDS = 10.0
_RECONNECT_DELAYS_SECONDS = (0.0, 0.2, 0.8)
"""The first attempt follows at once: the connection may have exceeded its keep-alive time."""

_ERROR_BODY_LIMIT = 1 << 20
"""Bytes read from a failed response. A Status is far smaller; a proxy's error page has any size."""

_IDENTITY = "identity"
_BLOCK_BYTES = 1 << 20
"""Complete bodies are read in chunks of this size: the task wakes up 30 times for 30 MB, not thousands."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request before credentials are added.

    ``target`` is path and query; ``read_timeout`` is in seconds of silence. ``repeatable``: a second request
    changes nothing more.
    """

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes | None = field(repr=False)
    read_timeout: float
    repeatable: bool

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


@dataclass(slots=True)
class Retries:
    """The retry state of one request."""

    repeatable: bool
    attempts: int = 0
    delayed_seconds: float = 0.0
    reconnects: int = 0
    refreshed: bool = False

    def may_refresh(self, error: StatusError) -> bool:
        """Whether to retry with refreshed credentials; true at most once."""
        if error.status.code != 401 or self.refreshed:
            return False
        self.refreshed = True
        return True

    def delay(self, error: StatusError) -> float | None:
        """Seconds before the next attempt; None means that the error is final."""
        status = error.status
        seconds = status.retry_after_seconds
        self.attempts += 1
        if seconds is None or self.attempts >= MAX_ATTEMPTS:
            return None
        if self.delayed_seconds + seconds > MAX_RETRY_DELAY_SECONDS:
            return None
        if status.code != 429 and (status.code < 500 or not self.repeatable):
            return None
        self.delayed_seconds += seconds
        return float(seconds)

    def reconnect_delay(self) -> float | None:
        """Seconds before the next attempt after the connection broke before the response; None if final."""
        if not self.repeatable or self.reconnects >= len(_RECONNECT_DELAYS_SECONDS):
            return None
        self.reconnects += 1
        return _RECONNECT_DELAYS_SECONDS[self.reconnects - 1]


class Sender:
    """Sends calls to one API server with one source of credentials; ``host`` names the server in errors."""

    def __init__(self, pools: Pools, credentials: Credentials, *, as_caller: bool) -> None:
        self._pools = pools
        self._credentials = credentials
        self._as_caller = as_caller
        self.host = urlsplit(pools.config.server).netloc
        encoding = b"gzip" if pools.config.compress else b"identity"
        self._own_headers = ((b"User-Agent", _USER_AGENT), (b"Accept-Encoding", encoding))

    @asynccontextmanager
    async def send(self, call: Call) -> AsyncIterator[Answer]:
        """The successful response, its body unread. Raises StatusError, UpstreamError, CredentialsError."""
        attempt = await self._open(call)
        try:
            yield attempt.response
        finally:
            await attempt.aclose()

    async def read(self, call: Call) -> tuple[Answer, bytes]:
        """The successful response, closed, and its decoded body. Raises the errors of :meth:`send`."""
        attempt = await self._open(call)
        try:
            return attempt.response, await read_body(attempt.response, self.host)
        finally:
            await attempt.aclose()

    async def _open(self, call: Call) -> "_Attempt":
        retries = Retries(call.repeatable)
        credential = await self._credentials.current()
        while True:
            try:
                attempt = await self._attempt(call, credential)
            except UpstreamError as error:
                seconds = retries.reconnect_delay() if broke_off(error) else None
                if seconds is None:
                    raise
                await asyncio.sleep(seconds)
                continue
            try:
                if 200 <= attempt.response.status_code < 300:
                    _check_content(attempt.response, call, self.host)
                    return attempt
                failure = await self._failure(attempt.response)
            except BaseException:
                await attempt.aclose()
                raise
            await attempt.aclose()
            credential = await self._before_retry(failure, credential, retries)

    async def _before_retry(
        self, failure: StatusError, credential: Credential, retries: Retries
    ) -> Credential:
        """Wait until the next attempt is due and return its credential; raises a final failure."""
        if retries.may_refresh(failure):
            fresh = await self._credentials.refresh(credential)
            if fresh is not None:
                return fresh
        seconds = retries.delay(failure)
        if seconds is None:
            raise failure
        await asyncio.sleep(seconds)
        return await self._credentials.current()

    async def _attempt(self, call: Call, credential: Credential) -> "_Attempt":
        """One attempt; the response may be a failure."""
        request = Request(
            call.method,
            call.target,
            (*self._own_headers, *call.headers, *credential.headers),
            call.body,
            _CONNECT_TIMEOUT_SECONDS,
            call.read_timeout,
            READ_TIMEOUT_SECONDS,
        )
        lease = self._pools.bearer() if self._as_caller else self._pools.own(credential.certificate)
        try:
            response = await lease.transport.send(request)
        except CAUGHT as error:
            await lease.end()
            raise upstream_error(error, self.host) from error
        except BaseException:
            await lease.end()
            raise
        logger.debug("%s %s: %d", call.method, call.path, response.status_code)
        return _Attempt(response, lease)

    async def _failure(self, response: Answer) -> StatusError:
        if 300 <= response.status_code < 400 and "location" in response.headers:
            raise UpstreamProtocolError(
                f"the API server {self.host} redirects, which Kubernetes does not: check the server's URL"
            )
        content = await read_body(response, self.host, _ERROR_BODY_LIMIT)
        return failed_status(response.status_code, response.headers, content)


class _Attempt:
    """An open response, and the lease of its transport; both end with :meth:`aclose`."""

    __slots__ = ("_lease", "response")

    def __init__(self, response: Answer, lease: Lease) -> None:
        self.response = response
        self._lease = lease

    async def aclose(self) -> None:
        try:
            await self.response.aclose()
        finally:
            await self._lease.end()


def _check_content(response: Answer, call: Call, host: str) -> None:
    """Reject HTML: a proxy in front of the API server may serve its login page with status 200."""
    if response.headers.get("content-type", "").startswith("text/html"):
        raise UpstreamProtocolError(
            f"{host} answered {call.path} with a web page: is it a Kubernetes API server?"
        )


def _user_agent() -> bytes:
    try:
        return f"kube-graphql/{version('kube-graphql')}".encode()
    except PackageNotFoundError:
        return b"kube-graphql"


_USER_AGENT = _user_agent()


async def read_body(response: Answer, server: str, limit: int | None = None) -> bytes:
    """The decoded body; reading stops after ``limit`` bytes, rounded up to a chunk. Raises UpstreamError."""
    if limit is None and _encoding(response) == _IDENTITY and (body := response.arrived()) is not None:
        return body
    chunks: list[bytes] = []
    size = 0
    async for chunk in iterate_body(response, server, _BLOCK_BYTES):
        chunks.append(chunk)
        size += len(chunk)
        if limit is not None and size >= limit:
            break
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def iterate_body(response: Answer, server: str, chunk_size: int | None = None) -> AsyncIterator[bytes]:
    """The decoded body in chunks: as they arrive, or of about ``chunk_size`` bytes before they are decoded.

    Raises UpstreamError, no exception of httpx or zlib.
    """
    encoding = _encoding(response)
    if encoding == _IDENTITY:
        return _raw_chunks(response, server, chunk_size)
    if encoding in ("gzip", "x-gzip"):
        return _unzipped(_raw_chunks(response, server, chunk_size), server)
    raise UpstreamProtocolError(f"the API server {server} sent content encoding {encoding!r}, not asked for")


def _encoding(response: Answer) -> str:
    return response.headers.get("content-encoding", _IDENTITY).lower()


async def _raw_chunks(response: Answer, server: str, chunk_size: int | None) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw(chunk_size):
            yield chunk
    except CAUGHT as error:
        raise upstream_error(error, server) from error


async def _unzipped(chunks: AsyncIterator[bytes], server: str) -> AsyncIterator[bytes]:
    decompressor = zlib.decompressobj(wbits=31)
    try:
        async for chunk in chunks:
            rest = chunk
            while rest:
                # a gzip body may have several members (RFC 1952, 2.2)
                if decompressor.eof:
                    decompressor = zlib.decompressobj(wbits=31)
                plain = decompressor.decompress(rest)
                rest = decompressor.unused_data
                if plain:
                    yield plain
    except zlib.error as error:
        raise UpstreamProtocolError(f"the API server {server} sent a broken gzip body: {error}") from error
    if not decompressor.eof:
        raise UpstreamProtocolError(f"the API server {server} broke off a gzip body")
