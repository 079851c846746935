"""TLS of the listener: its certificate and the authorities of client certificates, replaced while it runs."""

import logging
import os
import ssl
from collections.abc import Sequence
from typing import Any, NoReturn

from gateway.errors import ConfigurationError
from gateway.identity import Authorities

__all__ = ["ServerTLS"]

logger = logging.getLogger(__name__)

_Versions = tuple[tuple[int, int, int] | None, ...]


class ServerTLS:
    """The TLS context of a listener: TLS 1.2 and later.

    A client certificate is optional; one that no authority of ``clients`` has issued fails the handshake.
    Raises ConfigurationError for files that cannot be used.
    """

    def __init__(self, certificate: str, key: str, clients: Sequence[Authorities] = ()) -> None:
        self._files = (certificate, key)
        self._clients = clients
        self._trusted: frozenset[bytes] = frozenset()
        self._versions = self._stat()
        self.context = _context()
        self._load()
        if clients:
            self.context.verify_mode = ssl.CERT_OPTIONAL
            # as in Go: any given certificate is a trust anchor, whether it is a root or not
            self.context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            self.context.num_tickets = 0
            self._trust()

    def refresh(self) -> None:
        """Load the files again if they have changed: new connections use them.

        An unusable pair is logged, and the previous one stays. An authority that has left its file is still
        part of handshakes; :meth:`Authorities.issued` refuses its certificates.
        """
        self._trust()
        versions = self._stat()
        if versions == self._versions:
            return
        self._versions = versions
        try:
            self._load()
        except ConfigurationError as error:
            logger.warning("%s; the previous certificate stays in use", error)
        else:
            logger.info("the certificate %s has changed and is in use", self._files[0])

    def _load(self) -> None:
        # first into a context of its own: a pair that does not match would damage the one in use
        for context in (_context(), self.context):
            try:
                context.load_cert_chain(*self._files, password=_no_password)
            except (ssl.SSLError, OSError, ValueError) as error:
                reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
                names = " and ".join(self._files)
                raise ConfigurationError(f"{names} cannot be used for TLS: {reason}") from error

    def _trust(self) -> None:
        added = frozenset[bytes]().union(*(item.certificates for item in self._clients)) - self._trusted
        for certificate in added:
            self.context.load_verify_locations(cadata=certificate)
        self._trusted |= added

    def _stat(self) -> _Versions:
        return tuple(map(_version, self._files))


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _version(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 (follows the links of a mounted Secret)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _no_password(*_: Any) -> NoReturn:
    """Refuse an encrypted key: without a password callback OpenSSL would prompt at the terminal."""
    raise ValueError("the key is encrypted")
