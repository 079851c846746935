"""Fixtures: a certificate authority, and clients that are closed after the test."""

import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import pytest
import trustme

from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig, PEMSource, TLSSettings

Connect = Callable[..., KubeClient]


@dataclass(frozen=True)
class Certificates:
    """A certificate authority: it issues PEM for clients and contexts for servers."""

    authority: trustme.CA

    @property
    def ca(self) -> bytes:
        return self.authority.cert_pem.bytes()

    @property
    def settings(self) -> TLSSettings:
        return TLSSettings(ca=self.ca)

    def server_context(self, *names: str) -> ssl.SSLContext:
        """A context for ``names`` (default 127.0.0.1); client certificates of this authority are optional."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*(names or ("127.0.0.1",))).configure_cert(context)
        self.authority.configure_trust(context)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def client_pem(self, name: str) -> tuple[PEMSource, PEMSource]:
        """A client certificate and its key."""
        issued = self.authority.issue_cert(common_name=name)
        certificate = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        return PEMSource(data=certificate), PEMSource(data=issued.private_key_pem.bytes())


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    return Certificates(trustme.CA())


@pytest.fixture
async def connect(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
    """Connect a client to a URL or a ClusterConfig; keywords replace fields of the config."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    clients: list[KubeClient] = []

    def connect(target: str | ClusterConfig, **fields: object) -> KubeClient:
        config = ClusterConfig(server=target) if isinstance(target, str) else target
        clients.append(KubeClient.connect(replace(config, **fields)))  # type: ignore[arg-type]  # any field
        return clients[-1]

    yield connect
    for client in clients:
        await client.aclose()
