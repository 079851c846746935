"""The identity modes: from the head of a request to the client that acts as its caller.

The third mode is :mod:`gateway.identity.impersonate`. To add a mode: a member of
:class:`gateway.settings.Auth`, a class here, and its case in :func:`gateway.identity.build.identity_for`,
which mypy demands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.errors import CallerUnauthenticated, CredentialsError
from gateway.identity.bearer import bearer_token, bearer_token_from_params, unverified_expiry
from gateway.identity.caller import Caller, RequestHead
from gateway.identity.certificates import Authorities
from gateway.identity.origin import NO_ORIGINS, Origins, check_local_request, check_same_origin
from gateway.identity.reserved_headers import (
    DEFAULT_PROXY_HEADERS,
    ProxyHeaders,
    refuse_asserted_identity,
    refuse_identity_in_params,
)
from gateway.kube.client import KubeClient

__all__ = ["Identity", "Local", "Passthrough"]


class Identity(Protocol):
    """One identity mode."""

    @property
    def client(self) -> KubeClient:
        """The client that acts as the gateway itself."""

    @property
    def proxy_headers(self) -> ProxyHeaders:
        """The headers by which a front proxy names the user."""

    @property
    def client_authorities(self) -> Sequence[Authorities]:
        """The authorities of client certificates; empty if a certificate has no meaning."""

    def check(self, head: RequestHead) -> None:
        """Raise CallerRefused for a request that must get no answer at all, not even a static file."""

    async def authenticate(self, head: RequestHead) -> Caller:
        """The sender of the request. Raises CallerUnauthenticated or CallerRefused."""

    async def authenticate_connection(self, head: RequestHead, params: Mapping[str, Any] | None) -> Caller:
        """As :meth:`authenticate`, from a websocket's handshake and its ``connection_init`` payload."""


@dataclass(frozen=True, slots=True)
class Local:
    """Every request from this machine acts as the kubeconfig's identity, as with ``kubectl proxy``."""

    client: KubeClient
    proxy_headers: ProxyHeaders = DEFAULT_PROXY_HEADERS
    client_authorities: Sequence[Authorities] = ()
    origins: Origins = NO_ORIGINS

    def check(self, head: RequestHead) -> None:
        refuse_asserted_identity(head)
        check_local_request(head.headers, self.origins)

    async def authenticate(self, head: RequestHead) -> Caller:
        self.check(head)
        return Caller(self.client)

    async def authenticate_connection(self, head: RequestHead, params: Mapping[str, Any] | None) -> Caller:
        refuse_identity_in_params(params)
        return await self.authenticate(head)


@dataclass(frozen=True, slots=True)
class Passthrough:
    """Each caller acts with its own bearer token and nothing else; ``client`` only names the cluster."""

    client: KubeClient
    proxy_headers: ProxyHeaders = DEFAULT_PROXY_HEADERS
    client_authorities: Sequence[Authorities] = ()
    origins: Origins = NO_ORIGINS

    def check(self, head: RequestHead) -> None:
        """Refuses no origin of an HTTP request: the browser sends no token by itself."""
        refuse_asserted_identity(head)

    async def authenticate(self, head: RequestHead) -> Caller:
        return self._as(bearer_token(head.headers))

    async def authenticate_connection(self, head: RequestHead, params: Mapping[str, Any] | None) -> Caller:
        refuse_identity_in_params(params)
        # a page can forge no header of the handshake
        check_same_origin(head.headers, head.headers.get("x-forwarded-host", ""), self.origins)
        return self._as(bearer_token_from_params(params) or bearer_token(head.headers))

    def _as(self, token: str | None) -> Caller:
        if token is None:
            raise CallerUnauthenticated("this gateway needs a bearer token: Authorization: Bearer …")
        try:
            return Caller(self.client.as_bearer(token), unverified_expiry(token))
        except CredentialsError as error:
            raise CallerUnauthenticated("the bearer token is malformed") from error
