"""Connection pools for one API server: one per client certificate, and one without for bearer tokens.

A pool is a *transport*: it has no cookies, redirects or ``.netrc``, so no state of one caller's request
reaches another caller's.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from gateway.errors import ConfigurationError, UpstreamUnavailable
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.kube.config.credentials import ClientCertificate, cluster_fingerprint
from gateway.kube.direct_transport import DirectTransport
from gateway.kube.proxied_transport import ProxiedTransport
from gateway.kube.proxy import proxy_from_environment, validate_proxy
from gateway.kube.tls import plain_context, proxy_context, server_context
from gateway.kube.transport import Transport

__all__ = ["Pools"]


class _Pool:
    """A transport and the number of its requests in flight."""

    def __init__(self, transport: Transport, certificate: ClientCertificate | None) -> None:
        self.transport = transport
        self.certificate = certificate
        self.leases = 0
        self.retired = False


class Pools:
    """All connections to one API server.

    A new client certificate gets a new pool; the previous pool is closed after its last request.
    """

    def __init__(self, config: ClusterConfig, *, redacts: bool = False) -> None:
        """``redacts`` is for the clients of these pools: mask the values of Secrets in responses."""
        self.config = config
        self.redacts = redacts
        self.fingerprint = cluster_fingerprint(config)
        self.base_path = httpx.URL(config.server).raw_path.decode("ascii").partition("?")[0].rstrip("/")
        self._proxy = _proxy_of(config)
        self._own: _Pool | None = None
        self._bearer: _Pool | None = None
        self._retired: set[_Pool] = set()
        self._closed = False

    def prepare(self, certificate: ClientCertificate | None) -> None:
        """Build the pool for ``certificate`` now: an unusable certificate raises CredentialsError here."""
        self._own_pool(certificate)

    @asynccontextmanager
    async def own(self, certificate: ClientCertificate | None) -> AsyncIterator[Transport]:
        """A transport that authenticates as the configured user."""
        async with self._lease(self._own_pool(certificate)) as transport:
            yield transport

    @asynccontextmanager
    async def bearer(self) -> AsyncIterator[Transport]:
        """A transport without a client certificate, for requests with a caller's token."""
        if self._bearer is None:
            self._bearer = self._new_pool(None)
        async with self._lease(self._bearer) as transport:
            yield transport

    @property
    def leases(self) -> int:
        """Requests in flight; a watch counts until it is closed."""
        return sum(pool.leases for pool in (self._own, self._bearer, *self._retired) if pool is not None)

    async def aclose(self) -> None:
        """Close every connection, including connections in use."""
        self._closed = True
        for pool in (self._own, self._bearer, *self._retired):
            if pool is not None:
                await pool.transport.aclose()
        self._own = self._bearer = None
        self._retired.clear()

    def _own_pool(self, certificate: ClientCertificate | None) -> _Pool:
        pool = self._own
        if pool is None or pool.certificate != certificate:
            self._own = self._new_pool(certificate)
            if pool is not None:
                pool.retired = True
                self._retired.add(pool)
            return self._own
        return pool

    @asynccontextmanager
    async def _lease(self, pool: _Pool) -> AsyncIterator[Transport]:
        if self._closed:
            raise UpstreamUnavailable("the connection to the API server was closed: the gateway is stopping")
        pool.leases += 1
        try:
            yield pool.transport
        finally:
            pool.leases -= 1
            await self._close_unused()

    async def _close_unused(self) -> None:
        for pool in [pool for pool in self._retired if not pool.leases]:
            self._retired.discard(pool)
            await pool.transport.aclose()

    def _new_pool(self, certificate: ClientCertificate | None) -> _Pool:
        url = httpx.URL(self.config.server)
        context = server_context(self.config.tls, certificate) if url.scheme == "https" else None
        if self._proxy is None:
            return _Pool(DirectTransport(url, context), certificate)
        return _Pool(ProxiedTransport(url, context or plain_context(), self._proxy), certificate)


def _proxy_of(config: ClusterConfig) -> httpx.Proxy | None:
    """The kubeconfig's proxy, else the environment's. Raises ConfigurationError."""
    if config.proxy_url:
        url: str | None = validate_proxy(config.proxy_url, f"proxy-url of cluster {config.cluster!r}")
    else:
        url = proxy_from_environment(config.server)
    if url is None:
        return None
    try:
        return httpx.Proxy(url, ssl_context=proxy_context(config.tls) if url.startswith("https:") else None)
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"the proxy's URL cannot be used: {error}") from error
