"""Client certificates: the subject of the one that a TLS handshake has verified.

OpenSSL verifies a certificate against all authorities of the listener together. ``anchor`` is the authority
at the end of the verified chain: it decides which purpose the certificate has.
"""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["PeerCertificate", "peer_certificate"]


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """A verified client certificate.

    ``anchor`` is the DER encoding of the authority that ends the verified chain; ``not_after`` is in seconds
    since the epoch.
    """

    common_name: str
    organizations: tuple[str, ...]
    not_after: float
    anchor: bytes = field(repr=False)

    def is_current(self, now: Callable[[], float] = time.time) -> bool:
        """Whether it has not expired since its handshake."""
        return now() < self.not_after


def peer_certificate(connection: ssl.SSLObject | ssl.SSLSocket | None) -> PeerCertificate | None:
    """The client certificate of a connection; None without TLS or without a certificate."""
    details = connection.getpeercert() if connection is not None else None
    if connection is None or not details:
        return None
    subject: Any = details["subject"]
    attributes = [attribute for names in subject for attribute in names]
    names = [value for name, value in attributes if name == "commonName"]
    return PeerCertificate(
        # the last one, as in Go's pkix.Name
        common_name=names[-1] if names else "",
        organizations=tuple(value for name, value in attributes if name == "organizationName"),
        not_after=float(ssl.cert_time_to_seconds(str(details["notAfter"]))),
        anchor=_verified_chain(connection)[-1],
    )


def _verified_chain(connection: Any) -> list[bytes]:
    """The certificates in DER, the client's first. Public in Python 3.13; since 3.10 in the object below."""
    public = getattr(connection, "get_verified_chain", None)
    if public is not None:
        return list(public())
    return [ssl.PEM_cert_to_DER_cert(item.public_bytes()) for item in connection._sslobj.get_verified_chain()]
