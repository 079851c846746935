"""Requests through a proxy to the API server: HTTP tunnels and SOCKS."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest

from gateway.errors import ConfigurationError, UpstreamUnavailable
from gateway.kube.config.cluster_config import TLSSettings, UserConfig
from tests.gateway.kube.conftest import Certificates, Connect
from tests.gateway.kube.loopback import Reply, Request, forward, json_reply, serve


@dataclass
class ConnectProxy:
    """A proxy's URL and the heads of its requests."""

    url: str = ""
    heads: list[str] = field(default_factory=list)


@asynccontextmanager
async def connect_proxy(*, refuse: bool = False) -> AsyncIterator[ConnectProxy]:
    """A proxy whose tunnels lead to loopback, for any requested host."""
    proxy = ConnectProxy()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        proxy.heads.append(head)
        if refuse:
            writer.write(b"HTTP/1.1 403 Forbidden by policy\r\ncontent-length: 0\r\n\r\n")
            writer.close()
            return
        port = int(head.split(" ")[1].rpartition(":")[2])
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(forward(reader, upstream_writer), forward(upstream_reader, writer))

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        listening.close()


async def answer(request: Request) -> Reply:
    return json_reply({})


async def test_proxy_url_leads_to_the_server_through_a_tunnel(
    connect: Connect, certificates: Certificates
) -> None:
    async with connect_proxy() as proxy, serve(answer, certificates.server_context()) as server:
        client = connect(
            server.url,
            tls=certificates.settings,
            proxy_url=proxy.url.replace("//", "//me:secret@"),
            user=UserConfig(token="for the server only".replace(" ", "-")),
        )
        await client.get("api")
        await client.as_bearer("alice").get("api")
    assert len(server.requests) == 2
    assert [head.split("\r\n")[0] for head in proxy.heads] == [
        f"CONNECT 127.0.0.1:{server.port} HTTP/1.1"
    ] * 2
    assert all("Proxy-Authorization: Basic" in head for head in proxy.heads)
    assert not any("Bearer" in head for head in proxy.heads)


async def test_tls_server_name_applies_inside_a_tunnel(connect: Connect, certificates: Certificates) -> None:
    context = certificates.server_context("kubernetes.default")
    async with connect_proxy() as proxy, serve(answer, context) as server:
        settings = TLSSettings(certificates.ca, server_name="kubernetes.default")
        client = connect(f"https://unknown.example:{server.port}", tls=settings, proxy_url=proxy.url)
        await client.get("api")
    assert server.connections[0].server_name == "kubernetes.default"
    assert proxy.heads[0].startswith("CONNECT unknown.example:")


