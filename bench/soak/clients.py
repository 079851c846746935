"""Clients of the gateway: subscribers with good and bad manners, their wires, and a visitor with queries."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import httpx
from websockets.exceptions import WebSocketException

from bench.soak.views import Fold, View, Violation
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.protocols import PROTOCOLS

__all__ = ["Client", "Turn", "Visitor", "running"]

_PIECE = 65_536


class _Wire:
    """A TCP proxy between one client and the gateway; it can go silent, or reset its connections."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._carries = asyncio.Event()
        self._carries.set()
        self._open: set[asyncio.StreamWriter] = set()

    def fall_silent(self) -> None:
        """Stop forwarding, with all connections left open."""
        self._carries.clear()

    def cut(self) -> None:
        """Reset every connection at both ends."""
        for writer in self._open:
            writer.transport.abort()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, back}
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._carry(reader, back))
                tasks.create_task(self._carry(there, writer))
        finally:
            self._open -= {writer, back}
            writer.transport.abort()
            back.transport.abort()

    async def _carry(self, from_: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await from_.read(_PIECE):
                await self._carries.wait()
                to.write(data)
                await to.drain()
            to.write_eof()


@asynccontextmanager
async def _wire_to(port: int) -> AsyncIterator[_Wire]:
    """A wire to a port of this machine; closed at the end of the block."""
    wire, tasks = _Wire(port), set[asyncio.Task[None]]()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(wire.accept(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        wire.cut()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


_MAPS = (
    '{ configMaps(namespace: "soak-a"%s) { metadata { resourceVersion } items { metadata { name } data } } }'
)
_LIVE, _CACHED = _MAPS % "", _MAPS % ', resourceVersion: "0"'
_FRESH = _MAPS % ', resourceVersion: "%s"'
_GET = '{ pod(name: "p1", namespace: "soak-b") { metadata { name labels } } }'
_LOGS = 'subscription { podLogs(name: "p1", namespace: "soak-a", follow: true) { line } }'
_WRONG = "{ nothing }"
_EXPECTED = {"NOT_FOUND", "BAD_REQUEST", "UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "TOO_MANY_REQUESTS"}
"""Error codes of valid queries on a dying API server, and of the invalid one."""

_STARTING = {"FORBIDDEN", "UNAUTHENTICATED"}
"""Error codes of an API server that starts: its authorizer is not ready yet."""


@dataclass(slots=True)
class Visitor:
    """Sends random queries: live, cached, invalid, pod logs; unexpected answers become ``findings``."""

    gateway: GatewayProcess
    chance: random.Random
    counts: Counter[str]
    findings: list[str]
    _version: str = "0"

    async def run(self, per_second: float) -> None:
        """Send queries at that average rate until cancelled."""
        while True:
            await self._visit()
            await asyncio.sleep(self.chance.expovariate(per_second))

    async def _visit(self) -> None:
        query = self.chance.choice([_LIVE, _CACHED, _FRESH % self._version, _GET, _WRONG, _LOGS, ""])
        self.counts["requests"] += 1
        try:
            if not query:
                # reserves an event stream that is never opened
                await self.gateway.request("PUT", "/graphql")
            elif query is _LOGS:
                accept = {"Accept": "text/event-stream"}
                await self.gateway.request("POST", "/graphql", json={"query": _LOGS}, headers=accept)
            else:
                self._judge(await self.gateway.execute(query))
        except httpx.HTTPError as error:
            self.findings.append(f"{query or 'PUT'} broke off: {error!r}")

    def _judge(self, answer: dict[str, object]) -> None:
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}  # type: ignore[attr-defined]  # JSON
        self.counts.update(f"requests that ended with {code}" for code in codes)
        if not codes <= _EXPECTED | _STARTING:
            self.findings.append(f"a query got {answer}")
        data = answer.get("data")
        if isinstance(data, dict) and data.get("configMaps"):
            self._version = data["configMaps"]["metadata"]["resourceVersion"]


_LONGEST_SLEEP_SECONDS = 8.0
_BROKEN = (OSError, WebSocketException, httpx.HTTPError, TimeoutError)
"""Errors of a connection that was reset by either side or by the wire."""

_TOLERATED = {"SUBSCRIBER_TOO_SLOW", "UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT"}
"""Error codes of a subscriber that sleeps, or while the API server is down."""


class _Manner(StrEnum):
    """The behaviour of a client during one connection."""

    READS = "read all the time"
    SLEEPS = "stopped reading for a while"
    VANISHES = "were cut off"
    FALLS_SILENT = "fell silent before they were cut off"


_MANNERS = {_Manner.READS: 5, _Manner.SLEEPS: 2, _Manner.VANISHES: 2, _Manner.FALLS_SILENT: 1}


@dataclass(slots=True)
class Turn:
    """A period with reconnecting clients up to ``ending``; then they stay connected until ``released``."""

    ending: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Client:
    """One subscriber with many connections; its folded objects persist, so that it can resume."""

    def __init__(
        self,
        gateway: GatewayProcess,
        view: View,
        chance: random.Random,
        counts: Counter[str],
        findings: list[str],
    ) -> None:
        self.view = view
        self.fold = Fold()
        self.protocol = ""
        self._gateway = gateway
        self._chance = chance
        self._counts = counts
        self._findings = findings
        self._reads = asyncio.Event()

    def __str__(self) -> str:
        return f"a subscriber to {self.view} over {self.protocol}"

    async def run(self, turn: Turn, longest: float) -> None:
        """Connect again and again, each time for at most ``longest`` seconds, until released."""
        while not turn.released.is_set():
            manner = self._chance.choices(list(_MANNERS), list(_MANNERS.values()))[0]
            if turn.ending.is_set():
                manner = _Manner.READS
            await self._connect(manner, turn, self._chance.uniform(0, longest))
            # mostly at once: the informer may be stopping, and must be joined or replaced
            await asyncio.sleep(self._chance.choice([0, 0, 0.1, 1.0]))

    async def _connect(self, manner: _Manner, turn: Turn, seconds: float) -> None:
        opening = self._chance.choice(PROTOCOLS)
        self.protocol = opening.__name__
        self._counts[f"connections over {self.protocol}"] += 1
        self._counts[f"connections that {manner}"] += 1
        asked = self.fold.version if not self.view.name and self._chance.random() < 0.7 else None
        self.fold.begin(asked)
        self._reads.set()
        request = {"query": self.view.query, "variables": {"version": asked}}
        try:
            async with AsyncExitStack() as stack:
                gateway, wire = await self._way(stack, manner)
                results = await stack.enter_async_context(opening(gateway, request))
                await self._stay(results, manner, wire, turn, seconds)
        except _BROKEN as error:
            self._counts[f"connections that broke: {type(error).__name__}"] += 1
        except BaseExceptionGroup as group:
            # httpx and others raise from task groups
            if group.split(_BROKEN)[1] is not None:
                raise
        finally:
            self._counts["subscriptions that resumed"] += self.fold.resumed

    async def _way(self, stack: AsyncExitStack, manner: _Manner) -> tuple[GatewayProcess, _Wire | None]:
        if manner not in (_Manner.VANISHES, _Manner.FALLS_SILENT):
            return self._gateway, None
        wire = await stack.enter_async_context(_wire_to(self._gateway.port))
        return replace(self._gateway, port=wire.port), wire

    async def _stay(
        self,
        results: AsyncIterator[dict[str, Any]],
        manner: _Manner,
        wire: _Wire | None,
        turn: Turn,
        seconds: float,
    ) -> None:
        tasks = [
            asyncio.create_task(self._read(results)),
            asyncio.create_task(self._behave(manner, wire, turn, seconds)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for failure in ended:
            if isinstance(failure, Exception):
                raise failure

    async def _behave(self, manner: _Manner, wire: _Wire | None, turn: Turn, seconds: float) -> None:
        """Act out the manner; return when the client should disconnect."""
        await _happens(turn.ending, seconds / 2)
        if manner is _Manner.SLEEPS:
            self._reads.clear()
            await _happens(turn.ending, self._chance.uniform(0, _LONGEST_SLEEP_SECONDS))
            self._reads.set()
        elif manner is _Manner.FALLS_SILENT and wire is not None:
            wire.fall_silent()
        await _happens(turn.ending, seconds / 2)
        if wire is not None:
            wire.cut()
        elif turn.ending.is_set():
            await turn.released.wait()

    async def _read(self, results: AsyncIterator[dict[str, Any]]) -> None:
        async for result in results:
            if "errors" in result:
                self._fail([error["extensions"]["code"] for error in result["errors"]], result)
                return
            try:
                self.fold.take(result["data"][self.view.root])
            except Violation as violation:
                self._findings.append(f"{self}: {violation}")
            self._counts["events"] += 1
            await self._reads.wait()

    def _fail(self, codes: Sequence[str], result: Any) -> None:
        self._counts.update(f"subscriptions that ended with {code}" for code in codes)
        if not set(codes) <= _TOLERATED:
            self._findings.append(f"{self} got {result}")


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event for at most that long; return whether it was set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def running(clients: Sequence[Client], turn: Turn, longest: float) -> AsyncIterator[None]:
    """Run the clients during the block; release them at its end."""
    async with asyncio.TaskGroup() as tasks:
        for client in clients:
            tasks.create_task(client.run(turn, longest))
        try:
            yield
        finally:
            turn.ending.set()
            turn.released.set()
