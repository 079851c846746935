"""Client certificates: the authorities that issue them, and their form between workers."""

import ssl
from pathlib import Path

import pytest
import trustme

from gateway.errors import ConfigurationError
from gateway.identity.certificates import Authorities, PeerCertificate, peer_certificate

NOW = 1000.0


def anchor(authority: trustme.CA) -> bytes:
    return ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode())


def test_a_certificate_is_read_back_from_its_header() -> None:
    certificate = PeerCertificate("änn", ("ops", "dev"), 1e10, b"\x00anchor")
    assert PeerCertificate.from_header(certificate.to_header()) == certificate
    assert "anchor" not in repr(certificate)


@pytest.mark.parametrize(("not_after", "is_issued"), [(NOW + 1, True), (NOW, False)])
def test_a_certificate_of_the_authorities_counts_until_it_expires(
    tmp_path: Path, authority: trustme.CA, not_after: float, is_issued: bool
) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(b"a comment\n" + authority.cert_pem.bytes())
    authorities = Authorities(str(path), now=lambda: NOW)
    assert authorities.certificates == {anchor(authority)}
    assert authorities.issued(PeerCertificate("a", (), not_after, anchor(authority))) is is_issued
    assert not authorities.issued(PeerCertificate("a", (), not_after, b"another"))
    assert not authorities.issued(None)


@pytest.mark.parametrize(
    "content", [b"", b"text", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\xff"]
)
def test_a_file_without_an_authority_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="no certificate authority in PEM"):
        Authorities(str(path))


def test_a_connection_without_tls_has_no_certificate() -> None:
    assert peer_certificate(None) is None
