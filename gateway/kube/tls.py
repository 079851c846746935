"""TLS contexts for the API server: trusted authorities, expected server name, client certificate."""

import os
import ssl
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from gateway.errors import ConfigurationError, CredentialsError
from gateway.kube.config.cluster_config import TLSSettings
from gateway.kube.config.credentials import ClientCertificate

__all__ = ["plain_context", "proxy_context", "server_context"]


class _ServerNameContext(ssl.SSLContext):
    """A context that sends and verifies one server name instead of the URL's host (``tls-server-name``).

    httpx's ``sni_hostname`` extension does this for direct connections only: with a proxy's tunnel it sends
    the name to the proxy, and the URL's host to the API server.
    """

    server_name: str

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,  # noqa: ARG002 (overruled)
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name, session)


def server_context(settings: TLSSettings, certificate: ClientCertificate | None = None) -> ssl.SSLContext:
    """A context for the API server.

    Raises ConfigurationError for a malformed authority, CredentialsError for an unusable client certificate.
    """
    context: ssl.SSLContext
    if settings.server_name is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = named = _ServerNameContext(ssl.PROTOCOL_TLS_CLIENT)
        named.server_name = settings.server_name
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        _trust(context, settings.ca)
    if certificate is not None:
        _load_certificate(context, certificate)
    return context


def plain_context() -> ssl.SSLContext:
    """A context for a server without TLS; it skips loading the system's authorities, which takes 30 ms."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def proxy_context(settings: TLSSettings) -> ssl.SSLContext:
    """A context for the TLS connection to a proxy: trusts the system's authorities and the cluster's.

    It has no client certificate, which is for the API server only.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    if settings.ca is not None:
        _trust(context, settings.ca)
    return context


def _trust(context: ssl.SSLContext, ca: bytes | None) -> None:
    # Go accepts any given certificate as a trust anchor, and clusters rely on it: kube-apiserver's
    # self-signed certificate is not a CA certificate, and many CA certificates fail Python 3.13's strict
    # mode.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if ca is None:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(cadata=ca.decode("ascii", errors="ignore"))
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(
            "the cluster's certificate authority is not a PEM certificate: check certificate-authority(-data)"
        ) from error


def _load_certificate(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Load the certificate and its key through a temporary file: OpenSSL reads keys from files only.

    The file has mode 0600 and is removed before this function returns. Raises CredentialsError.
    """
    handle, name = tempfile.mkstemp(prefix="kube-graphql-", suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(certificate.key.rstrip() + b"\n" + certificate.certificate)
        context.load_cert_chain(name, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise CredentialsError(f"the client certificate and its key cannot be used: {reason}") from error
    finally:
        Path(name).unlink()


def _no_password(*_: Any) -> NoReturn:
    """Refuse an encrypted key: without a password callback OpenSSL would prompt at the terminal."""
    raise ValueError("the key is encrypted, which no kubeconfig allows")
