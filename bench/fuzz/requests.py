"""POSTs through an HTTP client, and HTTP connections that no such client makes.

Each ``send_`` function returns the status and the body of the answer; a connection that the gateway may close
without an answer returns status 0. A missing answer raises an exception of :data:`FAILURES`.
"""

import asyncio
import re
import socket
import struct

import httpx

from bench.fuzz.inputs import Inputs

__all__ = ["FAILURES", "Answer", "describe", "open_client", "send_connection", "send_post"]

Answer = tuple[int, bytes]
FAILURES = TimeoutError, httpx.TransportError, OSError, EOFError, asyncio.IncompleteReadError, ValueError
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: the close sends RST."""
_MAX_BODY = 4 << 20
"""The gateway's default ``--max-body``."""
_PIECE = 1 << 16


def open_client(url: str, deadline: float) -> httpx.AsyncClient:
    """A client with one connection, for one task.

    Tasks that share a pool lose requests: httpcore closes an idle connection whose time has expired even if
    the pool has just assigned it to a request, which then fails with ReadError.
    """
    limits = httpx.Limits(max_connections=1, keepalive_expiry=30.0)
    return httpx.AsyncClient(base_url=url, timeout=deadline, trust_env=False, limits=limits)


async def send_post(client: httpx.AsyncClient, body: bytes) -> Answer:
    """One POST on the client's connection."""
    headers = {"content-type": "application/json"}
    async with client.stream("POST", "/graphql", content=body, headers=headers) as response:
        return response.status_code, await response.aread()


async def send_connection(port: int, kind: str, inputs: Inputs) -> Answer:
    """One connection of that kind: ``large``, ``slow``, ``pipelined``, ``aborted`` or ``broken``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await _KINDS[kind](reader, writer, inputs)
    finally:
        writer.close()


async def _large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inputs: Inputs) -> Answer:
    """A body over the limit, sent to its end before the answer is read; then often a request that fits."""
    size, closing = _MAX_BODY + 1 + inputs.draw.randrange(_MAX_BODY), inputs.draw.random() < 0.5
    writer.write(inputs.head(size, closing=closing))
    for begin in range(0, size, _PIECE):
        writer.write(b" " * min(_PIECE, size - begin))
        await writer.drain()
    status, body = await _read(reader)
    if status != 413:
        raise ValueError(f"status {status} for a body of {size} bytes")
    if not closing:
        writer.write(inputs.head(2) + b"{}")
        await _read(reader)
    return status, body


async def _slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inputs: Inputs) -> Answer:
    """A request in many pieces."""
    body = inputs.body()
    text, begin = inputs.head(len(body)) + body, 0
    while begin < len(text):
        size = 1 + inputs.draw.randrange(40)
        writer.write(text[begin : begin + size])
        await writer.drain()
        await asyncio.sleep(0.001)
        begin += size
    return await _read(reader)


async def _pipelined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inputs: Inputs) -> Answer:
    """Several requests in one piece; each has an answer."""
    bodies = [inputs.body() for _ in range(2 + inputs.draw.randrange(4))]
    writer.write(b"".join(inputs.head(len(body)) + body for body in bodies))
    answers = [await _read(reader) for _ in bodies]
    return max(answers)


async def _aborted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inputs: Inputs) -> Answer:
    """A client that leaves in the middle of a request, often with a reset."""
    del reader
    body = inputs.body()
    text = inputs.head(len(body)) + body
    writer.write(text[: inputs.draw.randrange(len(text))])
    await writer.drain()
    if inputs.draw.randrange(2):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    return 0, b""


async def _broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inputs: Inputs) -> Answer:
    """A head that is malformed, followed by the end of the client's side."""
    writer.write(inputs.broken_head())
    writer.write_eof()
    text = await reader.read(_PIECE)
    return (int(text[9:12]), text) if text.startswith(b"HTTP/1.1 ") else (0, text)


_KINDS = {"large": _large, "slow": _slow, "pipelined": _pipelined, "aborted": _aborted, "broken": _broken}


async def _read(reader: asyncio.StreamReader) -> Answer:
    """One response; raises EOFError or ValueError if none comes."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    if length is None:
        raise ValueError(f"an answer without Content-Length: {head!r}")
    return int(head[9:12]), await reader.readexactly(int(length[1]))


def describe(error: BaseException) -> str:
    """The error and its causes."""
    causes = [repr(error)]
    while cause := error.__cause__ or error.__context__:
        causes.append(repr(cause))
        error = cause
    return " from ".join(causes)
