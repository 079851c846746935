"""The identity modes: from a request's headers to the client that acts as its caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.errors import CallerUnauthenticated, CredentialsError
from gateway.identity.bearer import bearer_token, bearer_token_from_params
from gateway.identity.origin import check_local_request
from gateway.kube.client import KubeClient

__all__ = ["Identity", "Local", "Passthrough"]


class Identity(Protocol):
    """One identity mode. Header names are lower case; repeated headers are joined with a comma."""

    @property
    def client(self) -> KubeClient:
        """The cluster, whoever asks; as the gateway itself."""

    def check(self, headers: Mapping[str, str]) -> None:
        """Raise CallerRefused where nothing at all may be answered, static files included."""

    def authenticate(self, headers: Mapping[str, str]) -> KubeClient:
        """The client that acts as the sender of this request; raises CallerUnauthenticated."""

    def authenticate_connection(
        self, headers: Mapping[str, str], params: Mapping[str, Any] | None
    ) -> KubeClient:
        """The same for a websocket, from its handshake's headers and its ``connection_init`` payload."""


@dataclass(frozen=True, slots=True)
class Local:
    """Everybody on this machine acts with the kubeconfig's identity, as with ``kubectl proxy``."""

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
    """Callers act with their own bearer token and nothing else; ``client`` only says which cluster."""

    client: KubeClient

    def check(self, headers: Mapping[str, str]) -> None:
        """Nothing to refuse: a page from elsewhere has no token to send along."""

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
