"""Client certificates: the authorities that issue them, and the subject of one that TLS has verified.

OpenSSL verifies a certificate against all authorities of the listener together. The authority that ends the
verified chain, the *anchor*, decides the meaning of the certificate: the front proxy's and the users'
authorities are different files.
"""

import base64
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.errors import ConfigurationError
from gateway.identity.watched_file import WatchedFile
from gateway.lru import LRU

__all__ = ["Authorities", "PeerCertificate", "peer_certificate"]

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.ASCII | re.DOTALL)
_REMEMBERED_ANCHORS = 1024


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """A verified client certificate.

    ``anchor`` is the DER encoding of its authority; ``not_after`` is in seconds since the epoch.
    """

    common_name: str
    organizations: tuple[str, ...]
    not_after: float
    anchor: bytes = field(repr=False)

    def to_header(self) -> bytes:
        """The certificate as a header value, for a request between workers."""
        return base64.b64encode(msgspec.json.encode(self))

    @classmethod
    def from_header(cls, value: bytes) -> "PeerCertificate":
        return msgspec.json.decode(base64.b64decode(value), type=cls)


class Authorities:
    """A file of certificate authorities in PEM, read again when it changes."""

    def __init__(self, path: str, now: Callable[[], float] = time.time) -> None:
        self._file = WatchedFile(path, _parse_authorities)
        self._now = now

    @property
    def path(self) -> str:
        return str(self._file.path)

    @property
    def certificates(self) -> frozenset[bytes]:
        """The authorities in DER."""
        return self._file.value

    def issued(self, certificate: PeerCertificate | None) -> bool:
        """Whether the certificate is one of these authorities', and has not expired since its handshake."""
        return (
            certificate is not None
            and certificate.anchor in self._file.value
            and self._now() < certificate.not_after
        )


def _parse_authorities(content: bytes) -> frozenset[bytes]:
    blocks = _CERTIFICATE.findall(content.decode("ascii", errors="ignore"))
    try:
        found = frozenset(map(ssl.PEM_cert_to_DER_cert, blocks))
        # parses each of them
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=b"".join(found) or "-")
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError("it holds no certificate authority in PEM") from error
    return found


_anchors: LRU[bytes, bytes] = LRU(_REMEMBERED_ANCHORS)
"""The anchor by certificate, both in DER: a resumed TLS session has the certificate and no chain."""


def peer_certificate(connection: ssl.SSLObject | None) -> PeerCertificate | None:
    """The client certificate of a connection; None without TLS or without a certificate."""
    details = connection.getpeercert() if connection is not None else None
    if connection is None or not details:
        return None
    anchor = _anchor(connection)
    if anchor is None:
        return None
    subject: Any = details["subject"]
    attributes = [attribute for names in subject for attribute in names]
    names = [value for name, value in attributes if name == "commonName"]
    return PeerCertificate(
        # the last one, as in Go's pkix.Name
        common_name=names[-1] if names else "",
        organizations=tuple(value for name, value in attributes if name == "organizationName"),
        not_after=float(ssl.cert_time_to_seconds(str(details["notAfter"]))),
        anchor=anchor,
    )


def _anchor(connection: ssl.SSLObject) -> bytes | None:
    certificate = connection.getpeercert(binary_form=True)
    if certificate is None:
        return None
    chain = _verified_chain(connection)
    if not chain:
        return _anchors.get(certificate)
    _anchors.put(certificate, chain[-1])
    return chain[-1]


def _verified_chain(connection: Any) -> list[bytes]:
    """The certificates in DER, the client's first; public in Python 3.13, before that in the inner object."""
    public = getattr(connection, "get_verified_chain", None)
    if public is not None:
        return list(public())
    chain = connection._sslobj.get_verified_chain() or ()
    return [ssl.PEM_cert_to_DER_cert(item.public_bytes()) for item in chain]