async def test_proxy_of_the_environment_is_used_but_never_for_loopback(
    connect: Connect, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = certificates.server_context("127.0.0.1", "cluster.example")
    async with connect_proxy() as proxy, serve(answer, context) as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        near = connect(server.url, tls=certificates.settings)
        await near.get("api")
        assert proxy.heads == []
        far = connect(f"https://cluster.example:{server.port}", tls=certificates.settings)
        await far.get("api")
    assert len(proxy.heads) == 1


async def test_refusal_of_the_proxy_is_named_in_the_error(connect: Connect) -> None:
    async with connect_proxy(refuse=True) as proxy:
        client = connect("https://cluster.example:6443", proxy_url=proxy.url)
        with pytest.raises(UpstreamUnavailable, match=r"cluster\.example:6443.*proxy refused.*403"):
            await client.get("api")


@pytest.mark.parametrize("url", ["ftp://x", "nonsense", "http://", "http://h:port"])
def test_malformed_proxy_url_is_a_configuration_error(connect: Connect, url: str) -> None:
    with pytest.raises(ConfigurationError, match="proxy-url"):
        connect("https://127.0.0.1:1", proxy_url=url)


@dataclass
class SocksProxy:
    """A SOCKS5 proxy's address, its requested targets, and the user names it received."""

    url: str = ""
    targets: list[tuple[str, int]] = field(default_factory=list)
    users: list[str] = field(default_factory=list)


@asynccontextmanager
async def socks_proxy(*, refuse: bool = False) -> AsyncIterator[SocksProxy]:
    """A SOCKS5 proxy (RFC 1928, RFC 1929) whose tunnels lead to loopback, for every requested host name."""
    proxy = SocksProxy()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        with_password = 2 in await reader.readexactly(methods)
        writer.write(b"\x05\x02" if with_password else b"\x05\x00")
        if with_password:
            _, length = await reader.readexactly(2)
            proxy.users.append((await reader.readexactly(length)).decode())
            await reader.readexactly((await reader.readexactly(1))[0])
            writer.write(b"\x01\x00")
        *_, address_type = await reader.readexactly(4)
        if address_type == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = str(ip_address(await reader.readexactly(4 if address_type == 1 else 16)))
        port = int.from_bytes(await reader.readexactly(2))
        proxy.targets.append((host, port))
        writer.write((b"\x05\x02" if refuse else b"\x05\x00") + b"\x00\x01\x00\x00\x00\x00\x00\x00")
        if refuse:
            writer.close()
            return
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(forward(reader, upstream_writer), forward(upstream_reader, writer))

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    proxy.url = f"socks5://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        listening.close()


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_socks_proxy_url_leads_to_the_server_through_a_tunnel(
    connect: Connect, certificates: Certificates, scheme: str
) -> None:
    context = certificates.server_context("cluster.example")
    async with socks_proxy() as proxy, serve(answer, context) as server:
        client = connect(
            f"https://cluster.example:{server.port}",
            tls=certificates.settings,
            proxy_url=proxy.url.replace("socks5://", f"{scheme}://me:secret@"),
            user=UserConfig(token="for-the-server-only"),
        )
        await client.get("api")
        await client.as_bearer("alice").get("api")
    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer for-the-server-only",
        "Bearer alice",
    ]
    assert proxy.targets == [("cluster.example", server.port)] * 2
    assert proxy.users == ["me"] * 2


async def test_socks_proxy_of_the_environment_is_used(
    connect: Connect, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        socks_proxy() as proxy,
        serve(answer, certificates.server_context("cluster.example")) as server,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        client = connect(f"https://cluster.example:{server.port}", tls=certificates.settings)
        await client.get("api")
    assert proxy.targets == [("cluster.example", server.port)]


async def test_tls_server_name_applies_through_a_socks_proxy(
    connect: Connect, certificates: Certificates
) -> None:
    context = certificates.server_context("kubernetes.default")
    async with socks_proxy() as proxy, serve(answer, context) as server:
        settings = TLSSettings(certificates.ca, server_name="kubernetes.default")
        client = connect(f"https://unknown.example:{server.port}", tls=settings, proxy_url=proxy.url)
        await client.get("api")
    assert server.connections[0].server_name == "kubernetes.default"


async def test_refusal_of_the_socks_proxy_is_named_in_the_error(connect: Connect) -> None:
    async with socks_proxy(refuse=True) as proxy:
        client = connect("https://cluster.example:6443", proxy_url=proxy.url)
        with pytest.raises(UpstreamUnavailable, match=r"cluster\.example:6443.*proxy refused.*not allowed"):
            await client.get("api")


@pytest.mark.parametrize(
    "reply", [b"", b"\x05", b"\x05\xff", b"\x04\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n"]
)
async def test_malformed_reply_of_a_socks_proxy_is_unavailable(connect: Connect, reply: bytes) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(3)
        writer.write(reply)
        writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = connect("https://cluster.example:6443", proxy_url=f"socks5://127.0.0.1:{port}")
        with pytest.raises(UpstreamUnavailable, match=r"cluster\.example:6443"):
            await client.get("api")


async def test_netrc_is_never_read(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with serve(answer) as server:
        client = connect(server.url)
        await client.get("api")
    assert "authorization" not in server.requests[0].headers
