"""All settings: name, type, default and description.

The command line's options, the environment variables (``KUBE_GRAPHQL_PORT=…``) and the documentation's table
are generated from :class:`Settings`. ``python -m gateway.settings`` prints the table.
"""

import ipaddress
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, get_origin

from gateway.errors import ConfigurationError

__all__ = ["ENVIRONMENT_PREFIX", "Auth", "Setting", "Settings", "is_loopback", "settings", "settings_table"]

ENVIRONMENT_PREFIX = "KUBE_GRAPHQL_"


class Auth(StrEnum):
    """The identity of upstream requests: the kubeconfig's (``local``), the caller's (``passthrough``)."""

    LOCAL = "local"
    PASSTHROUGH = "passthrough"


_LOG_LEVELS = ("debug", "info", "warning", "error")
_OUTPUTS = ("json", "yaml")
_EVERYWHERE = ("serve", "schema", "query")


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
        return "--" + self.name.replace("_", "-")

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
    host: str = _setting("127.0.0.1", "Address to listen on.", ("serve",), metavar="ADDRESS")
    port: int = _setting(8000, "Port to listen on; 0 picks a free one.", ("serve",), metavar="PORT")
    auth: str | None = _setting(
        None,
        "Identity of upstream requests: the kubeconfig's (`local`), the caller's token's (`passthrough`).",
        ("serve",),
        choices=tuple(Auth),
        default_words="`local` on a loopback host, else `passthrough`",
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

    def check_cache(self, auth: Auth) -> None:
        """Raise ConfigurationError for ``--cache`` in a mode without an identity at start-up."""
        if self.cache and auth is not Auth.LOCAL and not self.shares_informers():
            raise ConfigurationError(
                f"--cache works with --auth local or --share-informers only: a cache belongs to one identity,"
                f" and with --auth {auth} there is no caller's token at start-up to fill a cache with"
            )


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
