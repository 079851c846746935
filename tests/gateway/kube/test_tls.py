"""TLS to the API server: authorities, server names and client certificates.

Covers ``gateway/kube/pools.py``.
"""

import asyncio
import ssl
import tempfile
from pathlib import Path

import pytest
import trustme

from gateway.errors import ConfigurationError, CredentialsError, UpstreamUnavailable
from gateway.kube.config.cluster_config import PEMSource, TLSSettings, UserConfig
from tests.gateway.kube.conftest import Certificates, Connect
from tests.gateway.kube.loopback import LoopbackServer, Reply, Request, json_reply, serve, until


async def answer(request: Request) -> Reply:
    return json_reply({})


def subjects(server: LoopbackServer) -> list[str | None]:
    """The common names of the received client certificates."""
    found: list[str | None] = []
    for connection in server.connections:
        fields = dict(pair[0] for pair in (connection.certificate or {}).get("subject", ()))
        found.append(fields.get("commonName"))
    return found


async def test_server_is_verified_with_the_cluster_authority(
    connect: Connect, certificates: Certificates
) -> None:
    async with serve(answer, certificates.server_context()) as server:
        client = connect(server.url, tls=certificates.settings)
        assert (await client.get("api")).status == 200
    assert subjects(server) == [None]


async def test_server_of_another_authority_is_not_trusted(
    connect: Connect, certificates: Certificates
) -> None:
    stranger = Certificates(trustme.CA())
    async with serve(answer, stranger.server_context()) as server:
        client = connect(server.url, tls=certificates.settings, user=UserConfig(token="secret"))
        with pytest.raises(UpstreamUnavailable, match=r"certificate verify failed.*certificate-authority"):
            await client.get("api")
    assert server.requests == []


