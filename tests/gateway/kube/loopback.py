"""A small HTTP/1.1 server on loopback that records requests, connections and client certificates."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig

__all__ = [
    "Connection",
    "LoopbackServer",
    "Reply",
    "Request",
    "forward",
    "json_reply",
    "serve",
    "served_client",
    "status_reply",
    "until",
]

DEADLINE_SECONDS = 30.0


@dataclass(eq=False)
class Connection:
    """One TCP connection; ``certificate`` is the client's, None without one or without TLS."""

    certificate: Mapping[str, Any] | None
    transport: asyncio.WriteTransport
    server_name: str | None = None
    closed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Request:
    """A received request; header names are in lower case, in order, with repetitions."""

    method: str
    target: str
    header_list: list[tuple[str, str]]
    body: bytes
    connection: Connection

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.header_list)

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))


@dataclass
class Reply:
    """A response; ``chunks`` are streamed; ``broken`` closes the connection without the end of the body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: AsyncIterator[bytes] | None = None
    broken: bool = False


Handler = Callable[[Request], Awaitable[Reply]]


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"content-type": "application/json", **named})


def status_reply(code: int, reason: str, message: str = "", **headers: str) -> Reply:
    """A failed response with a Status, as from an API server."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return json_reply({**body, "reason": reason, "message": message or reason}, code, **headers)


class LoopbackServer:
    """A running server: its address, and the requests and connections it received."""

    def __init__(self, handler: Handler, *, tls: bool) -> None:
        self.handler = handler
        self.tls = tls
        self.port = 0
        self.requests: list[Request] = []
        self.connections: list[Connection] = []
        self.names: list[str | None] = []

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = self.names.pop(0) if self.names else None
        connection = Connection(writer.get_extra_info("peercert") or None, writer.transport, name)
        self.connections.append(connection)
        try:
            while await self.answer(reader, writer, connection):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            connection.closed.set()
            writer.close()

    async def answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection
    ) -> bool:
        request = await read_request(reader, connection)
        self.requests.append(request)
        reply = await self.handler(request)
        chunked = (
            {"transfer-encoding": "chunked"} if reply.chunks else {"content-length": str(len(reply.body))}
        )
        lines = [f"{name}: {value}" for name, value in {**chunked, **reply.headers}.items()]
        writer.write(f"HTTP/1.1 {reply.status} X\r\n".encode())
        writer.write("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")
        if reply.chunks is None:
            writer.write(reply.body)
        else:
            await self.send_chunks(reader, writer, reply.chunks)
        await writer.drain()
        if not reply.broken and reply.chunks is not None:
            writer.write(b"0\r\n\r\n")
        return not reply.broken

    async def send_chunks(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        chunks: AsyncIterator[bytes],
    ) -> None:
        """Stream the chunks; raise ConnectionResetError as soon as the client disconnects."""

        async def send() -> None:
            async for chunk in chunks:
                writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                await writer.drain()

        sending = asyncio.ensure_future(send())
        gone = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        for task in (sending, gone):
            if task.cancel():
                with suppress(asyncio.CancelledError):
                    await task
        if not sending.cancelled():
            sending.result()
        if gone.done() and not gone.cancelled():
            gone.result()
            raise ConnectionResetError("the client went away")


async def read_request(reader: asyncio.StreamReader, connection: Connection) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = [line.partition(":") for line in lines]
    headers = [(name.lower(), value.strip()) for name, _, value in pairs]
    length = int(dict(headers).get("content-length", "0"))
    return Request(method, target, headers, await reader.readexactly(length), connection)


@asynccontextmanager
async def serve(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[LoopbackServer]:
    """Run a server during the block; with ``context`` it uses TLS and records the requested server names."""
    server = LoopbackServer(handler, tls=context is not None)
    if context is not None:
        context.sni_callback = lambda _object, name, _context: server.names.append(name)
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        async with asyncio.timeout(DEADLINE_SECONDS):
            for connection in server.connections:
                # a TLS transport that was closed twice cannot be aborted (asyncio before Python 3.11.4)
                with suppress(AttributeError):
                    connection.transport.abort()
                await connection.closed.wait()


@asynccontextmanager
async def served_client(handler: Handler) -> AsyncIterator[tuple[KubeClient, LoopbackServer]]:
    """A client of a server with that handler, whatever proxies the environment names."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NO_PROXY", "*")
        async with (
            serve(handler) as server,
            KubeClient.connect(ClusterConfig(server=server.url)) as client,
        ):
            yield client, server


async def until(condition: Callable[[], bool]) -> None:
    """Poll ``condition`` until it is true; the caller sets the deadline."""
    while not condition():  # noqa: ASYNC110 (another process cannot set an event)
        await asyncio.sleep(0.01)


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy ``reader`` to ``writer`` until the end of the stream."""
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
