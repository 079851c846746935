"""The identity modes: from a request's headers to the client that acts as its caller.

To add a mode: a member of :class:`gateway.settings.Auth`, a class here, and its case in :func:`identity_for`,
which mypy demands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

from gateway.errors import CallerUnauthenticated, CredentialsError
from gateway.identity.bearer import bearer_token, bearer_token_from_params
from gateway.identity.origin import check_local_request
from gateway.kube.client import KubeClient
from gateway.settings import Auth

__all__ = ["Identity", "Local", "Passthrough", "identity_for"]


class Identity(Protocol):
    """One identity mode. Header names are lower case; repeated headers are joined with a comma."""

    @property
    def client(self) -> KubeClient:
        """The client that acts as the gateway itself."""

    def check(self, headers: Mapping[str, str]) -> None:
        """Raise CallerRefused for a request that must get no answer at all, not even a static file."""

    def authenticate(self, headers: Mapping[str, str]) -> KubeClient:
        """The client that acts as the sender of the request. Raises CallerUnauthenticated."""

    def authenticate_connection(
        self, headers: Mapping[str, str], params: Mapping[str, Any] | None
    ) -> KubeClient:
        """As :meth:`authenticate`, from a websocket's handshake and its ``connection_init`` payload."""


@dataclass(frozen=True, slots=True)
class Local:
    """Every request from this machine acts as the kubeconfig's identity, as with ``kubectl proxy``."""

    client: KubeClient

    def check(self, headers: Mapping[str, str]) -> None:
        check_local_request(headers)

    def authenticate(self, headers: Mapping[str, str]) -> KubeClient:
        check_local_request(headers)
        return self.client

    def authenticate_connection(
        self, headers: Mapping[str, str], params: Mapping[str, Any] | None
    ) -> KubeClient:
        del params
        return self.authenticate(headers)


@dataclass(frozen=True, slots=True)
class Passthrough:
    """Each caller acts with its own bearer token and nothing else; ``client`` only names the cluster."""

    client: KubeClient

    def check(self, headers: Mapping[str, str]) -> None:
        """Refuses nothing: a page of another origin has no token to send."""

    def authenticate(self, headers: Mapping[str, str]) -> KubeClient:
        return self._as(bearer_token(headers))

    def authenticate_connection(
        self, headers: Mapping[str, str], params: Mapping[str, Any] | None
    ) -> KubeClient:
        return self._as(bearer_token_from_params(params) or bearer_token(headers))

    def _as(self, token: str | None) -> KubeClient:
        if token is None:
            raise CallerUnauthenticated("this gateway needs a bearer token: Authorization: Bearer …")
        try:
            return self.client.as_bearer(token)
        except CredentialsError as error:
            raise CallerUnauthenticated("the bearer token is malformed") from error


def identity_for(mode: Auth, client: KubeClient) -> Identity:
    """The identity of that mode over the gateway's own client."""
    match mode:
        case Auth.LOCAL:
            return Local(client)
        case Auth.PASSTHROUGH:
            return Passthrough(client)
        case _:
            assert_never(mode)