async def test_self_signed_server_certificate_is_a_trust_anchor(connect: Connect) -> None:
    alone = trustme.CA()
    leaf = alone.issue_cert("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    settings = TLSSettings(ca=leaf.cert_chain_pems[0].bytes())
    async with serve(answer, context) as server:
        client = connect(server.url, tls=settings)
        assert (await client.get("api")).status == 200


async def test_insecure_accepts_any_certificate(connect: Connect) -> None:
    async with serve(answer, Certificates(trustme.CA()).server_context("other.example")) as server:
        client = connect(server.url, tls=TLSSettings(insecure=True))
        assert (await client.get("api")).status == 200


async def test_tls_server_name_is_sent_and_verified(connect: Connect, certificates: Certificates) -> None:
    async with serve(answer, certificates.server_context("kubernetes.default")) as server:
        named = connect(server.url, tls=TLSSettings(certificates.ca, server_name="kubernetes.default"))
        assert (await named.get("api")).status == 200
        misnamed = connect(server.url, tls=TLSSettings(certificates.ca, server_name="other.example"))
        with pytest.raises(UpstreamUnavailable, match=r"certificate verify failed.*tls-server-name"):
            await misnamed.get("api")
        unnamed = connect(server.url, tls=certificates.settings)
        with pytest.raises(UpstreamUnavailable, match="certificate verify failed"):
            await unnamed.get("api")
    assert server.connections[0].server_name == "kubernetes.default"


async def test_client_certificate_as_data_and_as_files(
    connect: Connect, certificates: Certificates, tmp_path: Path
) -> None:
    certificate, key = certificates.client_pem("system:admin")
    for source, name in ((certificate, "tls.crt"), (key, "tls.key")):
        (tmp_path / name).write_bytes(source.data or b"")
    files = (PEMSource(file=tmp_path / "tls.crt"), PEMSource(file=tmp_path / "tls.key"))
    async with serve(answer, certificates.server_context()) as server:
        for shown in ((certificate, key), files):
            user = UserConfig(certificate=shown[0], key=shown[1])
            client = connect(server.url, tls=certificates.settings, user=user)
            await client.get("api")
    assert subjects(server) == ["system:admin", "system:admin"]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for temporary files of this test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_temporary_file_of_the_key_is_removed(
    connect: Connect, certificates: Certificates, temporary: Path
) -> None:
    certificate, key = certificates.client_pem("system:admin")
    connect(
        "https://127.0.0.1:1", tls=certificates.settings, user=UserConfig(certificate=certificate, key=key)
    )
    assert not list(temporary.iterdir())


def test_mismatched_certificate_and_key_are_a_credentials_error(
    connect: Connect, certificates: Certificates, temporary: Path
) -> None:
    certificate, _ = certificates.client_pem("one")
    _, key = certificates.client_pem("two")
    with pytest.raises(CredentialsError, match="cannot be used"):
        connect("https://127.0.0.1:1", user=UserConfig(certificate=certificate, key=key))
    assert not list(temporary.iterdir())


def test_malformed_authority_is_a_configuration_error(connect: Connect) -> None:
    with pytest.raises(ConfigurationError, match="certificate-authority"):
        connect("https://127.0.0.1:1", tls=TLSSettings(ca=b"nonsense"))


async def test_server_without_tls_behind_an_https_url_is_named_in_the_error(connect: Connect) -> None:
    async def complain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\nthis server speaks plain HTTP")
        writer.close()

    server = await asyncio.start_server(complain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = connect(f"https://127.0.0.1:{port}", tls=TLSSettings(insecure=True))
    with pytest.raises(UpstreamUnavailable, match="does not speak TLS on this port"):
        await client.get("api")
    server.close()


async def test_bearer_client_sends_none_of_the_gateways_credentials(
    connect: Connect, certificates: Certificates
) -> None:
    certificate, key = certificates.client_pem("gateway")
    async with serve(answer, certificates.server_context()) as server:
        own = connect(
            server.url, tls=certificates.settings, user=UserConfig(certificate=certificate, key=key)
        )
        await own.get("api")
        alice = own.as_bearer("alice")
        await alice.get("api")
        await alice.as_bearer("bob").get("api")
        await own.get("api")
    assert subjects(server) == ["gateway", None]
    assert [
        (request.headers.get("authorization"), request.connection.certificate is not None)
        for request in server.requests
    ] == [(None, True), ("Bearer alice", False), ("Bearer bob", False), (None, True)]


async def test_bearer_client_sends_neither_the_gateways_token_nor_its_impersonation(connect: Connect) -> None:
    async with serve(answer) as server:
        own = connect(server.url, user=UserConfig(username="gateway", password="secret"))
        await own.as_bearer("alice").get("api")
    sent = server.requests[0].header_list
    assert [value for name, value in sent if name == "authorization"] == ["Bearer alice"]
    assert not [name for name, _ in sent if name.startswith("impersonate")]


async def test_rotated_certificate_opens_new_connections_and_closes_none_in_use(
    connect: Connect, certificates: Certificates, tmp_path: Path
) -> None:
    def write(name: str) -> None:
        certificate, key = certificates.client_pem(name)
        (tmp_path / "tls.crt").write_bytes(certificate.data or b"")
        (tmp_path / "tls.key").write_bytes(key.data or b"")

    write("old")
    released = asyncio.Event()

    async def respond(request: Request) -> Reply:
        if request.path == "/slow":
            await released.wait()
        subject = str((request.connection.certificate or {}).get("subject"))
        return json_reply({}, 401 if "old" in subject and request.path == "/api" else 200)

    user = UserConfig(
        certificate=PEMSource(file=tmp_path / "tls.crt"), key=PEMSource(file=tmp_path / "tls.key")
    )
    async with serve(respond, certificates.server_context()) as server:
        client = connect(server.url, tls=certificates.settings, user=user)
        slow = asyncio.create_task(client.get("slow"))
        async with asyncio.timeout(30):
            await until(lambda: bool(server.requests))
            write("new")
            assert (await client.get("api")).status == 200
            released.set()
            assert (await slow).status == 200
    assert subjects(server) == ["old", "old", "new"]
