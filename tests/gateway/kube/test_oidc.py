"""``auth-provider: oidc``: the id-token is sent, and renewed at a small issuer on loopback."""

import asyncio
import base64
import json
import os
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml

from gateway.errors import CredentialsError, Unauthenticated
from gateway.kube.config.cluster_config import Impersonation, OIDCConfig, UserConfig
from gateway.kube.config.loading import load_config
from gateway.kube.oidc import OIDCCredentials, store_tokens
from tests.fixtures.control_plane import find_assets
from tests.fixtures.requirements import unavailable
from tests.gateway.kube.conftest import Certificates, Connect
from tests.gateway.kube.loopback import LoopbackServer, Reply, Request, json_reply, serve, status_reply, until

NOW = 1_000_000.0


def id_token(expires: float, number: int = 0) -> str:
    """An unsigned JSON Web Token; the gateway does not verify signatures."""
    parts = [{"alg": "none"}, {"exp": expires, "number": number}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "signature"])


@dataclass
class Issuer:
    """An issuer with single-use refresh tokens: ``refresh-0``, ``refresh-1`` and so on."""

    url: str = ""
    renewals: int = 0
    lifetime_ends: float = NOW + 3600
    secret_in_body_only: bool = False
    response: Reply | None = None
    released: asyncio.Event = field(default_factory=asyncio.Event)
    forms: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: Request) -> Reply:
        if request.path == "/tenant/.well-known/openid-configuration":
            return json_reply({"issuer": self.url, "token_endpoint": f"{self.url}/token"})
        assert (request.method, request.path) == ("POST", "/tenant/token")
        form = dict(parse_qsl(request.body.decode()))
        if self.secret_in_body_only and "authorization" in request.headers:
            return json_reply({"error": "invalid_client"}, 401)
        self.forms.append(form)
        await self.released.wait()
        if self.response is not None:
            return self.response
        if form != {**form, "grant_type": "refresh_token", "refresh_token": f"refresh-{self.renewals}"}:
            return json_reply({"error": "invalid_grant"}, 400)
        self.renewals += 1
        token = id_token(self.lifetime_ends, self.renewals)
        refresh_token = f"refresh-{self.renewals}"
        return json_reply({"id_token": token, "refresh_token": refresh_token, "access_token": "a"})


@pytest.fixture
async def issuer(certificates: Certificates) -> AsyncIterator[Issuer]:
    issuer = Issuer()
    issuer.released.set()
    async with serve(issuer.answer, certificates.server_context()) as server:
        issuer.url = f"{server.url}/tenant"
        yield issuer


@pytest.fixture
def config(issuer: Issuer, certificates: Certificates) -> OIDCConfig:
    return OIDCConfig(issuer.url, "my client", "s&cret", "", "refresh-0", certificates.ca)


def credentials(config: OIDCConfig, now: float = NOW, user: UserConfig | None = None) -> OIDCCredentials:
    return OIDCCredentials(user or UserConfig(), config, lambda: now)


async def current_token(source: OIDCCredentials) -> str:
    return dict((await source.current()).headers)[b"Authorization"].decode().removeprefix("Bearer ")


@pytest.mark.parametrize(("expires_in", "renewals"), [(3600, 0), (11, 0), (10, 1), (-1, 1)])
async def test_id_token_is_sent_until_10_seconds_before_its_expiry(
    issuer: Issuer, config: OIDCConfig, expires_in: float, renewals: int
) -> None:
    token = id_token(NOW + expires_in)
    sent = await current_token(credentials(replace(config, id_token=token)))
    assert issuer.renewals == renewals
    assert sent == (id_token(NOW + 3600, 1) if renewals else token)


async def test_client_secret_is_sent_in_the_header_else_in_the_body(
    issuer: Issuer, config: OIDCConfig
) -> None:
    await current_token(credentials(config))
    issuer.secret_in_body_only = True
    await current_token(credentials(replace(config, refresh_token="refresh-1")))
    await current_token(credentials(replace(config, refresh_token="refresh-2", client_secret="")))
    assert [(form.get("client_id"), form.get("client_secret")) for form in issuer.forms] == [
        (None, None),
        ("my client", "s&cret"),
        ("my client", None),
    ]


