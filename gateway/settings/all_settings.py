"""All settings of one process, and their table in the documentation."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.errors import ConfigurationError
from gateway.settings.cluster import ClusterSettings
from gateway.settings.identity import Auth, IdentitySettings
from gateway.settings.limits import LimitSettings
from gateway.settings.output import OutputSettings
from gateway.settings.server import ServerSettings, is_loopback
from gateway.settings.setting import EVERYWHERE, Setting, settings_of, split_list

__all__ = ["Settings", "settings", "settings_table"]

_PARTS = (ClusterSettings, ServerSettings, IdentitySettings, LimitSettings, OutputSettings)


@dataclass(frozen=True)
class Settings(ClusterSettings, ServerSettings, IdentitySettings, LimitSettings, OutputSettings):
    """The settings of one process; :meth:`resolved_auth` or kubectl's rules choose a value for None."""

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
        self.check_sharing(auth)
        self.check_server()
        if "*" in split_list(self.cors_origins) and auth is not Auth.PASSTHROUGH:
            raise ConfigurationError(
                f"--cors-origins '*' works with --auth passthrough only: with --auth {auth} a page of any "
                "origin would act as the user of the browser; list the origins"
            )
        self.check_identity(auth, tls=bool(self.tls_cert))
        return auth

    def check_cache(self, auth: Auth) -> None:
        """Raise ConfigurationError for ``--cache`` in a mode without an identity at start-up."""
        if self.cache and auth is not Auth.LOCAL and not self.shares_informers():
            raise ConfigurationError(
                f"--cache works with --auth local or --share-informers only: a cache belongs to one identity,"
                f" and with --auth {auth} there is no caller's token at start-up to fill a cache with"
            )

    def check_sharing(self, auth: Auth) -> None:
        """Raise ConfigurationError for ``--share-informers`` in the mode in which all callers are one."""
        if self.share_informers is not None and auth is Auth.LOCAL:
            option = "--share-informers" if self.share_informers else "--no-share-informers"
            raise ConfigurationError(
                f"{option} works with --auth passthrough and impersonate only: with --auth local every caller"
                " has the kubeconfig's identity and so the same watches; remove the option, or choose --auth"
            )


def settings() -> Iterator[Setting]:
    """All settings, in the order of the help and the documentation."""
    for part in _PARTS:
        yield from settings_of(part)


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
    return "" if setting.commands == EVERYWHERE else f" (`{'`, `'.join(setting.commands)}` only)"
