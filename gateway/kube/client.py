"""One API server as one identity: requests, their answers, and streams.

Guarantees: nothing of httpx leaves; a failed answer is a StatusError; redirects are never followed; a
token is sent to the configured server and nowhere else, is never logged, and never travels with the
gateway's own credentials. Cancelling a task that reads closes its connection at once.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Self
from urllib.parse import urlsplit

import httpx

from gateway.errors import (
    BadArgument,
    ConfigurationError,
    StatusError,
    UpstreamError,
    UpstreamProtocolError,
)
from gateway.kube.body import ERROR_BODY_LIMIT, iterate_body, read_body
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.kube.config.credentials import BearerCredentials, Credential, Credentials, UserCredentials
from gateway.kube.config.exec_plugin import ExecCredentials
from gateway.kube.fingerprint import token_fingerprint
from gateway.kube.handshake import ClosesWhatFails
from gateway.kube.own_task import in_own_task, pumped
from gateway.kube.pools import Pools
from gateway.kube.retry import Retries
from gateway.kube.upstream_errors import CAUGHT, broke_off, failed_status, upstream_error

__all__ = ["KubeClient", "Response"]

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Response:
    """A successful answer; the names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A request before it has credentials."""

    method: str
    url: httpx.URL
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes | None
    read_timeout: float


class KubeClient:
    """One API server as one identity.

    ``identity`` is an opaque digest of cluster and credential, the key for caches and informers, safe to
    log. ``config`` is the cluster, with the gateway's own user: also for a client made by ``as_bearer``.
    """

    def __init__(self, pools: Pools, credentials: Credentials, identity: str) -> None:
        self.config = pools.config
        self.identity = identity
        self._pools = pools
        self._credentials = credentials
        self._bearer = isinstance(credentials, BearerCredentials)
        self._host = urlsplit(self.config.server).netloc

    @classmethod
    def connect(cls, config: ClusterConfig) -> "KubeClient":
        """A client for the configured user; sends nothing yet.

        Raises ConfigurationError or CredentialsError for what can be known to be wrong without asking
        the API server: certificates, token files, the proxy.
        """
        try:
            httpx.URL(config.server)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"the server {config.server!r} is not a valid URL: {error}") from error
        pools = Pools(config)
        credentials: Credentials
        user = config.user
        if user.exec is not None and not (user.token or user.token_file or user.username or user.certificate):
            credentials = ExecCredentials(config, user.exec)
            pools.prepare(None)
        else:
            credentials = UserCredentials(user)
            pools.prepare(credentials.certificate)
        return cls(pools, credentials, pools.fingerprint)

    @property
    def in_flight(self) -> int:
        """Requests to this API server whose answer is not read to its end, of all identities; watches too."""
        return self._pools.leases

    def as_bearer(self, token: str) -> "KubeClient":
        """The same cluster as whoever holds that token: none of the gateway's own credentials go along.

        Cheap; all of them share connections that show no client certificate. Raises CredentialsError for
        what cannot be a token. Its ``aclose`` does nothing: connections belong to the one that connected.
        """
        identity = token_fingerprint(self._pools.fingerprint, token)
        return KubeClient(self._pools, BearerCredentials(token), identity)

    @property
    def is_callers(self) -> bool:
        """Whether it acts as whoever sent a token, not as the gateway."""
        return self._bearer

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        accept: str = "application/json",
        timeout: float | None = None,  # noqa: ASYNC109 (of silence, which only the transport can measure)
    ) -> Response:
        """GET a path relative to the server, as :mod:`gateway.kube.paths` makes them.

        ``timeout`` is how long, in seconds, the API server may say nothing. Raises StatusError,
        UpstreamError, CredentialsError, BadArgument.
        """
        return await self.request("GET", path, params, accept=accept, timeout=timeout)

    async def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        body: bytes | None = None,
        content_type: str | None = None,
        accept: str = "application/json",
        timeout: float | None = None,  # noqa: ASYNC109 (as for get)
    ) -> Response:
        """Send one request and read its answer; raises as ``get`` does."""
        headers = [(b"Accept", accept.encode())]
        if content_type is not None:
            headers.append((b"Content-Type", content_type.encode()))
        call = Call(method, self._url(path, params), tuple(headers), body, timeout or READ_TIMEOUT)
        return await in_own_task(self._answer(call))

    def stream(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        accept: str = "application/json",
        read_timeout: float = 60.0,
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """GET a body in chunks as they come; UpstreamTimeout after ``read_timeout`` seconds of silence.

        Entering sends the request and raises as ``get`` does; leaving closes the connection.
        """
        headers = ((b"Accept", accept.encode()),)
        return pumped(self._chunks(Call("GET", self._url(path, params), headers, None, read_timeout)))

    async def aclose(self) -> None:
        """Close all connections, those of clients made by ``as_bearer`` included."""
        if not self._bearer:
            await self._pools.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _answer(self, call: Call) -> Response:
        async with self._exchange(call) as response:
            content = await read_body(response, self._host)
            return Response(response.status_code, dict(response.headers), content)

    @asynccontextmanager
    async def _chunks(self, call: Call) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._exchange(call) as response:
            yield iterate_body(response, self._host)

    def _url(self, path: str, params: Mapping[str, str] | None) -> httpx.URL:
        """The server's URL, its own path included, with that path below it."""
        # Paths come from gateway.kube.paths; this only makes sure that nothing else ever does.
        if (
            path.startswith("/")
            or not {"..", "."}.isdisjoint(path.split("/"))
            or not {*path}.isdisjoint("?#\\")
        ):
            raise BadArgument(f"{path[:80]!r} is not a path of the Kubernetes API")
        url = f"{self.config.server}/{path}"
        try:
            return httpx.URL(url, params=params) if params else httpx.URL(url)
        except httpx.InvalidURL as error:
            raise upstream_error(error, self._host) from error
        except UnicodeEncodeError as error:
            raise BadArgument("an argument is not Unicode text") from error

    @asynccontextmanager
    async def _exchange(self, call: Call) -> AsyncIterator[httpx.Response]:
        """A successful answer, its body still to be read, after as many attempts as are right."""
        # What the body's reader raises must not reach the loop that retries: hence two steps.
        async with AsyncExitStack() as stack:
            yield await self._open(call, stack)

    async def _open(self, call: Call, stack: AsyncExitStack) -> httpx.Response:
        retries = Retries(call.method)
        credential = await self._credentials.current()
        while True:
            async with AsyncExitStack() as attempt:
                try:
                    response = await attempt.enter_async_context(self._send(call, credential))
                except UpstreamError as error:
                    if broke_off(error) and retries.may_reconnect():
                        continue
                    raise
                if response.is_success:
                    check_content(response, call, self._host)
                    await stack.enter_async_context(attempt.pop_all())
                    return response
                failure = await self._failure(response)
            credential = await self._prepare_retry(failure, credential, retries)

    async def _prepare_retry(
        self, failure: StatusError, credential: Credential, retries: Retries
    ) -> Credential:
        """The credential to send it again with, when it is time to; else raises the failure."""
        if retries.may_refresh(failure):
            fresh = await self._credentials.refresh(credential)
            if fresh is not None:
                return fresh
        seconds = retries.wait_for(failure)
        if seconds is None:
            raise failure
        await asyncio.sleep(seconds)
        return await self._credentials.current()

    @asynccontextmanager
    async def _send(self, call: Call, credential: Credential) -> AsyncIterator[httpx.Response]:
        """One attempt; the answer may be a failure."""
        request = httpx.Request(
            call.method,
            call.url,
            headers=[*self._own_headers(), *call.headers, *credential.headers],
            content=call.body,
            extensions={"timeout": timeouts(call.read_timeout), "trace": ClosesWhatFails()},
        )
        async with self._transport(credential) as transport:
            try:
                response = await transport.handle_async_request(request)
            except CAUGHT as error:
                raise upstream_error(error, self._host) from error
            try:
                yield response
            finally:
                await response.aclose()

    def _transport(self, credential: Credential) -> AbstractAsyncContextManager[httpx.AsyncHTTPTransport]:
        return self._pools.bearer() if self._bearer else self._pools.own(credential.certificate)

    def _own_headers(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"User-Agent", USER_AGENT),
            (b"Accept-Encoding", b"gzip" if self.config.compress else b"identity"),
        ]

    async def _failure(self, response: httpx.Response) -> StatusError:
        if response.is_redirect:
            raise UpstreamProtocolError(
                f"the API server {self._host} redirects, which Kubernetes does not: check the server's URL"
            )
        content = await read_body(response, self._host, ERROR_BODY_LIMIT)
        return failed_status(response.status_code, response.headers, content)


def timeouts(read: float) -> dict[str, float]:
    return {"connect": CONNECT_TIMEOUT, "read": read, "write": READ_TIMEOUT, "pool": CONNECT_TIMEOUT}


def check_content(response: httpx.Response, call: Call, host: str) -> None:
    """A login page is no answer, even when a proxy in front of the API server calls it a success."""
    if response.headers.get("content-type", "").startswith("text/html"):
        raise UpstreamProtocolError(
            f"{host} answered {call.url.path} with a web page: is it a Kubernetes API server?"
        )


def user_agent() -> bytes:
    try:
        return f"kube-graphql/{version('kube-graphql')}".encode()
    except PackageNotFoundError:
        return b"kube-graphql"


USER_AGENT = user_agent()
