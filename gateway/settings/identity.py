"""Settings of the identity: its mode, and the proofs of a caller's identity in ``impersonate``."""

import re
from dataclasses import dataclass
from enum import StrEnum

from gateway.errors import ConfigurationError
from gateway.settings.setting import SERVE, option, setting, settings_of, split_list

__all__ = ["Auth", "IdentitySettings", "SchemaAccess"]

_HEADER = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
_PROXY_NAMES = (
    "proxy_username_headers",
    "proxy_uid_headers",
    "proxy_group_headers",
    "proxy_extra_headers_prefix",
)
_OIDC_ALGORITHM = re.compile(r"[REP]S(256|384|512)", re.ASCII)


class Auth(StrEnum):
    """The identity of upstream requests.

    The kubeconfig's (``local``), the caller's token's (``passthrough``), or the caller's by impersonation
    with the gateway's own credentials (``impersonate``).
    """

    LOCAL = "local"
    PASSTHROUGH = "passthrough"
    IMPERSONATE = "impersonate"


class SchemaAccess(StrEnum):
    """Which callers may introspect the schema: all callers, callers that may read discovery, or no caller."""

    ON = "on"
    AUTHENTICATED = "authenticated"
    OFF = "off"


@dataclass(frozen=True)
class IdentitySettings:
    """The identity of upstream requests, and access to the schema."""

    auth: str | None = setting(
        None,
        "Identity of upstream requests: the kubeconfig's (`local`), the caller's token's (`passthrough`), or "
        "that of a user whom a front proxy, a client certificate or an ID token names (`impersonate`).",
        SERVE,
        choices=tuple(Auth),
        default_words="`local` on a loopback host, else `passthrough`",
    )
    introspection: str = setting(
        SchemaAccess.AUTHENTICATED.value,
        "Who may introspect the schema: every client without credentials (`on`), callers that the API server "
        "lets read `/openapi/v3` (`authenticated`), no caller (`off`).",
        SERVE,
        choices=tuple(SchemaAccess),
    )
    proxy_client_ca: str | None = setting(
        None,
        "Authorities in PEM: a client with a certificate of theirs is the front proxy, which names the user "
        "in headers. Needs `--tls-cert`.",
        SERVE,
        metavar="FILE",
        default_words="none",
    )
    proxy_allowed_names: tuple[str, ...] = setting(
        (),
        "Common names that the front proxy's certificate may have.",
        SERVE,
        metavar="NAME,…",
        default_words="any",
    )
    proxy_secret_file: str | None = setting(
        None,
        "File with a secret of 16 characters or more: a client that sends it as `Authorization: Bearer` is "
        "the front proxy.",
        SERVE,
        metavar="FILE",
        default_words="none",
    )
    proxy_username_headers: tuple[str, ...] = setting(
        ("X-Remote-User",),
        "Headers in which the front proxy names the user; the first one with a value counts.",
        SERVE,
        metavar="HEADER,…",
        default_words="`X-Remote-User`",
    )
    proxy_uid_headers: tuple[str, ...] = setting(
        ("X-Remote-Uid",),
        "Headers with the user's UID.",
        SERVE,
        metavar="HEADER,…",
        default_words="`X-Remote-Uid`",
    )
    proxy_group_headers: tuple[str, ...] = setting(
        ("X-Remote-Group",),
        "Headers with the user's groups, one in each.",
        SERVE,
        metavar="HEADER,…",
        default_words="`X-Remote-Group`",
    )
    proxy_extra_headers_prefix: tuple[str, ...] = setting(
        ("X-Remote-Extra-",),
        "Prefixes of headers with the user's extras.",
        SERVE,
        metavar="PREFIX,…",
        default_words="`X-Remote-Extra-`",
    )
    client_ca: str | None = setting(
        None,
        "Authorities in PEM: a client certificate of theirs names the user (common name) and the groups "
        "(organizations). Needs `--tls-cert`.",
        SERVE,
        metavar="FILE",
        default_words="none",
    )
    oidc_issuer: str | None = setting(
        None,
        "URL of an OpenID Connect issuer, https only: its ID tokens name the user.",
        SERVE,
        metavar="URL",
        default_words="none",
    )
    oidc_client_id: str | None = setting(
        None, "Audience that ID tokens must have.", SERVE, metavar="ID", default_words="none"
    )
    oidc_username_claim: str = setting("sub", "Claim with the user's name.", SERVE, metavar="CLAIM")
    oidc_username_prefix: str | None = setting(
        None,
        "Prefix of user names; `-` for none.",
        SERVE,
        metavar="PREFIX",
        default_words="the issuer and `#`; none if the claim is `email`",
    )
    oidc_groups_claim: str | None = setting(
        None,
        "Claim with the user's groups: a string, or a list of strings.",
        SERVE,
        metavar="CLAIM",
        default_words="no groups",
    )
    oidc_groups_prefix: str | None = setting(
        None, "Prefix of group names.", SERVE, metavar="PREFIX", default_words="none"
    )
    oidc_required_claim: tuple[str, ...] = setting(
        (),
        "Claims that ID tokens must have, each with its value.",
        SERVE,
        metavar="CLAIM=VALUE,…",
        default_words="none",
    )
    oidc_signing_algs: tuple[str, ...] = setting(
        ("RS256",),
        "Signature algorithms that ID tokens may have: `RS`, `ES` or `PS` with `256`, `384` or `512`.",
        SERVE,
        metavar="NAME,…",
        default_words="`RS256`",
    )
    oidc_ca: str | None = setting(
        None,
        "Authorities in PEM of the issuer's certificate.",
        SERVE,
        metavar="FILE",
        default_words="the system's",
    )

    def check_identity(self, auth: Auth, *, tls: bool) -> None:
        """Raise ConfigurationError for contradictions to the mode; ``tls`` is whether HTTPS is served."""
        if auth is not Auth.IMPERSONATE:
            self._check_unused(auth)
            return
        if not (self.proxy_client_ca or self.proxy_secret_file or self.client_ca or self.oidc_issuer):
            raise ConfigurationError(
                "--auth impersonate needs a proof of the caller: a front proxy's (--proxy-client-ca or "
                "--proxy-secret-file), a client certificate (--client-ca) or an ID token (--oidc-issuer)"
            )
        for name in ("proxy_client_ca", "client_ca"):
            if getattr(self, name) and not tls:
                raise ConfigurationError(f"{option(name)} needs --tls-cert and --tls-key")
        if self.proxy_allowed_names and not self.proxy_client_ca:
            raise ConfigurationError("--proxy-allowed-names needs --proxy-client-ca")
        for name in _PROXY_NAMES:
            for header in split_list(getattr(self, name)):
                if not _HEADER.fullmatch(header):
                    raise ConfigurationError(f"{option(name)}: {header!r} is not the name of a header")
        self._check_oidc()

    def _check_oidc(self) -> None:
        if bool(self.oidc_issuer) != bool(self.oidc_client_id):
            raise ConfigurationError("--oidc-issuer and --oidc-client-id are needed together")
        if self.oidc_issuer and not self.oidc_issuer.startswith("https://"):
            raise ConfigurationError("--oidc-issuer has to be an https URL")
        for name in split_list(self.oidc_signing_algs):
            if not _OIDC_ALGORITHM.fullmatch(name):
                raise ConfigurationError(f"--oidc-signing-algs: {name!r} is not one of RS256 … PS512")
        self.required_claims()

    def _check_unused(self, auth: Auth) -> None:
        for declared in settings_of(IdentitySettings):
            used = getattr(self, declared.name) != declared.default
            if used and declared.name.startswith(("proxy_", "oidc_", "client_ca")):
                raise ConfigurationError(
                    f"{declared.option} works with --auth impersonate only, not with --auth {auth}"
                )

    def required_claims(self) -> tuple[tuple[str, str], ...]:
        """``--oidc-required-claim`` as names and values. Raises ConfigurationError."""
        claims = []
        for text in split_list(self.oidc_required_claim):
            name, separator, value = text.partition("=")
            if not separator or not name:
                raise ConfigurationError(f"--oidc-required-claim: {text!r} is not CLAIM=VALUE")
            claims.append((name, value))
        return tuple(claims)
