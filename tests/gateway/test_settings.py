"""The settings and their documentation.

Covers ``gateway/settings/cluster.py``, ``gateway/settings/limits.py`` and ``gateway/settings/output.py``.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.errors import ConfigurationError
from gateway.settings import Auth, Setting, Settings, is_loopback, settings, settings_table
from gateway.settings.limits import LimitSettings
from gateway.settings.setting import settings_of

LIMITS = Path(__file__).parents[2] / "docs" / "limits.md"
SETTINGS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_documentation_has_the_table_of_all_settings() -> None:
    section = re.search(
        r"<!-- settings -->\n+(.*?)\n+<!-- /settings -->", SETTINGS.read_text(encoding="utf-8"), re.DOTALL
    )
    assert section, "docs/settings.md has no section between <!-- settings --> and <!-- /settings -->"
    assert section[1].strip() == settings_table().strip(), "update with: make readme"


@pytest.mark.parametrize("limit", list(settings_of(LimitSettings)), ids=lambda limit: limit.name)
def test_the_documentation_has_each_limit_with_its_default(limit: Setting) -> None:
    rows = [
        line for line in LIMITS.read_text(encoding="utf-8").splitlines() if f"| `{limit.option}` |" in line
    ]
    assert len(rows) == 1, f"docs/limits.md has no row for {limit.option}"
    documented = rows[0].split("|")[3].strip()
    number, _, unit = documented.replace(",", "").partition(" ")
    factor = {"": 1, "k": 1 << 10, "MB": 1 << 20}[unit]
    assert float(number) * factor == limit.default


@pytest.mark.parametrize("command", ["serve", "schema", "query"])
def test_every_option_of_a_command_is_a_setting_with_a_variable(command: str) -> None:
    options = {
        option: parameter.envvar
        for parameter in main.commands[command].params
        for option in parameter.opts
        if option.startswith("--") and option != "--help"
    }
    assert options == {
        setting.option: setting.variable for setting in settings() if command in setting.commands
    }


@pytest.mark.parametrize("setting", list(settings()), ids=lambda setting: setting.name)
def test_help_lists_every_setting(setting: Setting) -> None:
    for command in setting.commands:
        help_text = CliRunner().invoke(main, [command, "--help"]).output
        assert setting.option in help_text


def test_the_table_has_one_row_per_setting() -> None:
    rows = settings_table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [setting.option for setting in settings()]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST", "localhost."])
def test_loopback_hosts_default_to_local(host: str) -> None:
    assert is_loopback(host)
    assert Settings(host=host).resolved_auth() is Auth.LOCAL


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.com", "localhost.example.com", ""])
def test_every_other_host_defaults_to_passthrough(host: str) -> None:
    assert not is_loopback(host)
    assert Settings(host=host).resolved_auth() is Auth.PASSTHROUGH


def test_local_on_another_host_is_refused_with_the_alternatives() -> None:
    with pytest.raises(
        ConfigurationError, match=r"not on 0\.0\.0\.0: use --host 127\.0\.0\.1, or --auth pass"
    ):
        Settings(host="0.0.0.0", auth="local").resolved_auth()


def test_passthrough_is_allowed_on_loopback() -> None:
    assert Settings(auth="passthrough").resolved_auth() is Auth.PASSTHROUGH


def test_caches_require_the_local_identity() -> None:
    Settings(cache=("pods",)).check_cache(Auth.LOCAL)
    Settings().check_cache(Auth.PASSTHROUGH)
    with pytest.raises(ConfigurationError, match="no caller's token"):
        Settings(cache=("pods",)).check_cache(Auth.PASSTHROUGH)


@pytest.mark.parametrize(("share", "option"), [(True, "--share-informers"), (False, "--no-share-informers")])
def test_informers_are_shared_between_identities_only(share: bool, option: str) -> None:
    for auth in (None, "local"):
        with pytest.raises(ConfigurationError, match=rf"^{option} works .* remove the option, or choose"):
            Settings(auth=auth, share_informers=share).check()
    assert Settings(auth="passthrough", share_informers=share).check() is Auth.PASSTHROUGH
    replace(IMPERSONATE, share_informers=share).check()


IMPERSONATE = Settings(auth="impersonate", proxy_secret_file="secret")
HTTPS = {"tls_cert": "crt", "tls_key": "key"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"host": "0.0.0.0"},
        {**HTTPS, "proxy_client_ca": "ca", "proxy_allowed_names": ("a",), "client_ca": "ca"},
        {"proxy_secret_file": None, "oidc_issuer": "https://a", "oidc_client_id": "b"},
        {"oidc_issuer": "https://a", "oidc_client_id": "b", "oidc_required_claim": ("a=b,c=d=e",)},
    ],
)
def test_impersonation_with_a_proof_of_the_caller_is_accepted(changes: dict[str, Any]) -> None:
    assert replace(IMPERSONATE, **changes).check() is Auth.IMPERSONATE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"proxy_secret_file": None}, "needs a proof of the caller"),
        ({"tls_cert": "crt"}, "--tls-cert and --tls-key are needed together"),
        ({"tls_key": "key"}, "--tls-cert and --tls-key are needed together"),
        ({"proxy_client_ca": "ca"}, "--proxy-client-ca needs --tls-cert"),
        ({"client_ca": "ca"}, "--client-ca needs --tls-cert"),
        ({"proxy_allowed_names": ("a",)}, "--proxy-allowed-names needs --proxy-client-ca"),
        ({"oidc_issuer": "https://a"}, "--oidc-issuer and --oidc-client-id are needed together"),
        ({"oidc_client_id": "a"}, "--oidc-issuer and --oidc-client-id are needed together"),
        ({"oidc_issuer": "http://a", "oidc_client_id": "b"}, "has to be an https URL"),
        ({"oidc_signing_algs": ("RS256,none",)}, "'none' is not one of"),
        ({"oidc_signing_algs": ("HS256",)}, "'HS256' is not one of"),
        ({"oidc_required_claim": ("a",)}, "'a' is not CLAIM=VALUE"),
        ({"proxy_username_headers": ("a b",)}, "'a b' is not the name of a header"),
        ({"proxy_extra_headers_prefix": ("X:",)}, "'X:' is not the name of a header"),
    ],
)
def test_unsafe_and_contradictory_settings_are_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(reason)):
        replace(IMPERSONATE, **changes).check()


@pytest.mark.parametrize("auth", ["local", "passthrough"])
@pytest.mark.parametrize(
    "changes",
    [
        {"proxy_secret_file": "a"},
        {"client_ca": "a"},
        {"oidc_groups_claim": "a"},
        {"proxy_uid_headers": ("A",)},
    ],
)
def test_settings_of_impersonation_are_refused_in_other_modes(auth: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"impersonate only, not with --auth {auth}"):
        Settings(auth=auth, **changes).check()
