"""``impersonate``: the gateway's own identity with ``Impersonate-*`` headers that name the caller.

The caller is, in this order (kube-apiserver's): the user that the front proxy names, the subject of a client
certificate, the user of an ID token. A request without one of them is refused; none is ever sent upstream
with the gateway's identity alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.errors import CallerUnauthenticated, CredentialsError
from gateway.identity.bearer import bearer_token, bearer_token_from_params
from gateway.identity.caller import Caller, RequestHead
from gateway.identity.certificates import Authorities
from gateway.identity.front_proxy import FrontProxy
from gateway.identity.origin import NO_ORIGINS, Origins, check_same_origin
from gateway.identity.reserved_headers import (
    ProxyHeaders,
    refuse_asserted_identity,
    refuse_identity_in_params,
    refuse_impersonation,
)
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import Impersonation

if TYPE_CHECKING:
    from gateway.identity.id_tokens import IDTokens

__all__ = ["Impersonate"]


@dataclass(frozen=True, slots=True)
class Impersonate:
    """Each caller acts by impersonation; ``client`` acts as the gateway, which may impersonate.

    ``users`` are the authorities of client certificates that name users.
    """

    client: KubeClient
    proxy: FrontProxy = FrontProxy()  # noqa: RUF009 (frozen)
    users: Authorities | None = None
    id_tokens: "IDTokens | None" = None
    origins: Origins = NO_ORIGINS

    @property
    def proxy_headers(self) -> ProxyHeaders:
        return self.proxy.headers

    @property
    def client_authorities(self) -> Sequence[Authorities]:
        return [item for item in (self.proxy.authorities, self.users) if item is not None]

    def check(self, head: RequestHead) -> None:
        refuse_impersonation(head)
        if not self.proxy.sent(head):
            refuse_asserted_identity(head, self.proxy_headers)

    async def authenticate(self, head: RequestHead) -> Caller:
        user = self._user_of(head)
        if user is not None:
            return self._as(user)
        return await self._bearer(head, bearer_token(head.headers))

    async def authenticate_connection(self, head: RequestHead, params: Mapping[str, Any] | None) -> Caller:
        refuse_identity_in_params(params, self.proxy_headers)
        forwarded = head.headers.get("x-forwarded-host", "") if self.proxy.sent(head) else ""
        check_same_origin(head.headers, forwarded, self.origins)
        user = self._user_of(head)
        if user is None:
            return await self._bearer(head, bearer_token_from_params(params) or bearer_token(head.headers))
        return self._as(user)

    def _user_of(self, head: RequestHead) -> Impersonation | None:
        """The user that the request's headers or its certificate name."""
        self.check(head)
        user = self.proxy.user(head) if self.proxy.sent(head) else None
        return user or self._subject(head)

    def _subject(self, head: RequestHead) -> Impersonation | None:
        """The user that a client certificate names: common name and organizations (Kubernetes, "X.509")."""
        certificate = head.certificate
        if certificate is None or self.users is None or not self.users.issued(certificate):
            return None
        if not certificate.common_name:
            raise CallerUnauthenticated("the client certificate has no common name")
        return Impersonation(
            certificate.common_name, groups=tuple(item for item in certificate.organizations if item)
        )

    async def _bearer(self, head: RequestHead, token: str | None) -> Caller:
        if token is None or self.id_tokens is None:
            raise CallerUnauthenticated(self._missing(head))
        valid = await self.id_tokens.validate(token)
        return self._as(valid.user, valid.expires_at)

    def _missing(self, head: RequestHead) -> str:
        if self.proxy.sent(head):
            return f"the front proxy names no user: {', '.join(self.proxy_headers.user)} is missing"
        if self.id_tokens is not None:
            return "this gateway needs an ID token: Authorization: Bearer …"
        return "this gateway does not know the user of this request"

    def _as(self, user: Impersonation, expires_at: float | None = None) -> Caller:
        try:
            return Caller(self.client.as_user(user), expires_at)
        except CredentialsError as error:
            raise CallerUnauthenticated(error.message) from error
