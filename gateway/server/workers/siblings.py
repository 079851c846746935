"""The other workers that serve the same address, and how a request is asked of one of them.

Each listens on a socket of its own besides, in a directory that is the gateway's alone, and answers there as
it answers everybody: whoever asks has to say who they are. The one difference is :data:`RELAYED`.
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
"""The header of a request between workers: it is answered by whom it reaches, and goes no further."""
CHUNK = 65536


class SiblingGone(Exception):
    """That worker is not there, or ended before its answer did."""


@dataclass(slots=True)
class Answer:
    """A response whose body is still to be read; httptools calls the methods with ``on_``."""

    reader: asyncio.StreamReader
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    begun: bool = False
    ended: bool = False
    pieces: list[bytes] = field(default_factory=list)
    parser: httptools.HttpResponseParser = field(init=False)

    def __post_init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.status, self.begun = self.parser.get_status_code(), True

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        self.ended = True

    async def begin(self) -> None:
        """Wait for status and headers."""
        while not self.begun:
            await self._feed()

    async def body(self) -> AsyncIterator[bytes]:
        """The body, as it comes; raises SiblingGone where it is broken off."""
        while self.pieces or not self.ended:
            if self.pieces:
                piece = b"".join(self.pieces)
                self.pieces.clear()
                yield piece
            else:
                await self._feed()

    async def _feed(self) -> None:
        try:
            data = await self.reader.read(CHUNK)
        except ConnectionError:
            data = b""
        if not data:
            raise SiblingGone("its answer was broken off")
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise SiblingGone("its answer is not HTTP") from error


@dataclass(frozen=True, slots=True)
class Siblings:
    """All workers of a gateway, seen from one of them: ``index`` of ``workers``."""

    index: int
    workers: int
    directory: str

    def path(self, worker: int) -> str:
        """Where that worker listens for its siblings."""
        return os.path.join(self.directory, f"{worker}.sock")  # noqa: PTH118 (sockets are bound to strings)

    def bind(self) -> socket.socket:
        """This worker's own socket for its siblings; it takes the place of a predecessor's."""
        path = self.path(self.index)
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 (the same string)
        bound = socket.socket(socket.AF_UNIX)
        bound.bind(path)
        return bound

    @property
    def others(self) -> Iterator[int]:
        return (each for each in range(self.workers) if each != self.index)

    @property
    def mark(self) -> str:
        """What the names begin with that this worker gives to what only it has."""
        return f"{self.index}."

    def owner(self, name: str) -> int | None:
        """The sibling whose mark that name has; None where it is this worker's, or nobody's."""
        digits, dot, _ = name.partition(".")
        if not dot or not (digits.isascii() and digits.isdecimal() and len(digits) <= len(str(self.workers))):
            return None
        owner = int(digits)
        return owner if owner < self.workers and owner != self.index else None

    @asynccontextmanager
    async def ask(
        self, worker: int, method: str, target: bytes, headers: Headers, body: bytes = b""
    ) -> AsyncIterator[Answer]:
        """Send a request to that worker; raises SiblingGone where there is no answer.

        Leaving the block early is what a client that goes away does.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(self.path(worker))
        except OSError as error:
            raise SiblingGone(f"worker {worker} is not there") from error
        try:
            # not drained: an answer, or the end, comes whether or not all of it was taken
            writer.write(_request(method, target, headers, body))
            answer = Answer(reader)
            await answer.begin()
            yield answer
        finally:
            writer.transport.abort()


def _request(method: str, target: bytes, headers: Headers, body: bytes) -> bytes:
    lines = [method.encode() + b" " + target + b" HTTP/1.1"]
    own = ((b"content-length", str(len(body)).encode()), (b"connection", b"close"), (RELAYED, b"1"))
    lines += [name + b": " + value for name, value in (*headers, *own)]
    return b"\r\n".join([*lines, b"", body])
