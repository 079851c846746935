"""``impersonate``: the source of the caller, and requests that name none."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from gateway.errors import CallerRefused, CallerUnauthenticated
from gateway.identity import Impersonate, Origins, PeerCertificate, RequestHead
from gateway.identity.certificates import Authorities
from gateway.identity.front_proxy import FrontProxy, secret_file
from gateway.identity.id_tokens import Claims, IDTokens
from gateway.identity.signing_keys import SigningKeys
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import Impersonation
from gateway.kube.issuer import fetch_signing_keys
from tests.fixtures.issuer import CLIENT_ID, Issuer, running_issuer
from tests.gateway.identity.conftest import head_with

SECRET = "correct-horse-battery-staple"
PROOF = ("Authorization", f"Bearer {SECRET}")
USERS = trustme.CA()


@pytest.fixture
async def issuer(authority: trustme.CA) -> AsyncIterator[Issuer]:
    async with running_issuer(authority) as issuer:
        yield issuer


@pytest.fixture
def identity(client: KubeClient, issuer: Issuer, authority: trustme.CA, tmp_path: Path) -> Impersonate:
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "ca.pem").write_bytes(USERS.cert_pem.bytes())
    ca = authority.cert_pem.bytes()
    return Impersonate(
        client,
        FrontProxy(secret=secret_file(str(tmp_path / "secret"))),
        Authorities(str(tmp_path / "ca.pem")),
        IDTokens(
            Claims(issuer.url, CLIENT_ID, username_prefix="oidc:"),
            SigningKeys(lambda: fetch_signing_keys(issuer.url, ca)),
        ),
    )


def subject(name: str, *groups: str, not_after: float = 2e10) -> PeerCertificate:
    anchor = ssl.PEM_cert_to_DER_cert(USERS.cert_pem.bytes().decode())
    return PeerCertificate(name, groups, not_after, anchor)


async def expect(
    identity: Impersonate, head: RequestHead, user: Impersonation, params: dict[str, Any] | None = None
) -> None:
    """Over HTTP (without ``params``) and over a websocket the caller is the user."""
    expected = identity.client.as_user(user).identity
    if params is None:
        assert (await identity.authenticate(head)).client.identity == expected
    caller = await identity.authenticate_connection(head, params)
    assert caller.client.identity == expected
    assert caller.client.is_callers


async def test_the_front_proxy_names_the_user(identity: Impersonate) -> None:
    head = head_with(PROOF, ("X-Remote-User", "jane"), ("X-Remote-Group", "dev"))
    await expect(identity, head, Impersonation("jane", groups=("dev",)))


async def test_a_client_certificate_names_the_user(identity: Impersonate) -> None:
    await expect(
        identity, head_with(certificate=subject("jane", "dev", "")), Impersonation("jane", groups=("dev",))
    )
    for other in (subject("jane", not_after=1.0), subject("")):
        with pytest.raises(CallerUnauthenticated):
            await identity.authenticate(head_with(certificate=other))


async def test_an_id_token_names_the_user_until_it_expires(identity: Impersonate, issuer: Issuer) -> None:
    token, user = issuer.token(exp=2_000_000_000_0), Impersonation("oidc:alice")
    head = head_with(("Authorization", f"Bearer {token}"))
    await expect(identity, head, user)
    await expect(identity, head_with(), user, {"Authorization": f"Bearer {token}"})
    assert (await identity.authenticate(head)).expires_at == 2_000_000_000_0
    assert (await identity.authenticate(head_with(PROOF, ("X-Remote-User", "a")))).expires_at is None


async def test_the_front_proxys_user_precedes_the_payloads_token(
    identity: Impersonate, issuer: Issuer
) -> None:
    head = head_with(PROOF, ("X-Remote-User", "jane"))
    await expect(identity, head, Impersonation("jane"), {"Authorization": f"Bearer {issuer.token()}"})


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [PROOF],
        [PROOF, ("X-Remote-User", "")],
        [PROOF, ("X-Remote-Group", "dev")],
        [PROOF, ("X-Remote-User", " ")],
        [PROOF, ("X-Remote-User", "a\tb\x7f")],
        [PROOF, ("X-Remote-User", "jane"), ("X-Remote-User", "admin")],
        [PROOF, ("X-Remote-User", "jane"), ("X-Remote-Group", "dev ")],
        [("Authorization", "Bearer nonsense")],
        [("Authorization", "Basic YTpi")],
    ],
)
async def test_a_request_without_a_user_is_refused(
    identity: Impersonate, headers: list[tuple[str, str]]
) -> None:
    head = head_with(*headers)
    identity.check(head)
    with pytest.raises(CallerUnauthenticated):
        await identity.authenticate(head)
    payloads: list[dict[str, Any] | None] = [None, {}]
    for params in payloads:
        with pytest.raises(CallerUnauthenticated):
            await identity.authenticate_connection(head, params)


@pytest.mark.parametrize("name", ["X-Remote-User", "X-Remote-Group", "X-Remote-Extra-A", "Impersonate-User"])
async def test_identity_headers_need_the_proxys_proof(
    identity: Impersonate, issuer: Issuer, name: str
) -> None:
    for proof in ([], [("Authorization", f"Bearer {issuer.token()}")], [("Authorization", "Bearer wrong")]):
        head = head_with(*proof, (name, "admin"))
        with pytest.raises(CallerRefused, match=name.lower()):
            identity.check(head)
        with pytest.raises(CallerRefused):
            await identity.authenticate(head)
        with pytest.raises(CallerRefused):
            await identity.authenticate_connection(head, {"Authorization": f"Bearer {SECRET}"})
    with pytest.raises(CallerRefused, match=name.lower()):
        identity.check(head_with((name, "admin"), certificate=subject("jane")))


async def test_not_even_the_proxy_may_send_impersonate_headers(identity: Impersonate) -> None:
    with pytest.raises(CallerRefused, match="impersonate-group"):
        identity.check(head_with(PROOF, ("X-Remote-User", "jane"), ("Impersonate-Group", "system:masters")))


async def test_the_secret_in_connection_init_is_no_proof(identity: Impersonate) -> None:
    params = {"Authorization": f"Bearer {SECRET}"}
    with pytest.raises(CallerUnauthenticated):
        await identity.authenticate_connection(head_with(), params)
    with pytest.raises(CallerUnauthenticated, match="connection_init may not contain"):
        await identity.authenticate_connection(head_with(PROOF), {**params, "X-Remote-User": "admin"})


async def test_a_page_of_another_origin_cannot_use_the_handshakes_user(identity: Impersonate) -> None:
    foreign = [("Host", "gateway:8000"), ("Origin", "https://evil.example")]
    user = [PROOF, ("X-Remote-User", "jane")]
    with pytest.raises(CallerRefused, match="another origin"):
        await identity.authenticate_connection(head_with(*foreign, *user), None)
    head = head_with(*foreign, ("X-Forwarded-Host", "evil.example"), certificate=subject("jane"))
    with pytest.raises(CallerRefused, match="another origin"):
        await identity.authenticate_connection(head, None)
    own = head_with(*user, ("Host", "gateway:8000"), ("Origin", "https://a"), ("X-Forwarded-Host", "a"))
    await expect(identity, own, Impersonation("jane"), {})


async def test_a_websocket_of_a_listed_origin_may_have_a_user(identity: Impersonate, issuer: Issuer) -> None:
    foreign = head_with(("Host", "gateway:8000"), ("Origin", "https://app.example"))
    params = {"Authorization": f"Bearer {issuer.token()}"}
    with pytest.raises(CallerRefused, match="another origin"):
        await identity.authenticate_connection(foreign, params)
    listed = replace(identity, origins=Origins(["https://app.example"]))
    await expect(listed, foreign, Impersonation("oidc:alice"), params)
