"""Connections without a proxy: the framing of responses, and which connections are used again.

Covers ``gateway/kube/transport.py``.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing

import httpx
import pytest

from gateway.errors import UpstreamError, UpstreamTimeout, UpstreamUnavailable
from gateway.kube.direct_transport import DirectTransport
from tests.fixtures.waiting import eventually
from tests.gateway.kube.conftest import Certificates, Connect
from tests.gateway.kube.loopback import Reply, Request, json_reply, serve

OK = b"HTTP/1.1 200 OK\r\n"


class Scripted:
    """A server that answers each request with the next of its ``answers``; closes when it has none left."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.may_go_on = asyncio.Event()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while self.answers:
            try:
                await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            writer.write(self.answers.pop(0))
        writer.close()


@asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[tuple[str, Scripted]]:
    script = Scripted(*answers)
    async with await asyncio.start_server(script.connected, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", script


def whole(body: bytes, *, more: bytes = b"") -> bytes:
    return OK + b"content-length: %d\r\n%b\r\n" % (len(body), more) + body


async def test_a_connection_is_used_again_after_a_complete_response(connect: Connect) -> None:
    async with scripted(
        whole(b"1"), OK + b"transfer-encoding: chunked\r\n\r\n1\r\n2\r\n0\r\n\r\n", whole(b"3")
    ) as (
        url,
        script,
    ):
        client = connect(url)
        assert [(await client.get("api")).body for _ in range(3)] == [b"1", b"2", b"3"]
        assert script.connections == 1


@pytest.mark.parametrize(
    "first",
    [
        whole(b"1", more=b"connection: close\r\n"),
        b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n1",
        whole(b"1") + whole(b"of nobody"),
        whole(b"1") + b"noise",
    ],
    ids=["close", "HTTP/1.0", "second response", "noise"],
)
async def test_a_connection_that_is_not_clean_is_closed(connect: Connect, first: bytes) -> None:
    async with scripted(first, whole(b"2")) as (url, script):
        client = connect(url)
        assert [(await client.get("api")).body for _ in range(2)] == [b"1", b"2"]
        assert script.connections == 2


async def test_interim_responses_precede_the_response(connect: Connect) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    async with scripted(interim + whole(b"1"), interim + whole(b"2")) as (url, script):
        client = connect(url)
        first, second = await client.get("api"), await client.request("POST", "api", body=b"x")
        assert (first.status, first.body, second.body) == (200, b"1", b"2")
        assert "link" not in first.headers
        assert script.connections == 1


async def test_a_body_without_a_length_ends_with_the_connection(connect: Connect) -> None:
    async with scripted(OK + b"\r\nall of it") as (url, _):
        assert (await connect(url).get("api")).body == b"all of it"


async def test_repeated_headers_are_joined(connect: Connect) -> None:
    async with scripted(whole(b"", more=b"Warning: a\r\nwarning: b\r\n")) as (url, _):
        assert (await connect(url).get("api")).headers["warning"] == "a, b"


async def test_a_write_does_not_take_a_connection_that_the_server_has_closed(connect: Connect) -> None:
    async def answer(_: Request) -> Reply:
        return json_reply({})

    async with serve(answer) as server:
        client = connect(server.url)
        await client.get("api")
        server.connections[0].transport.abort()
        await server.connections[0].closed.wait()
        assert (await client.request("POST", "api", body=b"once")).status == 200
        assert len(server.requests) == 2


async def test_unread_data_stops_the_server(connect: Connect) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 16
            yield b"x" * (1 << 16)

    async def answer(_: Request) -> Reply:
        return Reply(chunks=endless())

    async with serve(answer) as server, connect(server.url).stream("api", {}) as chunks:
        await anext(chunks)
        before = -1
        while before < sent:
            before = sent
            await asyncio.sleep(0.3)
        assert sent < 100 << 20
        await anext(chunks)


@pytest.mark.parametrize("sent", [b"x" * 200_000, b"x"], ids=["much at once", "byte by byte"])
async def test_a_complete_body_may_take_longer_than_the_silence_that_is_allowed(
    connect: Connect, sent: bytes
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        for _ in range(12):
            await asyncio.sleep(0.05)
            yield sent

    async def answer(_: Request) -> Reply:
        return Reply(chunks=slow())

    async with serve(answer) as server:
        assert (await connect(server.url).get("api", timeout=0.3)).body == sent * 12


async def test_silence_within_a_complete_body_is_a_timeout(connect: Connect) -> None:
    async def stuck() -> AsyncIterator[bytes]:
        yield b"x" * 200_000
        await asyncio.sleep(3600)

    async def answer(_: Request) -> Reply:
        return Reply(chunks=stuck())

    async with serve(answer) as server:
        client = connect(server.url)
        with pytest.raises(UpstreamTimeout):
            await client.get("api", timeout=0.1)
        assert client.in_flight == 0


async def test_a_complete_body_is_received_whatever_its_chunks(connect: Connect) -> None:
    body = bytes(range(256)) * 20_000

    async def pieces() -> AsyncIterator[bytes]:
        begin, size = 0, 1
        while begin < len(body):
            yield body[begin : begin + size]
            begin, size = begin + size, size * 3 % 1_000_003

    async def answer(_: Request) -> Reply:
        return Reply(chunks=pieces())

    async with serve(answer) as server:
        assert (await connect(server.url).get("api")).body == body


async def test_a_large_body_reaches_the_server(connect: Connect, certificates: Certificates) -> None:
    async def answer(request: Request) -> Reply:
        return json_reply({"length": len(request.body)})

    async with serve(answer, certificates.server_context()) as server:
        client = connect(server.url, tls=certificates.settings)
        response = await client.request("POST", "api", body=b"x" * (5 << 20))
        assert response.body == b'{"length": 5242880}'


Resolve = Callable[..., Awaitable[object]]


@pytest.fixture
def resolve_to(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def patch(*addresses: str) -> None:
        async def resolved(_: DirectTransport) -> list[str]:
            return list(addresses)

        monkeypatch.setattr(DirectTransport, "_addresses", resolved)

    return patch


async def test_the_next_address_is_tried_when_one_refuses_or_is_silent(
    connect: Connect, resolve_to: Callable[..., None]
) -> None:
    async def answer(_: Request) -> Reply:
        return json_reply({})

    async with serve(answer) as server:
        # 127.0.0.2 has no such server; with a full backlog, 127.0.0.3 never completes the TCP handshake
        resolve_to("127.0.0.2", "127.0.0.1")
        assert (await connect(server.url).get("api")).body == b"{}"
        with closing(socket.socket()) as silent:
            silent.bind(("127.0.0.3", server.port))
            silent.listen(0)
            with closing(socket.socket()) as filler, closing(socket.socket()) as second:
                for client in (filler, second):
                    client.setblocking(False)
                    client.connect_ex(("127.0.0.3", server.port))
                resolve_to("127.0.0.3", "127.0.0.1")
                assert (await connect(server.url).get("api")).body == b"{}"
        resolve_to("127.0.0.2", "127.0.0.4")
        with pytest.raises(UpstreamUnavailable, match="connection refused"):
            await connect(server.url).get("api")


async def test_a_second_connection_that_is_made_at_the_same_time_is_closed(
    connect: Connect, resolve_to: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_to, both = DirectTransport._connect_to, asyncio.Event()

    async def at_the_same_time(transport: DirectTransport, address: str) -> object:
        connection = await connect_to(transport, "127.0.0.1")
        if address == "127.0.0.2":
            both.set()
        else:
            await both.wait()
        return connection

    async def answer(_: Request) -> Reply:
        return json_reply({})

    monkeypatch.setattr(DirectTransport, "_connect_to", at_the_same_time)
    resolve_to("127.0.0.1", "127.0.0.2")
    async with serve(answer) as server:
        client = connect(server.url)
        await client.get("api")

        async def closed() -> int:
            return sum(item.closed.is_set() for item in server.connections)

        assert len(server.connections) == 2
        assert await eventually(closed, "one of the connections to be closed") == 1


async def test_a_name_of_the_server_is_resolved(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        return json_reply({"host": request.headers["host"]})

    async with serve(answer) as server:
        host = f"localhost:{server.port}"
        assert (await connect(f"http://{host}").get("api")).body == b'{"host": "%b"}' % host.encode()


async def test_closing_ends_requests_in_progress(connect: Connect) -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def answer(_: Request) -> Reply:
        asked.set()
        await closed.wait()
        return json_reply({})

    async with serve(answer) as server:
        client = connect(server.url)
        asking = asyncio.ensure_future(client.request("POST", "api", body=b"x"))
        await asked.wait()
        await client.aclose()
        with pytest.raises(UpstreamError):
            await asking
        closed.set()


def test_the_host_header_is_the_servers() -> None:
    for url, host in (("http://[::1]:8080", b"[::1]:8080"), ("https://api.example:443", b"api.example")):
        transport = DirectTransport(httpx.URL(url), None)
        assert b"Host: %b\r\n" % host in transport._head_lines
