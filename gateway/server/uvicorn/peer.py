"""The client certificate of a connection, on its way from TLS to the guard.

A request that another worker relays arrives on this worker's private Unix socket, and has the certificate of
its client in a header. Only there the header has a meaning: on every other connection it is dropped.
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.types import Scope

from gateway.identity import PeerCertificate, peer_certificate

__all__ = ["Peer", "certificate_header", "certificate_of", "set_certificate"]

_CERTIFICATE = "kube_graphql.certificate"
_HEADER = b"x-kube-graphql-certificate"


@dataclass(slots=True)
class Peer:
    """The client of one connection; ``private`` says that it is another worker."""

    certificate: PeerCertificate | None = None
    private: bool = False

    @classmethod
    def of(cls, transport: asyncio.BaseTransport) -> "Peer":
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family == getattr(socket, "AF_UNIX", None):
            return cls(private=True)
        connection: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        return cls(peer_certificate(connection))

    def afresh(self) -> "Peer":
        """The peer of the connection's next request."""
        return Peer(private=True) if self.private else self

    def takes(self, name: bytes, value: bytes) -> bool:
        """Whether the header is a relayed certificate, which is no header of the request."""
        if name.lower() != _HEADER:
            return False
        if self.private:
            try:
                self.certificate = PeerCertificate.from_header(value)
            except (ValueError, msgspec.DecodeError):
                self.certificate = None
        return True


def set_certificate(scope: Any, peer: Peer) -> None:
    """Store the certificate of the request in its scope."""
    scope[_CERTIFICATE] = peer.certificate


def certificate_of(scope: Scope) -> PeerCertificate | None:
    """The client certificate of the request."""
    certificate: PeerCertificate | None = scope.get(_CERTIFICATE)
    return certificate


def certificate_header(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers that carry the client certificate to another worker."""
    certificate = certificate_of(scope)
    return [] if certificate is None else [(_HEADER, certificate.to_header())]