async def test_concurrent_requests_share_one_renewal_which_a_cancelled_one_does_not_cancel(
    issuer: Issuer, config: OIDCConfig
) -> None:
    issuer.released.clear()
    source = credentials(config)
    async with asyncio.timeout(30):
        first, *others = (asyncio.create_task(current_token(source)) for _ in range(5))
        await until(lambda: bool(issuer.forms))
        first.cancel()
        await asyncio.wait([first])
        issuer.released.set()
        assert {await other for other in others} == {id_token(NOW + 3600, 1)}
    assert issuer.renewals == 1
    assert first.cancelled()


async def test_closing_cancels_the_renewal(issuer: Issuer, config: OIDCConfig) -> None:
    issuer.released.clear()
    source = credentials(config)
    request = asyncio.create_task(current_token(source))
    async with asyncio.timeout(30):
        await until(lambda: bool(issuer.forms))
        await source.aclose()
        with pytest.raises(asyncio.CancelledError):
            await request
    issuer.released.set()


async def test_rotated_refresh_token_is_used_for_the_next_renewal(issuer: Issuer, config: OIDCConfig) -> None:
    issuer.lifetime_ends = NOW
    source = credentials(config)
    assert [await current_token(source) for _ in range(3)] == [id_token(NOW, number) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"refresh_token": ""}, "no refresh-token: log in again"),
        ({"id_token": "s3cret"}, "not a JSON Web Token"),
        ({"id_token": "s3cret.s3cret.s3cret"}, "not a JSON Web Token"),
        ({"refresh_token": "s3cret"}, "refused to renew the token with status 400"),
        ({"issuer": "https://127.0.0.1:1"}, "cannot be reached"),
        ({"ca": None}, "cannot be reached"),
    ],
)
async def test_failed_renewal_is_a_credentials_error_without_secrets(
    config: OIDCConfig, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(CredentialsError, match=message) as caught:
        await current_token(credentials(replace(config, **change)))
    assert "cret" not in caught.value.message


@pytest.mark.parametrize("body", [b"no", b"[]", b"{}", b'{"id_token": 5}', b'{"id_token": ""}'])
async def test_malformed_token_response_is_a_credentials_error(
    issuer: Issuer, config: OIDCConfig, body: bytes
) -> None:
    issuer.response = Reply(200, body)
    with pytest.raises(CredentialsError, match=r"malformed token response|without an id_token"):
        await current_token(credentials(config))


async def test_impersonation_is_sent_beside_the_id_token(config: OIDCConfig) -> None:
    user = UserConfig(impersonation=Impersonation("jane"))
    credential = await credentials(config, user=user).current()
    assert dict(credential.headers)[b"Impersonate-User"] == b"jane"


def kubeconfig(server: LoopbackServer, certificates: Certificates, config: OIDCConfig) -> str:
    """A kubeconfig as a login tool writes it, with a comment and folded data."""
    ca = base64.b64encode(certificates.ca).decode()
    cluster = {"server": server.url, "certificate-authority-data": ca}
    provider = {
        "client-id": config.client_id,
        "client-secret": config.client_secret,
        "id-token": config.id_token,
        "idp-certificate-authority-data": ca,
        "idp-issuer-url": config.issuer,
        "refresh-token": config.refresh_token,
    }
    document = {
        "current-context": "main",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"auth-provider": {"name": "oidc", "config": provider}}}],
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
    }
    return "# written by hand\n" + yaml.safe_dump(document)


@asynccontextmanager
async def api_server(certificates: Certificates, *accepted: str) -> AsyncIterator[LoopbackServer]:
    async def answer(request: Request) -> Reply:
        if not accepted or request.headers.get("authorization") in accepted:
            return json_reply({})
        return status_reply(401, "Unauthorized")

    async with serve(answer, certificates.server_context()) as server:
        yield server


