"""The other workers on the same address, and an HTTP client for requests to them.

Each worker also listens on its own Unix socket, in a directory that only the gateway's user can read.
Requests there are authenticated like all others; they differ in the header :data:`RELAYED` alone.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httptools

__all__ = ["RELAYED", "Answer", "Headers", "SiblingGone", "Siblings"]

Headers = Sequence[tuple[bytes, bytes]]

RELAYED = b"x-kube-graphql-relayed"
"""The header of a request between workers; a request with it is never relayed again."""
_CHUNK_BYTES = 65536


class SiblingGone(Exception):
    """The worker is not running, or exited before the end of its response."""


@dataclass(slots=True)
class Answer:
    """A response whose body is read as a stream; httptools calls the methods ``on_…``."""

    reader: asyncio.StreamReader
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list, repr=False)
    started: bool = False
    ended: bool = False
    pieces: list[bytes] = field(default_factory=list, repr=False)
    parser: httptools.HttpResponseParser = field(init=False)

    def __post_init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.status, self.started = self.parser.get_status_code(), True

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        self.ended = True

    async def start(self) -> None:
        """Wait for status and headers."""
        while not self.started:
            await self._feed()

    async def body(self) -> AsyncIterator[bytes]:
        """The body's pieces; raises SiblingGone when the connection closes before its end."""
        while self.pieces or not self.ended:
            if self.pieces:
                piece = b"".join(self.pieces)
                self.pieces.clear()
                yield piece
            else:
                await self._feed()

    async def _feed(self) -> None:
        try:
            data = await self.reader.read(_CHUNK_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            raise SiblingGone("the response is incomplete")
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise SiblingGone("the response is not HTTP") from error


@dataclass(frozen=True, slots=True)
class Siblings:
    """All workers of a gateway from the view of worker ``index`` of ``workers``."""

    index: int
    workers: int
    directory: str

    def path(self, worker: int) -> str:
        """The path of a worker's private socket."""
        return os.path.join(self.directory, f"{worker}.sock")  # noqa: PTH118 (sockets are bound to strings)

    def bind(self) -> socket.socket:
        """Bind this worker's private socket; replaces the socket of an exited predecessor."""
        path = self.path(self.index)
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 (the same string)
        bound = socket.socket(socket.AF_UNIX)
        bound.bind(path)
        return bound

    @property
    def others(self) -> Iterator[int]:
        return (worker for worker in range(self.workers) if worker != self.index)

    @property
    def mark(self) -> str:
        """The prefix of names (tokens) that this worker issues."""
        return f"{self.index}."

    def owner(self, name: str) -> int | None:
        """The sibling that issued a name; None if this worker or no worker did."""
        digits, dot, _ = name.partition(".")
        if not dot or not (digits.isascii() and digits.isdecimal() and len(digits) <= len(str(self.workers))):
            return None
        owner = int(digits)
        return owner if owner < self.workers and owner != self.index else None

    @asynccontextmanager
    async def ask(
        self, worker: int, method: str, target: bytes, headers: Headers, body: bytes = b""
    ) -> AsyncIterator[Answer]:
        """Send a request to a worker; raises SiblingGone without a response.

        Leaving the block early disconnects.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(self.path(worker))
        except OSError as error:
            raise SiblingGone(f"worker {worker} is not running") from error
        try:
            # no drain: the worker answers or disconnects even if it does not read the whole body
            writer.write(_request(method, target, headers, body))
            answer = Answer(reader)
            await answer.start()
            yield answer
        finally:
            writer.transport.abort()


def _request(method: str, target: bytes, headers: Headers, body: bytes) -> bytes:
    lines = [method.encode() + b" " + target + b" HTTP/1.1"]
    own = ((b"content-length", str(len(body)).encode()), (b"connection", b"close"), (RELAYED, b"1"))
    lines += [name + b": " + value for name, value in (*headers, *own)]
    return b"\r\n".join([*lines, b"", body])
