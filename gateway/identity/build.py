"""The identity mode of a gateway, from its settings."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from gateway.errors import ConfigurationError
from gateway.identity.certificates import Authorities
from gateway.identity.front_proxy import FrontProxy, secret_file
from gateway.identity.impersonate import Impersonate
from gateway.identity.modes import Identity, Local, Passthrough
from gateway.identity.origin import Origins
from gateway.identity.reserved_headers import ProxyHeaders
from gateway.kube.client import KubeClient
from gateway.kube.issuer import fetch_signing_keys
from gateway.settings import Auth, Settings, split_list

if TYPE_CHECKING:
    from gateway.identity.id_tokens import IDTokens

__all__ = ["identity_for"]


def identity_for(mode: Auth, client: KubeClient, settings: Settings | None = None) -> Identity:
    """The identity of that mode over the gateway's own client.

    Raises ConfigurationError for a missing or unusable file.
    """
    origins = Origins(split_list(settings.cors_origins) if settings else ())
    match mode:
        case Auth.LOCAL:
            return Local(client, origins=origins)
        case Auth.PASSTHROUGH:
            return Passthrough(client, origins=origins)
        case Auth.IMPERSONATE:
            return _impersonate(client, settings or Settings(), origins)
        case _:
            assert_never(mode)


def _impersonate(client: KubeClient, settings: Settings, origins: Origins) -> Impersonate:
    if client.config.user.impersonation is not None:
        raise ConfigurationError(
            "--auth impersonate needs a kubeconfig user that does not impersonate itself (as, as-groups)"
        )
    identity = Impersonate(
        client,
        proxy=FrontProxy(
            authorities=Authorities(settings.proxy_client_ca) if settings.proxy_client_ca else None,
            allowed_names=split_list(settings.proxy_allowed_names),
            secret=secret_file(settings.proxy_secret_file) if settings.proxy_secret_file else None,
            headers=ProxyHeaders(
                user=tuple(_lower(settings.proxy_username_headers)),
                uid=tuple(_lower(settings.proxy_uid_headers)),
                group=tuple(_lower(settings.proxy_group_headers)),
                extra_prefixes=tuple(_lower(settings.proxy_extra_headers_prefix)),
            ),
        ),
        users=Authorities(settings.client_ca) if settings.client_ca else None,
        id_tokens=_id_tokens(settings) if settings.oidc_issuer else None,
        origins=origins,
    )
    _expect_separate(identity)
    return identity


def _expect_separate(identity: Impersonate) -> None:
    proxy, users = identity.proxy.authorities, identity.users
    if proxy is not None and users is not None and proxy.certificates & users.certificates:
        raise ConfigurationError(
            f"{proxy.path} and {users.path} share an authority: "
            "a user with a certificate of it could pass for the front proxy"
        )


def _id_tokens(settings: Settings) -> "IDTokens":
    # joserfc and cryptography cost 0.2 s of start-up
    from gateway.identity.id_tokens import Claims, IDTokens  # noqa: PLC0415
    from gateway.identity.signing_keys import SigningKeys  # noqa: PLC0415

    issuer, ca = settings.oidc_issuer or "", _read(settings.oidc_ca)
    prefix = settings.oidc_username_prefix
    claims = Claims(
        issuer=issuer,
        client_id=settings.oidc_client_id or "",
        username=settings.oidc_username_claim,
        username_prefix="" if prefix == "-" else prefix or None,
        groups=settings.oidc_groups_claim or "",
        groups_prefix=settings.oidc_groups_prefix or "",
        required=settings.required_claims(),
        algorithms=split_list(settings.oidc_signing_algs),
    )
    return IDTokens(claims, SigningKeys(lambda: fetch_signing_keys(issuer, ca)))


def _lower(names: tuple[str, ...]) -> Iterator[str]:
    return (name.lower() for name in split_list(names))


def _read(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror or error}") from error
