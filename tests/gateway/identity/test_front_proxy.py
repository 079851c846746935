"""The front proxy's proof, and the user that it names."""

import ssl
from pathlib import Path

import pytest
import trustme

from gateway.errors import CallerUnauthenticated, ConfigurationError
from gateway.identity.certificates import Authorities, PeerCertificate
from gateway.identity.front_proxy import FrontProxy, secret_file
from gateway.identity.reserved_headers import ProxyHeaders
from gateway.kube.config.cluster_config import Impersonation
from tests.gateway.identity.conftest import head_with

SECRET = "correct-horse-battery-staple"
BEARER = ("Authorization", f"Bearer {SECRET}")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    return path


@pytest.fixture
def proxy(secret: Path) -> FrontProxy:
    return FrontProxy(secret=secret_file(str(secret)))


def certificate(authority: trustme.CA, name: str = "front-proxy", not_after: float = 2e10) -> PeerCertificate:
    anchor = ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode())
    return PeerCertificate(name, (), not_after, anchor)


@pytest.mark.parametrize(
    "value", ["Bearer wrong", f"Bearer {SECRET}x", f"Bearer {SECRET[:-1]}", f"Basic {SECRET}", "", "Bearer"]
)
def test_only_the_secret_is_a_proof(proxy: FrontProxy, value: str) -> None:
    assert proxy.sent(head_with(BEARER))
    assert not proxy.sent(head_with(("Authorization", value)))
    assert not proxy.sent(head_with())
    assert not proxy.sent(head_with(BEARER, BEARER))
    assert not FrontProxy().sent(head_with(BEARER))


@pytest.mark.parametrize("content", ["", "\n", "short", "sixteen or more, with spaces", "äääääääääääääääää"])
def test_an_unusable_secret_is_refused(secret: Path, content: str) -> None:
    secret.write_text(content)
    with pytest.raises(ConfigurationError, match="16 or more visible ASCII characters"):
        secret_file(str(secret))


def test_a_certificate_is_a_proof_by_its_authority_and_its_name(
    tmp_path: Path, authority: trustme.CA
) -> None:
    path, other = tmp_path / "ca.pem", trustme.CA()
    path.write_bytes(authority.cert_pem.bytes())
    authorities = Authorities(str(path))
    any_name, one_name = FrontProxy(authorities), FrontProxy(authorities, ("front-proxy", "second"))

    assert any_name.sent(head_with(certificate=certificate(authority, "x")))
    assert one_name.sent(head_with(certificate=certificate(authority)))
    assert not one_name.sent(head_with(certificate=certificate(authority, "x")))
    assert not any_name.sent(head_with(certificate=certificate(other)))
    assert not any_name.sent(head_with(certificate=certificate(authority, not_after=1.0)))
    assert not any_name.sent(head_with())
    assert not FrontProxy().sent(head_with(certificate=certificate(authority)))


def test_a_file_without_authorities_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    for content in ("", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        path.write_text(content)
        with pytest.raises(ConfigurationError, match="no certificate authority"):
            Authorities(str(path))


def test_the_user_has_a_uid_groups_and_extras(proxy: FrontProxy) -> None:
    head = head_with(
        ("X-Remote-User", "jane@example.com"),
        ("X-Remote-Uid", "42"),
        ("X-Remote-Group", "dev"),
        ("X-Remote-Group", "a, b"),
        ("X-Remote-Group", ""),
        ("X-Remote-Extra-Acme.com%2FProject", "one"),
        ("X-Remote-Extra-Acme.com%2FProject", "two"),
        ("X-Remote-Extra-Broken%2", "x"),
        ("X-Remote-Extra-Bytes%FF", "x"),
    )
    assert proxy.user(head) == Impersonation(
        "jane@example.com",
        "42",
        ("dev", "a, b"),
        (("acme.com/project", ("one", "two")), ("broken%2", ("x",)), ("bytes%ff", ("x",))),
    )


def test_configured_names_replace_the_default_ones(secret: Path) -> None:
    names = ProxyHeaders(("x-first", "x-second"), (), ("x-team",), ("x-more-", "x-also-"))
    proxy = FrontProxy(secret=secret_file(str(secret)), headers=names)
    head = head_with(
        ("X-First", ""),
        ("X-Second", "jane"),
        ("X-Remote-User", "admin"),
        ("X-Remote-Group", "system:masters"),
        ("X-Team", "dev"),
        ("X-Also-Scope", "b"),
        ("X-More-Scope", "a"),
    )
    assert proxy.user(head) == Impersonation("jane", groups=("dev",), extra=(("scope", ("a", "b")),))


def test_no_user_header_names_no_user(proxy: FrontProxy) -> None:
    assert proxy.user(head_with(BEARER, ("X-Remote-Group", "dev"))) is None
    assert proxy.user(head_with(BEARER, ("X-Remote-User", ""))) is None


@pytest.mark.parametrize("name", ["X-Remote-User", "X-Remote-Uid"])
def test_a_repeated_user_is_refused(proxy: FrontProxy, name: str) -> None:
    head = head_with(("X-Remote-User", "jane"), (name, "a"), (name, "b"))
    with pytest.raises(CallerUnauthenticated, match="more than once"):
        proxy.user(head)


def test_an_extra_without_a_key_is_refused(proxy: FrontProxy) -> None:
    with pytest.raises(CallerUnauthenticated, match="without a key"):
        proxy.user(head_with(("X-Remote-User", "jane"), ("X-Remote-Extra-", "x")))
