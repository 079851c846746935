"""The identity mode from the settings."""

from pathlib import Path
from typing import Any, cast

import pytest
import trustme

from gateway.errors import ConfigurationError
from gateway.identity import Identity, Impersonate, Local, Passthrough, ProxyHeaders, identity_for
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig, Impersonation, UserConfig
from gateway.settings import Auth, Settings


def test_each_mode_has_its_identity(client: KubeClient) -> None:
    found: dict[Auth, Identity] = {mode: identity_for(mode, client) for mode in Auth}
    assert {mode: type(identity) for mode, identity in found.items()} == {
        Auth.LOCAL: Local,
        Auth.PASSTHROUGH: Passthrough,
        Auth.IMPERSONATE: Impersonate,
    }


def test_an_unknown_mode_is_an_error_and_no_passthrough(client: KubeClient) -> None:
    with pytest.raises(AssertionError):
        identity_for(cast("Auth", "admin"), client)


def test_the_settings_configure_impersonation(
    client: KubeClient, tmp_path: Path, authority: trustme.CA
) -> None:
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    (tmp_path / "secret").write_text("0123456789abcdef")
    settings = Settings(
        proxy_client_ca=str(tmp_path / "ca.pem"),
        proxy_allowed_names=("front, second proxy", "third"),
        proxy_secret_file=str(tmp_path / "secret"),
        proxy_username_headers=("X-First,X-Second",),
        proxy_group_headers=("X-Team",),
        proxy_extra_headers_prefix=("X-More-",),
        oidc_issuer="https://issuer.example",
        oidc_client_id="me",
        oidc_username_prefix="-",
        oidc_signing_algs=("ES256", "RS256"),
        oidc_required_claim=("hd=example.com",),
    )
    identity = identity_for(Auth.IMPERSONATE, client, settings)
    assert isinstance(identity, Impersonate)
    assert identity.proxy.allowed_names == ("front", "second proxy", "third")
    assert identity.proxy_headers == ProxyHeaders(
        ("x-first", "x-second"), ("x-remote-uid",), ("x-team",), ("x-more-",)
    )
    assert [item.path for item in identity.client_authorities] == [str(tmp_path / "ca.pem")]
    assert identity.id_tokens is not None


@pytest.mark.parametrize("name", ["proxy_client_ca", "proxy_secret_file", "client_ca", "oidc_ca"])
def test_a_missing_file_is_reported(client: KubeClient, tmp_path: Path, name: str) -> None:
    changes: dict[str, Any] = {name: str(tmp_path / "missing")}
    settings = Settings(oidc_issuer="https://issuer.example", **changes)
    with pytest.raises(ConfigurationError, match="cannot read"):
        identity_for(Auth.IMPERSONATE, client, settings)


def test_users_and_the_proxy_may_not_share_an_authority(
    client: KubeClient, tmp_path: Path, authority: trustme.CA
) -> None:
    for name, issuers in (("users", [trustme.CA(), authority]), ("proxy", [authority])):
        (tmp_path / name).write_bytes(b"".join(item.cert_pem.bytes() for item in issuers))
    settings = Settings(client_ca=str(tmp_path / "users"), proxy_client_ca=str(tmp_path / "proxy"))
    with pytest.raises(ConfigurationError, match="share an authority"):
        identity_for(Auth.IMPERSONATE, client, settings)


async def test_a_gateway_that_is_impersonating_cannot_impersonate_its_callers() -> None:
    user = UserConfig(token="a", impersonation=Impersonation("admin"))
    async with KubeClient.connect(ClusterConfig(server="http://127.0.0.1:1", user=user)) as client:
        with pytest.raises(ConfigurationError, match="does not impersonate itself"):
            identity_for(Auth.IMPERSONATE, client, Settings(oidc_issuer="https://issuer.example"))
