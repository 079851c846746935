"""``python -m bench.crowd``: a process full of subscribers, told what to do on its standard input."""

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

from bench.subscribers import Arrivals, Subscriber, subscriber_of

try:
    import uvloop
except ImportError:  # absent on Windows
    new_event_loop = asyncio.new_event_loop
else:
    new_event_loop = uvloop.new_event_loop

__all__ = ["Begin", "Begun", "Collect", "Collected", "Crowd", "Open", "Opened", "start_crowd"]

OPENING_AT_ONCE = 64
PAUSE = 0.01
SMALL = 4096
"""Bytes that the kernel may keep for a subscriber that does not read."""


class Open(msgspec.Struct, tag=True):
    """Connect so many subscribers, who ask the queries in turn; with ``stalls`` they read no event."""

    port: int
    protocol: str
    queries: list[str]
    count: int
    stalls: bool = False


class Opened(msgspec.Struct, tag=True):
    """All are synced; ``initial`` is how many initial events they got together."""

    seconds: float
    initial: int


class Begin(msgspec.Struct, tag=True):
    """Forget what has arrived so far."""


class Begun(msgspec.Struct, tag=True):
    """The answer to that."""


class Collect(msgspec.Struct, tag=True):
    """Wait for so many messages, or until none has come for ``patience`` seconds."""

    messages: int
    patience: float


class Collected(msgspec.Struct, tag=True):
    """What came since :class:`Begin`: moments as doubles by resource version, and the CPU that it took."""

    total: int
    cpu: float
    moments: dict[str, bytes]
    disordered: int
    problems: list[str]


Request = Open | Begin | Collect
Answer = TypeVar("Answer", Opened, Begun, Collected)


class Crowd:
    """The process, seen from the one that started it."""

    def __init__(self, to: asyncio.StreamWriter, from_: asyncio.StreamReader) -> None:
        self._to, self._from = to, from_

    async def ask(self, request: Request, answer: type[Answer]) -> Answer:
        """Raises EOFError (asyncio.IncompleteReadError) where the process has failed."""
        self._to.write(packed(request))
        return msgspec.msgpack.decode(await read_packed(self._from), type=answer)


@asynccontextmanager
async def start_crowd() -> AsyncIterator[Crowd]:
    """A process without subscribers yet, until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.crowd"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 30,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a process without the pipes that it was started with")
    try:
        yield Crowd(process.stdin, process.stdout)
    finally:
        process.kill()
        await process.wait()


def packed(message: msgspec.Struct) -> bytes:
    body = msgspec.msgpack.encode(message)
    return struct.pack("!I", len(body)) + body


async def read_packed(stream: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack("!I", await stream.readexactly(4))
    return await stream.readexactly(size)


class Served:
    """The subscribers, inside the process."""

    def __init__(self) -> None:
        self.arrivals = Arrivals()
        self.subscribers: list[Subscriber] = []
        self.cpu = 0.0

    async def answer(self, request: Request) -> msgspec.Struct:
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
        began, slots = time.monotonic(), asyncio.Semaphore(OPENING_AT_ONCE)
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
            connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
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
        while arrivals.total < request.messages and time.monotonic() < quiet_since + request.patience:
            await asyncio.sleep(PAUSE)
            if arrivals.total > seen:
                seen, quiet_since = arrivals.total, time.monotonic()
        return Collected(
            arrivals.total,
            time.process_time() - self.cpu,
            {version.decode(): moments.tobytes() for version, moments in arrivals.moments.items()},
            arrivals.disordered,
            arrivals.problems,
        )


async def serve_parent() -> None:
    """Answer until the parent has gone."""
    loop, served = asyncio.get_running_loop(), Served()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    while True:
        try:
            request = await read_packed(reader)
        except asyncio.IncompleteReadError:
            return
        answer = await served.answer(msgspec.msgpack.decode(request, type=Request))
        sys.stdout.buffer.write(packed(answer))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    # messages make no cycles, and a collection would delay the ones that arrive
    gc.disable()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve_parent())
