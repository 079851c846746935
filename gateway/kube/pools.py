"""Connections to one API server: one pool per client certificate, and one without any for bearer tokens.

These are httpx *transports*: no cookies, no redirects, no ``.netrc``, nothing that could carry something from
one caller's request into another's.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec

import httpx

from gateway.errors import ConfigurationError, UpstreamUnavailable
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.kube.config.credentials import ClientCertificate
from gateway.kube.fingerprint import cluster_fingerprint
from gateway.kube.proxy import proxy_from_environment, validate_proxy
from gateway.kube.tls import plain_context, proxy_context, server_context

__all__ = ["Pools"]

LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=60.0)
"""No limit on connections: every watch holds one of its own (HTTP/1.1)."""


class Pool:
    """A transport that knows when its last request is over."""

    def __init__(self, transport: httpx.AsyncHTTPTransport, certificate: ClientCertificate | None) -> None:
        self.transport = transport
        self.certificate = certificate
        self.leases = 0
        self.retired = False


class Pools:
    """All connections to one API server.

    A new client certificate gets a new pool; the one before it is closed after its last request.
    """

    def __init__(self, config: ClusterConfig) -> None:
        self.config = config
        self.fingerprint = cluster_fingerprint(config)
        self._proxy = proxy_of(config)
        self._own: Pool | None = None
        self._bearer: Pool | None = None
        self._retired: set[Pool] = set()
        self._closed = False

    def prepare(self, certificate: ClientCertificate | None) -> None:
        """Make the pool for that certificate now, so that what is wrong with it is known at once."""
        self._own_pool(certificate)

    @asynccontextmanager
    async def own(self, certificate: ClientCertificate | None) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        """Connections as the configured user."""
        async with self._lease(self._own_pool(certificate)) as transport:
            yield transport

    @asynccontextmanager
    async def bearer(self) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        """Connections that show no client certificate, for requests with somebody's token."""
        if self._bearer is None:
            self._bearer = self._new_pool(None)
        async with self._lease(self._bearer) as transport:
            yield transport

    @property
    def leases(self) -> int:
        """Requests whose answer is not read to its end, watches among them."""
        return sum(pool.leases for pool in (self._own, self._bearer, *self._retired) if pool is not None)

    async def aclose(self) -> None:
        """Close every connection, those in use included."""
        self._closed = True
        for pool in (self._own, self._bearer, *self._retired):
            if pool is not None:
                await pool.transport.aclose()
        self._own = self._bearer = None
        self._retired.clear()

    def _own_pool(self, certificate: ClientCertificate | None) -> Pool:
        pool = self._own
        if pool is None or pool.certificate != certificate:
            self._own = self._new_pool(certificate)
            if pool is not None:
                pool.retired = True
                self._retired.add(pool)
            return self._own
        return pool

    @asynccontextmanager
    async def _lease(self, pool: Pool) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        if self._closed:
            raise UpstreamUnavailable("the connection to the API server was closed: the gateway is stopping")
        pool.leases += 1
        try:
            yield pool.transport
        finally:
            pool.leases -= 1
            await self._close_unused()

    async def _close_unused(self) -> None:
        for pool in [each for each in self._retired if not each.leases]:
            self._retired.discard(pool)
            await pool.transport.aclose()

    def _new_pool(self, certificate: ClientCertificate | None) -> Pool:
        secure = self.config.server.startswith("https:")
        transport = httpx.AsyncHTTPTransport(
            verify=server_context(self.config.tls, certificate) if secure else plain_context(),
            trust_env=False,
            http1=True,
            http2=False,
            limits=LIMITS,
            proxy=self._proxy,
        )
        return Pool(transport, certificate)


def proxy_of(config: ClusterConfig) -> httpx.Proxy | None:
    """The proxy of the kubeconfig, else of the environment. Raises ConfigurationError."""
    if config.proxy_url:
        url: str | None = validate_proxy(config.proxy_url, f"proxy-url of cluster {config.cluster!r}")
    else:
        url = proxy_from_environment(config.server)
    if url is None:
        return None
    if url.startswith("socks5") and find_spec("socksio") is None:
        raise ConfigurationError("a SOCKS proxy needs one more package: pip install 'httpx[socks]'")
    try:
        return httpx.Proxy(url, ssl_context=proxy_context(config.tls) if url.startswith("https:") else None)
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"the proxy's URL cannot be used: {error}") from error
