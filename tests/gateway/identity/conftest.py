"""A client of an API server that no test reaches, and heads of requests."""

from collections.abc import AsyncIterator

import pytest
import trustme

from gateway.identity import RequestHead
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig


@pytest.fixture
async def client() -> AsyncIterator[KubeClient]:
    async with KubeClient.connect(ClusterConfig(server="http://127.0.0.1:1")) as client:
        yield client


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


def head_with(*headers: tuple[str, str], certificate: object = None) -> RequestHead:
    """A head with these headers, named in any case."""
    fields = [(name.lower().encode(), value.encode()) for name, value in headers]
    return RequestHead(fields, certificate)  # type: ignore[arg-type]  # a PeerCertificate or None
