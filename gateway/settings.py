"""All settings: name, type, default and description.

The command line's options, the environment variables (``KUBE_GRAPHQL_PORT=…``) and the documentation's table
are generated from :class:`Settings`. ``python -m gateway.settings`` prints the table.
"""

import ipaddress
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, get_origin

from gateway.errors import ConfigurationError

__all__ = [
    "ENVIRONMENT_PREFIX",
    "Auth",
    "SchemaAccess",
    "Setting",
    "Settings",
    "is_loopback",
    "settings",
    "settings_table",
    "split_list",
]

ENVIRONMENT_PREFIX = "KUBE_GRAPHQL_"


class Auth(StrEnum):
    """The identity of upstream requests.

    The kubeconfig's (``local``), the caller's token's (``passthrough``), or the caller's by impersonation
    with the gateway's own credentials (``impersonate``).
    """

    LOCAL = "local"
    PASSTHROUGH = "passthrough"
    IMPERSONATE = "impersonate"


class SchemaAccess(StrEnum):
    """The callers that get answers about the schema: all, those that may read discovery, or none."""

    ON = "on"
    AUTHENTICATED = "authenticated"
    OFF = "off"


_LOG_LEVELS = ("debug", "info", "warning", "error")
_OUTPUTS = ("json", "yaml")
_EVERYWHERE = ("serve", "schema", "query")
_IMPERSONATE = ("serve",)
_HEADER = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
_PROXY_NAMES = (
    "proxy_username_headers",
    "proxy_uid_headers",
    "proxy_group_headers",
    "proxy_extra_headers_prefix",
)
_OIDC_ALGORITHM = re.compile(r"[REP]S(256|384|512)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, as the command line and the documentation show it.

    ``type`` is ``str``, ``int``, ``float`` or ``bool``, or ``tuple`` for a repeatable option; ``commands``
    are the commands with this option; ``default_words`` describes a default that its value does not explain.
    """

    name: str
    type: type
    default: Any
    help: str
    commands: tuple[str, ...]
    metavar: str = ""
    choices: tuple[str, ...] = ()
    default_words: str = ""

    @property
    def option(self) -> str:
        return _option(self.name)

    @property
    def variable(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper()


def _setting(default: Any, text: str, commands: tuple[str, ...] = _EVERYWHERE, **more: Any) -> Any:
    return field(default=default, metadata={"help": text, "commands": commands, **more})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process; :meth:`resolved_auth` or kubectl's rules choose a value for None."""

    kubeconfig: str | None = _setting(
        None,
        "Kubeconfig file to use.",
        metavar="FILE",
        default_words="`$KUBECONFIG`, else `~/.kube/config`, else the pod's service account",
    )
    context: str | None = _setting(
        None,
        "Context of the kubeconfig to use.",
        metavar="NAME",
        default_words="the kubeconfig's current context",
    )
    demo: bool = _setting(False, "Serve an embedded demo cluster instead of a real one.", default_words="off")
    log_level: str = _setting(
        "info",
        "Log level on stderr; `debug` also logs the durations of the start-up phases.",
        choices=_LOG_LEVELS,
    )
    access_log: str | None = _setting(
        None,
        "File for one JSON line per operation; `-` is stdout.",
        ("serve",),
        metavar="FILE",
        default_words="none",
    )
    audit_log: str | None = _setting(
        None,
        "File for one JSON line per mutation; `-` is stdout.",
        ("serve",),
        metavar="FILE",
        default_words="none",
    )
    include: tuple[str, ...] = _setting(
        (),
        "Serve only these: `RESOURCE[.GROUP][/SUBRESOURCE][:VERB+…]`, such as `*:get+list+watch`.",
        metavar="PATTERN,…",
        default_words="everything",
    )
    exclude: tuple[str, ...] = _setting(
        (), "Do not serve these, such as `secrets`.", metavar="PATTERN,…", default_words="nothing"
    )
    groups: tuple[str, ...] = _setting(
        (),
        "Print only these API groups, such as `core` or `*.k8s.io`.",
        ("schema",),
        metavar="GROUP,…",
        default_words="all",
    )
    kinds: tuple[str, ...] = _setting(
        (),
        "Print only these kinds, such as `Deployment` or `Certificate.cert-manager.io`.",
        ("schema",),
        metavar="KIND,…",
        default_words="all",
    )
    names: bool = _setting(
        False,
        "Print the names of the root fields instead: which resource has which short and pinned name.",
        ("schema",),
        default_words="off",
    )
    redact: bool = _setting(
        False,
        "Mask the values of Secrets, and their copies by `kubectl apply`, in every answer.",
        ("serve", "query"),
        default_words="off",
    )
    host: str = _setting("127.0.0.1", "Address to listen on.", ("serve",), metavar="ADDRESS")
    port: int = _setting(8000, "Port to listen on; 0 picks a free one.", ("serve",), metavar="PORT")
    auth: str | None = _setting(
        None,
        "Identity of upstream requests: the kubeconfig's (`local`), the caller's token's (`passthrough`), or "
        "that of a user whom a front proxy, a client certificate or an ID token names (`impersonate`).",
        ("serve",),
        choices=tuple(Auth),
        default_words="`local` on a loopback host, else `passthrough`",
    )
    tls_cert: str | None = _setting(
        None,
        "Certificate of the gateway, with its chain, in PEM: serve HTTPS. Read again when it changes.",
        ("serve",),
        metavar="FILE",
        default_words="plain HTTP",
    )
    tls_key: str | None = _setting(
        None, "Key of `--tls-cert`, in PEM.", ("serve",), metavar="FILE", default_words="none"
    )
    proxy_client_ca: str | None = _setting(
        None,
        "Authorities in PEM: a client with a certificate of theirs is the front proxy, which names the user "
        "in headers. Needs `--tls-cert`.",
        _IMPERSONATE,
        metavar="FILE",
        default_words="none",
    )
    proxy_allowed_names: tuple[str, ...] = _setting(
        (),
        "Common names that the front proxy's certificate may have.",
        _IMPERSONATE,
        metavar="NAME,…",
        default_words="any",
    )
    proxy_secret_file: str | None = _setting(
        None,
        "File with a secret of 16 characters or more: a client that sends it as `Authorization: Bearer` is "
        "the front proxy.",
        _IMPERSONATE,
        metavar="FILE",
        default_words="none",
    )
    proxy_username_headers: tuple[str, ...] = _setting(
        ("X-Remote-User",),
        "Headers in which the front proxy names the user; the first one with a value counts.",
        _IMPERSONATE,
        metavar="HEADER,…",
        default_words="`X-Remote-User`",
    )
    proxy_uid_headers: tuple[str, ...] = _setting(
        ("X-Remote-Uid",),
        "Headers with the user's UID.",
        _IMPERSONATE,
        metavar="HEADER,…",
        default_words="`X-Remote-Uid`",
    )
    proxy_group_headers: tuple[str, ...] = _setting(
        ("X-Remote-Group",),
        "Headers with the user's groups, one in each.",
        _IMPERSONATE,
        metavar="HEADER,…",
        default_words="`X-Remote-Group`",
    )
    proxy_extra_headers_prefix: tuple[str, ...] = _setting(
        ("X-Remote-Extra-",),
        "Prefixes of headers with the user's extras.",
        _IMPERSONATE,
        metavar="PREFIX,…",
        default_words="`X-Remote-Extra-`",
    )
    client_ca: str | None = _setting(
        None,
        "Authorities in PEM: a client certificate of theirs names the user (common name) and the groups "
        "(organizations). Needs `--tls-cert`.",
        _IMPERSONATE,
        metavar="FILE",
        default_words="none",
    )
    oidc_issuer: str | None = _setting(
        None,
        "URL of an OpenID Connect issuer, https only: its ID tokens name the user.",
        _IMPERSONATE,
        metavar="URL",
        default_words="none",
    )
    oidc_client_id: str | None = _setting(
        None, "Audience that ID tokens must have.", _IMPERSONATE, metavar="ID", default_words="none"
    )
    oidc_username_claim: str = _setting("sub", "Claim with the user's name.", _IMPERSONATE, metavar="CLAIM")
    oidc_username_prefix: str | None = _setting(
        None,
        "Prefix of user names; `-` for none.",
        _IMPERSONATE,
        metavar="PREFIX",
        default_words="the issuer and `#`; none if the claim is `email`",
    )
    oidc_groups_claim: str | None = _setting(
        None,
        "Claim with the user's groups: a string, or a list of strings.",
        _IMPERSONATE,
        metavar="CLAIM",
        default_words="no groups",
    )
    oidc_groups_prefix: str | None = _setting(
        None, "Prefix of group names.", _IMPERSONATE, metavar="PREFIX", default_words="none"
    )
    oidc_required_claim: tuple[str, ...] = _setting(
        (),
        "Claims that ID tokens must have, each with its value.",
        _IMPERSONATE,
        metavar="CLAIM=VALUE,…",
        default_words="none",
    )
    oidc_signing_algs: tuple[str, ...] = _setting(
        ("RS256",),
        "Signature algorithms that ID tokens may have: `RS`, `ES` or `PS` with `256`, `384` or `512`.",
        _IMPERSONATE,
        metavar="NAME,…",
        default_words="`RS256`",
    )
    oidc_ca: str | None = _setting(
        None,
        "Authorities in PEM of the issuer's certificate.",
        _IMPERSONATE,
        metavar="FILE",
        default_words="the system's",
    )
    introspection: str = _setting(
        SchemaAccess.AUTHENTICATED.value,
        "Who may introspect the schema: every client without credentials (`on`), callers that the API server "
        "lets read `/openapi/v3` (`authenticated`), no caller (`off`).",
        ("serve",),
        choices=tuple(SchemaAccess),
    )
    workers: int = _setting(
        1,
        "Worker processes that share the address, one per core to use; 64 at most. Each has its own watches, "
        "so the API server serves every watch N times.",
        ("serve",),
        metavar="N",
    )
    max_upstream_requests: int = _setting(
        100,
        "Requests to the API server that one operation may cause; others get `QUERY_TOO_COMPLEX`. Each "
        "different root field is one, and so is each page of `allPages`.",
        ("serve",),
        metavar="N",
    )
    max_response: int = _setting(
        256 << 20,
        "Bytes of one operation's response; larger ones get `QUERY_TOO_COMPLEX`.",
        ("serve",),
        metavar="BYTES",
        default_words="`268435456` (256 MB)",
    )
    max_body: int = _setting(
        4 << 20,
        "Bytes of a request's body, or of a websocket message; larger ones get `QUERY_TOO_COMPLEX`.",
        ("serve",),
        metavar="BYTES",
        default_words="`4194304` (4 MB)",
    )
    compression_level: int = _setting(
        1,
        "Level of compression of responses, with gzip or zstd by `Accept-Encoding`: 1 is fast, 9 is small, 0 "
        "compresses nothing.",
        ("serve",),
        metavar="LEVEL",
    )
    compression_threshold: int = _setting(
        1024,
        "Bytes of a response from which it is compressed. Streams are never compressed.",
        ("serve",),
        metavar="BYTES",
        default_words="`1024` (1 kB)",
    )
    cors_origins: tuple[str, ...] = _setting(
        (),
        "Origins whose pages may use the gateway from a browser, such as `https://app.example.com`; `*` with "
        "`--auth passthrough` only.",
        ("serve",),
        metavar="ORIGIN,…",
        default_words="the gateway's own",
    )
    operations: str | None = _setting(
        None,
        "Trusted documents: a GraphQL file, the manifest of a client's build (Apollo's or Relay's format), "
        "or a folder of such files. Requests may name them by id.",
        ("serve",),
        metavar="DIR|FILE",
        default_words="none",
    )
    only_trusted: bool = _setting(
        False, "Run the documents of `--operations` only.", ("serve",), default_words="off"
    )
    persisted_queries: int = _setting(
        16 << 20,
        "Bytes of memory for automatic persisted queries; 0 switches them off. Off with `--only-trusted`.",
        ("serve",),
        metavar="BYTES",
        default_words="`16777216` (16 MB)",
    )
    header_timeout: float = _setting(
        10.0,
        "Seconds from the first byte of a request to the end of its header.",
        ("serve",),
        metavar="SECONDS",
    )
    body_timeout: float = _setting(
        30.0,
        "Seconds from the end of a request's header to the end of its body.",
        ("serve",),
        metavar="SECONDS",
    )
    idle_timeout: float = _setting(
        60.0, "Seconds that a new connection may stay without a request.", ("serve",), metavar="SECONDS"
    )
    grace_period: float = _setting(
        30.0,
        "Seconds that a shared watch keeps running after its last subscriber has left.",
        ("serve",),
        metavar="SECONDS",
    )
    cache: tuple[str, ...] = _setting(
        (),
        "Cache these resources in memory from start-up, for reads with `resourceVersion`; `/readyz` waits "
        "for them. Any name of a resource: `pods`, `deployments.apps`, `svc`. Needs `--auth local` or "
        "`--share-informers`.",
        ("serve",),
        metavar="RESOURCE,…",
        default_words="nothing",
    )
    share_informers: bool | None = _setting(
        None,
        "Serve all callers from watches of the gateway's own identity, behind access reviews as the caller; "
        "`--no-share-informers` gives each caller watches of its own.",
        ("serve",),
        default_words="on with `--auth impersonate`, else off",
    )
    variables: str | None = _setting(
        None,
        "Variables of the operation, a JSON object.",
        ("query",),
        metavar="JSON",
        default_words="none",
    )
    operation_name: str | None = _setting(
        None,
        "Operation to run, for a document with several.",
        ("query",),
        metavar="NAME",
        default_words="the only one",
    )
    output: str = _setting("json", "Format of the printed result.", ("query",), choices=_OUTPUTS)

    def resolved_auth(self) -> Auth:
        """The identity mode, with its default. Raises ConfigurationError for ``local`` on a public host."""
        loopback = is_loopback(self.host)
        if self.auth is None:
            return Auth.LOCAL if loopback else Auth.PASSTHROUGH
        auth = Auth(self.auth)
        if auth is Auth.LOCAL and not loopback:
            raise ConfigurationError(
                f"--auth local gives the kubeconfig's identity to every client, so it listens "
                f"on loopback only, not on {self.host}: use --host 127.0.0.1, or --auth passthrough"
            )
        return auth

    def shares_informers(self) -> bool:
        """Whether the gateway's informers serve callers of other identities; raises as ``resolved_auth``."""
        auth = self.resolved_auth()
        if auth is Auth.LOCAL:
            # every caller has the gateway's identity
            return False
        return auth is not Auth.PASSTHROUGH if self.share_informers is None else self.share_informers

    def check(self) -> Auth:
        """The identity mode. Raises ConfigurationError for settings that contradict it or each other."""
        auth = self.resolved_auth()
        self.check_cache(auth)
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ConfigurationError("--tls-cert and --tls-key are needed together")
        if "*" in split_list(self.cors_origins) and auth is not Auth.PASSTHROUGH:
            raise ConfigurationError(
                f"--cors-origins '*' works with --auth passthrough only: with --auth {auth} a page of any "
                "origin would act as the user of the browser; list the origins"
            )
        if self.only_trusted and not self.operations:
            raise ConfigurationError("--only-trusted needs --operations: no document could run")
        if auth is Auth.IMPERSONATE:
            self._check_impersonate()
        else:
            self._check_unused(auth)
        return auth

    def _check_impersonate(self) -> None:
        if not (self.proxy_client_ca or self.proxy_secret_file or self.client_ca or self.oidc_issuer):
            raise ConfigurationError(
                "--auth impersonate needs a proof of the caller: a front proxy's (--proxy-client-ca or "
                "--proxy-secret-file), a client certificate (--client-ca) or an ID token (--oidc-issuer)"
            )
        for name in ("proxy_client_ca", "client_ca"):
            if getattr(self, name) and not self.tls_cert:
                raise ConfigurationError(f"{_option(name)} needs --tls-cert and --tls-key")
        if self.proxy_allowed_names and not self.proxy_client_ca:
            raise ConfigurationError("--proxy-allowed-names needs --proxy-client-ca")
        for name in _PROXY_NAMES:
            for header in split_list(getattr(self, name)):
                if not _HEADER.fullmatch(header):
                    raise ConfigurationError(f"{_option(name)}: {header!r} is not the name of a header")
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
        for setting in settings():
            used = getattr(self, setting.name) != setting.default
            if used and setting.name.startswith(("proxy_", "oidc_", "client_ca")):
                raise ConfigurationError(
                    f"{setting.option} works with --auth impersonate only, not with --auth {auth}"
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

    def check_cache(self, auth: Auth) -> None:
        """Raise ConfigurationError for ``--cache`` in a mode without an identity at start-up."""
        if self.cache and auth is not Auth.LOCAL and not self.shares_informers():
            raise ConfigurationError(
                f"--cache works with --auth local or --share-informers only: a cache belongs to one identity,"
                f" and with --auth {auth} there is no caller's token at start-up to fill a cache with"
            )


def split_list(texts: Iterable[str]) -> tuple[str, ...]:
    """The items of a repeatable option, each of which may hold several with commas between."""
    return tuple(item.strip() for text in texts for item in text.split(",") if item.strip())


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def is_loopback(host: str) -> bool:
    """Whether ``host``, a name or an address without a port, is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def settings() -> Iterator[Setting]:
    """All settings, in the order of the help and the documentation."""
    for field_ in fields(Settings):
        yield Setting(
            name=field_.name, type=_plain_type(field_.type), default=field_.default, **field_.metadata
        )


def _plain_type(annotation: Any) -> type:
    if get_origin(annotation) is tuple:
        return tuple
    alternatives = getattr(annotation, "__args__", (annotation,))
    plain: type = next(alternative for alternative in alternatives if alternative is not type(None))
    return plain


def settings_table() -> str:
    """The settings as a Markdown table, one row each."""
    rows = ["| Option | Environment variable | Default | What it does |", "|---|---|---|---|"]
    for setting in settings():
        option = f"`{setting.option}`{_value(setting)}"
        default = setting.default_words or f"`{setting.default}`"
        rows.append(f"| {option} | `{setting.variable}` | {default} | {setting.help}{_only(setting)} |")
    return "\n".join(rows) + "\n"


def _value(setting: Setting) -> str:
    if setting.type is bool:
        return ""
    return " " + (", ".join(f"`{choice}`" for choice in setting.choices) or f"`{setting.metavar}`")


def _only(setting: Setting) -> str:
    return "" if setting.commands == _EVERYWHERE else f" (`{'`, `'.join(setting.commands)}` only)"


if __name__ == "__main__":
    sys.stdout.write(settings_table())
