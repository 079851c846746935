"""The client certificate on its way to the guard."""

import asyncio
import socket
from typing import Any

from gateway.identity import PeerCertificate
from gateway.server.uvicorn.peer import Peer, certificate_header, certificate_of, set_certificate

CERTIFICATE = PeerCertificate("ann", ("ops",), 1e10, b"anchor")


class Transport(asyncio.BaseTransport):
    def __init__(self, family: socket.AddressFamily) -> None:
        super().__init__()
        self.family = family

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "socket" else default


def relayed(certificate: PeerCertificate) -> tuple[bytes, bytes]:
    scope: dict[str, Any] = {}
    set_certificate(scope, Peer(certificate))
    assert certificate_of(scope) == certificate
    (header,) = certificate_header(scope)
    return header


def test_a_relayed_certificate_is_taken_on_a_private_socket() -> None:
    peer = Peer.of(Transport(socket.AF_UNIX))
    assert peer.takes(*relayed(CERTIFICATE))
    assert peer.certificate == CERTIFICATE
    assert peer.afresh().certificate is None


def test_on_another_connection_the_header_is_dropped() -> None:
    peer = Peer.of(Transport(socket.AF_INET))
    name, value = relayed(CERTIFICATE)
    assert peer.takes(name.upper(), value)
    assert peer.certificate is None
    assert not peer.takes(b"authorization", value)
    assert peer.afresh() is peer


def test_a_malformed_certificate_is_none() -> None:
    peer = Peer(private=True)
    name, _ = relayed(CERTIFICATE)
    for value in (b"%", b"e30="):
        assert peer.takes(name, value)
        assert peer.certificate is None


def test_without_a_certificate_there_is_no_header() -> None:
    scope: dict[str, Any] = {}
    assert certificate_header(scope) == []
    set_certificate(scope, Peer())
    assert certificate_header(scope) == []
