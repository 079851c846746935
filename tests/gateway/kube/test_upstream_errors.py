"""Exceptions of httpx and misbehaving servers: every error is one of gateway.errors."""

import asyncio
import inspect
import socket
import ssl
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.errors import GatewayError, ServerFailure, UpstreamTimeout, UpstreamUnavailable
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import TLSSettings
from gateway.kube.upstream_errors import CAUGHT, ERRORS, failed_status, upstream_error
from tests.gateway.kube.conftest import Certificates, Connect

HTTPX_ERRORS = [
    member for _, member in inspect.getmembers(httpx, inspect.isclass) if issubclass(member, BaseException)
]


def instance_of(kind: type[BaseException]) -> BaseException:
    """An instance of ``kind``, made without its constructor."""
    error = kind.__new__(kind)
    BaseException.__init__(error, "message of httpx")
    return error


@pytest.mark.parametrize("kind", HTTPX_ERRORS, ids=lambda kind: kind.__name__)
def test_every_exception_of_httpx_is_caught_and_mapped(kind: type[Exception]) -> None:
    assert issubclass(kind, CAUGHT)
    assert kind in ERRORS
    error = upstream_error(instance_of(kind), "host:6443")  # type: ignore[arg-type]  # an Exception, by the line above
    assert isinstance(error, GatewayError)
    assert "host:6443" in error.message
    assert "\n" not in error.message


@pytest.mark.parametrize(
    ("cause", "hint"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection refused: is it running"),
        (socket.gaierror(-2, "Name or service not known"), "DNS"),
        (OSError(113, "No route to host"), "no route to host"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "does not speak TLS"),
        (ExceptionGroup("all failed", [ConnectionRefusedError(111, "refused")]), "connection refused"),
    ],
)
def test_message_has_the_failure_and_a_hint(cause: Exception, hint: str) -> None:
    error = httpx.ConnectError("All connection attempts failed")
    error.__cause__ = OSError("wrapped")
    error.__cause__.__cause__ = cause
    assert hint in upstream_error(error, "host:6443").message


async def test_refused_connection_names_host_and_port(connect: Connect) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(
            UpstreamUnavailable, match=f"127.0.0.1:{port} cannot be reached: connection refused"
        ):
            await connect(f"http://127.0.0.1:{port}").get("api")


async def test_unknown_host_name_is_named_in_the_error(connect: Connect) -> None:
    with pytest.raises((UpstreamUnavailable, UpstreamTimeout), match=r"no-such-host\.invalid:6443"):
        await connect("https://no-such-host.invalid:6443").get("api")


HEAD = b"HTTP/1.1 200 OK\r\n"
MISBEHAVIOURS = {
    "closes": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "half a status line": b"HTTP/1.",
    "half the headers": HEAD + b"content-le",
    "bad status": b"HTTP/1.1 abc OK\r\n\r\n",
    "bad header": HEAD + b"no colon\r\n\r\n",
    "endless header": HEAD + b"x: " + b"y" * 200_000,
    "short body": HEAD + b"content-length: 10\r\n\r\nabc",
    "two lengths": HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "bad chunk": HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    "half a chunk": HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nab",
    "broken gzip": HEAD + b"content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
    "unknown encoding": HEAD + b"content-encoding: zstd\r\ncontent-length: 3\r\n\r\nabc",
    "failure that breaks off": b"HTTP/1.1 500 X\r\ncontent-length: 10\r\n\r\nabc",
    "switches protocols": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n",
}


@pytest.fixture(params=MISBEHAVIOURS)
async def misbehaving(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(MISBEHAVIOURS[request.param])
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def read_stream(client: KubeClient) -> None:
    async with client.stream("api", {}, read_timeout=20) as stream:
        async for _ in stream:
            pass


async def test_misbehaving_server_raises_a_gateway_error(connect: Connect, misbehaving: str) -> None:
    client = connect(misbehaving)
    with pytest.raises(GatewayError):
        await client.get("api", timeout=20)
    with pytest.raises(GatewayError):
        await client.request("POST", "api", body=b"x", timeout=20)
    with pytest.raises(GatewayError):
        await read_stream(client)


async def test_server_that_requires_a_client_certificate_raises_a_gateway_error(
    connect: Connect, certificates: Certificates
) -> None:
    context = certificates.server_context()
    context.verify_mode = ssl.CERT_REQUIRED

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    client = connect(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", tls=certificates.settings)
    with pytest.raises(GatewayError, match=r"client certificate|broke off"):
        await client.get("api")
    server.close()


async def test_connection_reset_raises_a_gateway_error(connect: Connect) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    client = connect(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", tls=TLSSettings())
    with pytest.raises(GatewayError):
        await client.get("api")
    server.close()


async def test_malformed_request_raises_a_gateway_error(connect: Connect) -> None:
    client = connect("http://127.0.0.1:1")
    with pytest.raises(GatewayError):
        await client.get("api/v1/pods", {"labelSelector": "a" * 100_000})
    with pytest.raises(GatewayError):
        await client.get("api/v1/pods", accept="a\r\nb: c")


def test_no_gateway_error_is_an_httpx_error() -> None:
    assert not any(issubclass(kind, httpx.HTTPError) for kind, _ in ERRORS.values())


def test_retry_delay_comes_from_the_status_details_without_a_header() -> None:
    body = b'{"kind": "Status", "code": 500, "details": {"retryAfterSeconds": 3}}'
    error = failed_status(500, {}, body)
    assert isinstance(error, ServerFailure)
    assert error.status.retry_after_seconds == 3


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("soon", None)]
)
def test_retry_after_is_a_number_or_a_date(header: str, seconds: int | None) -> None:
    assert failed_status(429, {"retry-after": header}, b"").status.retry_after_seconds == seconds
