"""``python -m bench.fanout.crowd``: a process with many subscribers, controlled through its standard input.

Requests and answers are msgpack with a 4-byte length in front.
"""

import asyncio
import gc
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec

from bench.fanout.subscribers import Arrivals, Subscriber, subscriber_of

try:
    import uvloop
except ImportError:  # absent on Windows
    new_event_loop = asyncio.new_event_loop
else:
    new_event_loop = uvloop.new_event_loop

__all__ = ["Begin", "Begun", "Collect", "Collected", "Crowd", "Open", "Opened", "start_crowd"]

_CONCURRENT_CONNECTS = 64
_POLL_SECONDS = 0.01
_STALLED_BUFFER_BYTES = 4096
"""Receive buffer in the kernel of a subscriber that does not read."""


class Open(msgspec.Struct, tag=True):
    """Connect ``count`` subscribers, which use the queries in turn; with ``stalls`` they read no event."""

    port: int
    protocol: str
    queries: list[str]
    count: int
    stalls: bool = False


class Opened(msgspec.Struct, tag=True):
    """All subscribers are synced; ``initial`` counts their initial events."""

    seconds: float
    initial: int


class Begin(msgspec.Struct, tag=True):
    """Reset the counters."""


class Begun(msgspec.Struct, tag=True):
    """The answer to :class:`Begin`."""


class Collect(msgspec.Struct, tag=True):
    """Wait for that many messages, or until none has arrived for ``silence`` seconds."""

    messages: int
    silence: float


class Collected(msgspec.Struct, tag=True):
    """The messages since :class:`Begin`: arrival times (doubles) by resource version, and CPU seconds."""

    total: int
    cpu: float
    moments: dict[str, bytes]
    disordered: int
    problems: list[str]


_Request = Open | Begin | Collect
Answer = TypeVar("Answer", Opened, Begun, Collected)


class Crowd:
    """The parent's handle on the process."""

    def __init__(self, to: asyncio.StreamWriter, from_: asyncio.StreamReader) -> None:
        self._to, self._from = to, from_

    async def ask(self, request: _Request, answer: type[Answer]) -> Answer:
        """Send a request and return its answer. Raises EOFError if the process has died."""
        self._to.write(_packed(request))
        return msgspec.msgpack.decode(await _read_packed(self._from), type=answer)


@asynccontextmanager
async def start_crowd() -> AsyncIterator[Crowd]:
    """Start a process without subscribers; kill it at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.fanout.crowd"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 30,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the process has no pipes")
    try:
        yield Crowd(process.stdin, process.stdout)
    finally:
        process.kill()
        await process.wait()


def _packed(message: msgspec.Struct) -> bytes:
    body = msgspec.msgpack.encode(message)
    return struct.pack("!I", len(body)) + body


async def _read_packed(stream: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack("!I", await stream.readexactly(4))
    return await stream.readexactly(size)


class _Served:
    """The child's side: owns the subscribers and answers requests."""

    def __init__(self) -> None:
        self.arrivals = Arrivals()
        self.subscribers: list[Subscriber] = []
        self.cpu = 0.0

    async def answer(self, request: _Request) -> msgspec.Struct:
        match request:
            case Open():
                return await self.open(request)
            case Begin():
                self.arrivals.moments.clear()
                self.arrivals.total = self.arrivals.disordered = 0
                self.cpu = time.process_time()
                return Begun()
            case Collect():
                return await self.collect(request)

    async def open(self, request: Open) -> Opened:
        began, slots = time.monotonic(), asyncio.Semaphore(_CONCURRENT_CONNECTS)
        self.arrivals.initial = 0

        async def open_one(number: int) -> Subscriber:
            async with slots:
                return await self.open_one(request, request.queries[number % len(request.queries)])

        self.subscribers += await asyncio.gather(*map(open_one, range(request.count)))
        return Opened(time.monotonic() - began, self.arrivals.initial)

    async def open_one(self, request: Open, query: str) -> Subscriber:
        loop = asyncio.get_running_loop()
        connecting = socket.socket()
        connecting.setblocking(False)
        if request.stalls:
            connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _STALLED_BUFFER_BYTES)
        await loop.sock_connect(connecting, ("127.0.0.1", request.port))
        _, subscriber = await loop.create_connection(
            lambda: subscriber_of(self.arrivals, request.protocol, query, stalls=request.stalls),
            sock=connecting,
        )
        await subscriber.synced
        return subscriber

    async def collect(self, request: Collect) -> Collected:
        arrivals = self.arrivals
        seen, quiet_since = arrivals.total, time.monotonic()
        while arrivals.total < request.messages and time.monotonic() < quiet_since + request.silence:
            await asyncio.sleep(_POLL_SECONDS)
            if arrivals.total > seen:
                seen, quiet_since = arrivals.total, time.monotonic()
        return Collected(
            arrivals.total,
            time.process_time() - self.cpu,
            {version.decode(): moments.tobytes() for version, moments in arrivals.moments.items()},
            arrivals.disordered,
            arrivals.problems,
        )


async def _serve_parent() -> None:
    """Answer requests until the parent closes the pipe."""
    loop, served = asyncio.get_running_loop(), _Served()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    while True:
        try:
            request = await _read_packed(reader)
        except asyncio.IncompleteReadError:
            return
        answer = await served.answer(msgspec.msgpack.decode(request, type=_Request))
        sys.stdout.buffer.write(_packed(answer))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    # messages create no reference cycles, and a collection would delay their timestamps
    gc.disable()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve_parent())
