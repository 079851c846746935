"""The HTTP client for one API server as one identity: requests, responses and streams.

Guarantees:

- No object or exception of httpx leaves this package. A failed response is a StatusError.
- Redirects are never followed.
- A token is sent to the configured server only, is never logged, and is never combined with the gateway's
  own credentials. An impersonated user is always named in requests with them.
- Cancelling a task that reads closes its connection at once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import quote, urlencode

import httpx

from gateway.errors import BadArgument, ConfigurationError, CredentialsError, StatusError
from gateway.kube.cancellation import buffered_stream, in_own_task
from gateway.kube.config.cluster_config import ClusterConfig, Impersonation
from gateway.kube.config.credentials import (
    BearerCredentials,
    Credentials,
    ImpersonatingCredentials,
    UserCredentials,
    read_certificate,
    token_fingerprint,
    user_fingerprint,
)
from gateway.kube.config.exec_plugin import ExecCredentials
from gateway.kube.exchange import READ_TIMEOUT_SECONDS, Call, Sender, iterate_body
from gateway.kube.oidc import OIDCCredentials
from gateway.kube.paths import is_unreserved
from gateway.kube.pools import Pools
from gateway.kube.redaction import has_copies, is_secret_path, mask_copies, masked_lines, redact

__all__ = ["Exchange", "KubeClient", "Response"]

_KEPT_IN_PATHS = "/%:@!$&'()*+,;=~"
_MAX_TARGET_LENGTH = 1 << 16


@dataclass(frozen=True, slots=True)
class Response:
    """A successful response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that was answered, or failed.

    ``path`` has no leading slash. ``status`` is None without a response, ``size`` the bytes of its body.
    """

    method: str
    path: str
    params: Mapping[str, str]
    status: int | None
    seconds: float
    size: int


class KubeClient:
    """One API server as one identity.

    ``identity`` is an opaque digest of cluster and credential: the key for caches and informers, safe to log.
    ``config`` is the cluster with the gateway's own user, also in a client made by ``as_bearer`` or
    ``as_user``.
    """

    def __init__(self, pools: Pools, credentials: Credentials, identity: str) -> None:
        self.config = pools.config
        self.identity = identity
        self._pools = pools
        self._credentials = credentials
        self._slot: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
        self._record: Callable[[Exchange], None] | None = None
        self._sends_callers_token = isinstance(credentials, BearerCredentials)
        self._is_callers = self._sends_callers_token or isinstance(credentials, ImpersonatingCredentials)
        self._sender = Sender(pools, credentials, as_caller=self._sends_callers_token)

    @classmethod
    def connect(cls, config: ClusterConfig, *, redacts: bool = False) -> "KubeClient":
        """A client for the configured user; sends nothing yet.

        With ``redacts`` no response has the values of a Secret, also those of ``as_bearer`` and ``as_user``.
        Raises ConfigurationError or CredentialsError for a wrong server URL, certificate, token file or
        proxy.
        """
        try:
            httpx.URL(config.server)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"the server {config.server!r} is not a valid URL: {error}") from error
        pools = Pools(config, redacts=redacts)
        user = config.user
        plugin_allowed = not (user.token or user.token_file or user.username)
        credentials: Credentials
        if user.oidc is not None and plugin_allowed:
            credentials = OIDCCredentials(user, user.oidc)
            pools.prepare(read_certificate(user))
        elif user.exec is not None and plugin_allowed and not user.certificate:
            credentials = ExecCredentials(config, user.exec)
            pools.prepare(None)
        else:
            credentials = UserCredentials(user)
            pools.prepare(credentials.certificate)
        return cls(pools, credentials, pools.fingerprint)

    @property
    def in_flight(self) -> int:
        """Requests in flight to this API server, of all identities; a watch counts until it is closed."""
        return self._pools.leases

    def as_bearer(self, token: str) -> "KubeClient":
        """A client for the same cluster that sends ``token`` and none of the gateway's own credentials.

        Cheap: all such clients share one pool, which has no client certificate. Their ``aclose`` does
        nothing; the client made by ``connect`` owns the connections. Raises CredentialsError for a malformed
        token.
        """
        identity = token_fingerprint(self._pools.fingerprint, token)
        return KubeClient(self._pools, BearerCredentials(token), identity)

    def as_user(self, user: Impersonation) -> "KubeClient":
        """A client that impersonates ``user`` with the gateway's own credentials; cheap, like ``as_bearer``.

        Raises CredentialsError for a user that cannot be impersonated, and for a gateway whose kubeconfig
        impersonates a user itself: the API server would unite the groups of both.
        """
        if self._is_callers or self.config.user.impersonation is not None:
            raise CredentialsError("a client that impersonates a user cannot impersonate another one")
        credentials = ImpersonatingCredentials(self._credentials, user)
        return KubeClient(self._pools, credentials, user_fingerprint(self._pools.fingerprint, user))

    def limited(self, slot: Callable[[], AbstractAsyncContextManager[None]]) -> "KubeClient":
        """The same client, but each request and its response hold a ``slot()``; streams do not."""
        client = self._copy()
        client._slot = slot
        return client

    def recorded(self, record: Callable[[Exchange], None]) -> "KubeClient":
        """The same client, but ``record`` is called after each request; streams are not recorded."""
        client = self._copy()
        client._record = record
        return client

    def _copy(self) -> "KubeClient":
        """As ``copy.copy``, which takes ten times as long."""
        client = object.__new__(type(self))
        vars(client).update(vars(self))
        return client

    @property
    def is_callers(self) -> bool:
        """Whether requests act as a caller, by its token or by impersonation, instead of as the gateway."""
        return self._is_callers

    @property
    def sends_callers_token(self) -> bool:
        """Whether requests carry the caller's token, which only the API server can check."""
        return self._sends_callers_token

    @property
    def redacts(self) -> bool:
        """Whether responses have masked values of Secrets."""
        return self._pools.redacts

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        accept: str = "application/json",
        timeout: float | None = None,  # noqa: ASYNC109 (of silence, which only the transport can measure)
    ) -> Response:
        """GET ``path``, relative to the server's URL, as :mod:`gateway.kube.paths` builds it.

        ``timeout`` is in seconds without a byte from the server. Raises StatusError, UpstreamError,
        CredentialsError, BadArgument.
        """
        return await self.request("GET", path, params, accept=accept, timeout=timeout)

    async def request(  # noqa: PLR0913 (these are the parts of an HTTP request)
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        body: bytes | None = None,
        content_type: str | None = None,
        accept: str = "application/json",
        timeout: float | None = None,  # noqa: ASYNC109 (as for get)
        repeatable: bool = False,
    ) -> Response:
        """Send one request and read the whole response; raises the errors of ``get``.

        A GET, and a request that is ``repeatable``, is sent again if its connection breaks.
        """
        headers = [(b"Accept", accept.encode())]
        if content_type is not None:
            headers.append((b"Content-Type", content_type.encode()))
        target, silence = self._target(path, params), timeout or READ_TIMEOUT_SECONDS
        call = Call(method, target, tuple(headers), body, silence, repeatable or method == "GET")
        async with self._slot():
            if self._record is None:
                response = await self._exchange(call)
            else:
                return await self._read_recorded(call, path, params or {}, self._record)
        return await self._masked(path, response) if self._pools.redacts else response

    async def _masked(self, path: str, response: Response) -> Response:
        if is_secret_path(path):
            return replace(response, body=await asyncio.to_thread(redact, response.body))
        if has_copies(response.body):
            return replace(response, body=await asyncio.to_thread(mask_copies, response.body))
        return response

    def stream(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        accept: str = "application/json",
        read_timeout: float = 60.0,
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """GET a body in chunks as they arrive; UpstreamTimeout after ``read_timeout`` seconds of silence.

        Entering sends the request and raises the errors of ``get``; leaving closes the connection.
        """
        headers = ((b"Accept", accept.encode()),)
        mask: Callable[[bytes], bytes] | None = None
        if self._pools.redacts and is_secret_path(path):
            mask = redact
        elif self._pools.redacts and "watch" in params:
            mask = mask_copies
        call = Call("GET", self._target(path, params), headers, None, read_timeout, True)
        return buffered_stream(self._chunks(call, mask))

    async def aclose(self) -> None:
        """Close all connections, also the connections of clients made by ``as_bearer`` and ``as_user``."""
        if not self._is_callers:
            await self._credentials.aclose()
            await self._pools.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _exchange(self, call: Call) -> Awaitable[Response]:
        """The response; through a proxy in a task of its own, see :mod:`gateway.kube.cancellation`."""
        return in_own_task(self._read(call)) if self._pools.is_proxied else self._read(call)

    async def _read(self, call: Call) -> Response:
        answer, body = await self._sender.read(call)
        return Response(answer.status_code, dict(answer.headers), body)

    async def _read_recorded(
        self, call: Call, path: str, params: Mapping[str, str], record: Callable[[Exchange], None]
    ) -> Response:
        begin, status, size = time.monotonic(), None, 0
        try:
            response = await self._exchange(call)
            if self._pools.redacts:
                # before its size is recorded, which would reveal the length of the values
                response = await self._masked(path, response)
            status, size = response.status, len(response.body)
        except StatusError as error:
            status = error.status.code
            raise
        finally:
            record(Exchange(call.method, path, params, status, time.monotonic() - begin, size))
        return response

    @asynccontextmanager
    async def _chunks(
        self, call: Call, mask: Callable[[bytes], bytes] | None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._sender.send(call) as response:
            chunks = iterate_body(response, self._sender.host)
            yield chunks if mask is None else masked_lines(chunks, mask)

    def _target(self, path: str, params: Mapping[str, str] | None) -> str:
        """``path`` below the server's URL, which may have a path of its own, and the query."""
        # Defence in depth: gateway.kube.paths builds all paths and already excludes these characters.
        if (
            path.startswith("/")
            or not {"..", "."}.isdisjoint(path.split("/"))
            or not {*path}.isdisjoint("?#\\")
        ):
            raise BadArgument(f"{path[:80]!r} is not a path of the Kubernetes API")
        try:
            quoted = path if is_unreserved(path.replace("/", "")) else quote(path, safe=_KEPT_IN_PATHS)
            target = f"{self._pools.base_path}/{quoted}"
            if params:
                target += f"?{_query(params)}"
        except UnicodeEncodeError as error:
            raise BadArgument("an argument is not Unicode text") from error
        if len(target) > _MAX_TARGET_LENGTH:
            raise BadArgument(
                f"the API server {self._sender.host} cannot be sent this request: its arguments are too long"
            )
        return target


def _query(params: Mapping[str, str]) -> str:
    """The parameters of a URL; ``urlencode`` if characters need escapes."""
    if all(map(is_unreserved, params.values())) and all(map(is_unreserved, params)):
        return "&".join([f"{name}={value}" for name, value in params.items()])
    return urlencode(params)