async def test_renewed_tokens_replace_the_old_ones_in_the_kubeconfig(
    connect: Connect, certificates: Certificates, issuer: Issuer, config: OIDCConfig, tmp_path: Path
) -> None:
    file = tmp_path / "config"
    issuer.lifetime_ends = time.time() + 3600
    async with api_server(certificates) as server:
        config = replace(config, id_token=id_token(1))
        file.write_text(before := kubeconfig(server, certificates, config))
        file.chmod(0o640)
        await connect(load_config(file, environ={})).get("api")
    renewed = id_token(issuer.lifetime_ends, 1)
    assert server.requests[0].headers["authorization"] == f"Bearer {renewed}"
    assert file.read_text() == before.replace(config.id_token, renewed).replace("refresh-0", "refresh-1")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["config"]  # noqa: PTH208 (names suffice)


async def test_401_renews_the_id_token_once(
    connect: Connect, certificates: Certificates, issuer: Issuer, config: OIDCConfig
) -> None:
    issuer.lifetime_ends = time.time() + 3600
    user = UserConfig(oidc=replace(config, id_token=id_token(time.time() + 3600)))
    async with api_server(certificates, f"Bearer {id_token(issuer.lifetime_ends, 1)}") as server:
        assert (await connect(server.url, tls=certificates.settings, user=user).get("api")).status == 200
        assert issuer.renewals == 1
        user = UserConfig(oidc=replace(config, refresh_token="", id_token=id_token(time.time() + 3600)))
        with pytest.raises(Unauthenticated):
            await connect(server.url, tls=certificates.settings, user=user).get("api")


async def test_static_token_takes_precedence(
    connect: Connect, certificates: Certificates, issuer: Issuer, config: OIDCConfig
) -> None:
    async with api_server(certificates) as server:
        user = UserConfig(token="static", oidc=config)
        await connect(server.url, tls=certificates.settings, user=user).get("api")
    assert server.requests[0].headers["authorization"] == "Bearer static"
    assert issuer.renewals == 0


@pytest.mark.parametrize("obstacle", ["locked", "missing", "other text", "unsafe token"])
def test_kubeconfig_that_cannot_be_updated_stays_unchanged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, obstacle: str
) -> None:
    file = tmp_path / "config"
    if obstacle != "missing":
        file.write_text("token: other" if obstacle == "other text" else "token: old")
    if obstacle == "locked":
        (tmp_path / "config.lock").touch()
    store_tokens(file, [("old", 'new" x' if obstacle == "unsafe token" else "new")])
    assert "renewed OIDC tokens are not written" in caplog.text
    assert not file.exists() or "new" not in file.read_text()
    assert (tmp_path / "config.lock").exists() == (obstacle == "locked")


@pytest.mark.cluster
@pytest.mark.parametrize("expires_in", [3600, -1])
async def test_kubectl_sends_and_stores_the_same_tokens(
    connect: Connect,
    certificates: Certificates,
    issuer: Issuer,
    config: OIDCConfig,
    tmp_path: Path,
    expires_in: float,
) -> None:
    assets = find_assets()
    if assets is None:
        unavailable("cluster", "no kubectl on this machine", "tests/kube/build.sh (needs Go)")
    issuer.lifetime_ends = time.time() + 3600
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    async with api_server(certificates) as server:
        text = kubeconfig(server, certificates, replace(config, id_token=id_token(time.time() + expires_in)))
        ours.write_text(text)
        theirs.write_text(text)
        await connect(load_config(ours, environ={})).get("api")
        issuer.renewals = 0
        command = [str(assets / "kubectl"), "--kubeconfig", str(theirs), "get", "--raw", "/api"]
        process = await asyncio.create_subprocess_exec(*command)
        assert await process.wait() == 0
    first, second = (request.headers["authorization"] for request in server.requests)
    assert first == second
    assert yaml.safe_load(ours.read_text())["users"] == yaml.safe_load(theirs.read_text())["users"]
