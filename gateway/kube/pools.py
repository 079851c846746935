"""Connection pools for one API server: one per client certificate, and one without for bearer tokens.

A pool is a *transport*: it has no cookies, redirects or ``.netrc``, so no state of one caller's request
reaches another caller's.
"""

import httpx

from gateway.errors import ConfigurationError, UpstreamUnavailable
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.kube.config.credentials import ClientCertificate, cluster_fingerprint
from gateway.kube.direct_transport import DirectTransport
from gateway.kube.proxied_transport import ProxiedTransport
from gateway.kube.proxy import proxy_from_environment, validate_proxy
from gateway.kube.tls import plain_context, proxy_context, server_context
from gateway.kube.transport import Transport

__all__ = ["Lease", "Pools"]


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

    def own(self, certificate: ClientCertificate | None) -> "Lease":
        """A transport that authenticates as the configured user. Raises UpstreamUnavailable once closed."""
        return self._lease(self._own_pool(certificate))

    def bearer(self) -> "Lease":
        """A transport without a client certificate, for requests with a caller's token.

        Raises UpstreamUnavailable once closed.
        """
        if self._bearer is None:
            self._bearer = self._new_pool(None)
        return self._lease(self._bearer)

    @property
    def is_proxied(self) -> bool:
        """Whether the transports are httpx's, whose clean-up asyncio's cancellation can interrupt."""
        return self._proxy is not None

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

    def _lease(self, pool: _Pool) -> "Lease":
        if self._closed:
            raise UpstreamUnavailable("the connection to the API server was closed: the gateway is stopping")
        return Lease(self, pool)

    async def close_unused(self) -> None:
        """Close the pools of previous certificates that have no request in flight any more."""
        for pool in [pool for pool in self._retired if not pool.leases]:
            self._retired.discard(pool)
            await pool.transport.aclose()

    def _new_pool(self, certificate: ClientCertificate | None) -> _Pool:
        url = httpx.URL(self.config.server)
        context = server_context(self.config.tls, certificate) if url.scheme == "https" else None
        if self._proxy is None:
            return _Pool(DirectTransport(url, context), certificate)
        return _Pool(ProxiedTransport(url, context or plain_context(), self._proxy), certificate)


class Lease:
    """The use of a pool's ``transport`` by one request, until :meth:`end`."""

    __slots__ = ("_pool", "_pools", "transport")

    def __init__(self, pools: Pools, pool: _Pool) -> None:
        self._pools = pools
        self._pool = pool
        self.transport = pool.transport
        pool.leases += 1

    async def end(self) -> None:
        self._pool.leases -= 1
        await self._pools.close_unused()


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
