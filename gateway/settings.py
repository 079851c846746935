"""Every setting, once: name, type, default and what it does.

The command line's options, the environment variables (``KUBE_GRAPHQL_PORT=…``) and the table in the
README are all made from :class:`Settings`. ``python -m gateway.settings`` prints that table.
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
    """Who the API server sees behind a request (design section 7)."""

    LOCAL = "local"
    PASSTHROUGH = "passthrough"


LOG_LEVELS = ("debug", "info", "warning", "error")
OUTPUTS = ("json", "yaml")
EVERYWHERE = ("serve", "schema", "query")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as the command line and the documentation see it.

    ``type`` is ``str``, ``int``, ``float`` or ``bool``, or ``tuple`` for one that may be given several times;
    ``commands`` are those that have it as an option; ``default_words`` says the default where the value
    alone would not.
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


def _setting(default: Any, text: str, commands: tuple[str, ...] = EVERYWHERE, **more: Any) -> Any:
    return field(default=default, metadata={"help": text, "commands": commands, **more})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process; what is None is decided by :meth:`resolved_auth` or by kubectl's rules."""

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
        "How much is logged to stderr; debug also prints what start-up spent its time on.",
        choices=LOG_LEVELS,
    )
    include: tuple[str, ...] = _setting(
        (),
        "Serve nothing but this: `RESOURCE[.GROUP][/SUBRESOURCE][:VERB+…]`, such as `*:get+list+watch`.",
        metavar="PATTERN,…",
        default_words="everything",
    )
    exclude: tuple[str, ...] = _setting(
        (), "Do not serve this, such as `secrets`.", metavar="PATTERN,…", default_words="nothing"
    )
    groups: tuple[str, ...] = _setting(
        (),
        "Print these API groups only, such as `core` or `*.k8s.io`.",
        ("schema",),
        metavar="GROUP,…",
        default_words="all",
    )
    kinds: tuple[str, ...] = _setting(
        (),
        "Print these kinds only, such as `Deployment` or `Certificate.cert-manager.io`.",
        ("schema",),
        metavar="KIND,…",
        default_words="all",
    )
    host: str = _setting("127.0.0.1", "Address to listen on.", ("serve",), metavar="ADDRESS")
    port: int = _setting(8000, "Port to listen on; 0 picks a free one.", ("serve",), metavar="PORT")
    auth: str | None = _setting(
        None,
        "Who the API server sees: the kubeconfig's identity (`local`) or the caller's token (`passthrough`).",
        ("serve",),
        choices=tuple(Auth),
        default_words="`local` on a loopback host, else `passthrough`",
    )
    workers: int = _setting(
        1,
        "Processes that share the address, to use as many cores; 64 at most. Each has watches of its own, so "
        "that the API server is asked for each of them N times.",
        ("serve",),
        metavar="N",
    )
    grace_period: float = _setting(
        30.0,
        "Seconds that a shared watch keeps running after its last subscriber has left.",
        ("serve",),
        metavar="SECONDS",
    )
    cache: tuple[str, ...] = _setting(
        (),
        "Keep these in memory from start-up, for reads with `resourceVersion`; `/readyz` waits for them. "
        "Plural, singular, kind or short name: `pods`, `deployments.apps`. With `--auth local` only.",
        ("serve",),
        metavar="RESOURCE,…",
        default_words="nothing",
    )
    variables: str | None = _setting(
        None,
        "Variables of the operation, as a JSON object.",
        ("query",),
        metavar="JSON",
        default_words="none",
    )
    operation_name: str | None = _setting(
        None,
        "Operation to run, where the document has several.",
        ("query",),
        metavar="NAME",
        default_words="the only one",
    )
    output: str = _setting("json", "How the result is printed.", ("query",), choices=OUTPUTS)

    def resolved_auth(self) -> Auth:
        """The identity mode, its default applied; ConfigurationError where it would not be safe."""
        loopback = is_loopback(self.host)
        if self.auth is None:
            return Auth.LOCAL if loopback else Auth.PASSTHROUGH
        auth = Auth(self.auth)
        if auth is Auth.LOCAL and not loopback:
            raise ConfigurationError(
                f"--auth local lends the kubeconfig's identity to whoever connects, so it listens "
                f"on loopback only, not on {self.host}: use --host 127.0.0.1, or --auth passthrough"
            )
        return auth

    def check_cache(self, auth: Auth) -> None:
        """Raise ConfigurationError where there is nobody as whom the caches could be filled."""
        if self.cache and auth is not Auth.LOCAL:
            raise ConfigurationError(
                f"--cache works with --auth local only: what is cached belongs to one identity, and with "
                f"--auth {auth} there is no caller's token at start-up to fill a cache with"
            )


def is_loopback(host: str) -> bool:
    """Whether that host, a name or an address without a port, can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def settings() -> Iterator[Setting]:
    """Every setting, in the order in which help and documentation show them."""
    for each in fields(Settings):
        yield Setting(name=each.name, type=_plain_type(each.type), default=each.default, **each.metadata)


def _plain_type(annotation: Any) -> type:
    if get_origin(annotation) is tuple:
        return tuple
    alternatives = [each for each in getattr(annotation, "__args__", (annotation,)) if each is not type(None)]
    plain: type = alternatives[0]
    return plain


def settings_table() -> str:
    """The settings as a Markdown table, one row each."""
    rows = ["| Option | Environment variable | Default | What it does |", "|---|---|---|---|"]
    for each in settings():
        default = each.default_words or f"`{each.default}`"
        rows.append(
            f"| `{each.option}`{_value(each)} | `{each.variable}` | {default} | {each.help}{_only(each)} |"
        )
    return "\n".join(rows) + "\n"


def _value(setting: Setting) -> str:
    if setting.type is bool:
        return ""
    return " " + (", ".join(f"`{each}`" for each in setting.choices) or f"`{setting.metavar}`")


def _only(setting: Setting) -> str:
    return "" if setting.commands == EVERYWHERE else f" (`{'`, `'.join(setting.commands)}` only)"


if __name__ == "__main__":
    sys.stdout.write(settings_table())
