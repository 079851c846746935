"""TLS towards the API server: whom to trust, which name to expect, which client certificate to show."""

import os
import ssl
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from gateway.errors import ConfigurationError, CredentialsError
from gateway.kube.config.cluster_config import TLSSettings
from gateway.kube.config.credentials import ClientCertificate

__all__ = ["plain_context", "proxy_context", "server_context"]


class ServerNameContext(ssl.SSLContext):
    """A context that asks for, and verifies, one name whatever the URL says (``tls-server-name``).

    httpx's ``sni_hostname`` extension does the same for a direct connection only: through a proxy's tunnel it
    would name the API server to the proxy, and the URL's host to the API server.
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
    """A context for the API server. Raises ConfigurationError; CredentialsError for the certificate."""
    context: ssl.SSLContext
    if settings.server_name is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = named = ServerNameContext(ssl.PROTOCOL_TLS_CLIENT)
        named.server_name = settings.server_name
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        trust(context, settings.ca)
    if certificate is not None:
        load_certificate(context, certificate)
    return context


def plain_context() -> ssl.SSLContext:
    """For a server that does not speak TLS: trusts nobody, and costs nothing (the system's list: 30 ms)."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def proxy_context(settings: TLSSettings) -> ssl.SSLContext:
    """A context for a proxy that is itself reached over TLS: the system's authorities and the cluster's.

    No client certificate: that is for the API server alone.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    if settings.ca is not None:
        trust(context, settings.ca)
    return context


def trust(context: ssl.SSLContext, ca: bytes | None) -> None:
    # Go takes any certificate that it was given as an anchor, and so do clusters: kube-apiserver's own
    # self-signed one is no authority, and many an authority lacks what Python 3.13's strict mode wants.
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


def load_certificate(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """OpenSSL reads keys from files only: one that nobody else can read, gone before this returns."""
    handle, name = tempfile.mkstemp(prefix="kube-graphql-", suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(certificate.key.rstrip() + b"\n" + certificate.certificate)
        context.load_cert_chain(name, password=no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise CredentialsError(f"the client certificate and its key cannot be used: {reason}") from error
    finally:
        Path(name).unlink()


def no_password(*_: Any) -> NoReturn:
    """Without it OpenSSL would stop and ask at the terminal."""
    raise ValueError("the key is encrypted, which no kubeconfig allows")
