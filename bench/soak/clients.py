"""Subscribers who come and go: in every protocol, patient, slow, silent or suddenly gone."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import httpx
from websockets.exceptions import WebSocketException

from bench.soak.views import Fold, View, Violation
from bench.soak.wires import Wire, wire_to
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.protocols import PROTOCOLS

__all__ = ["Client", "Turn", "running"]

LONGEST_SLEEP = 8.0
BROKEN = (OSError, WebSocketException, httpx.HTTPError, TimeoutError)
"""How a connection ends that one of both sides, or the wire, has cut off."""

SURVIVED = {"SUBSCRIBER_TOO_SLOW", "UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT"}
"""What a subscriber may be told where it sleeps, or the API server is dead."""


class Manner(StrEnum):
    """How a client behaves on one connection."""

    READS = "read all the time"
    SLEEPS = "stopped reading for a while"
    VANISHES = "were cut off"
    FALLS_SILENT = "fell silent before they were cut off"


MANNERS = {Manner.READS: 5, Manner.SLEEPS: 2, Manner.VANISHES: 2, Manner.FALLS_SILENT: 1}


@dataclass(slots=True)
class Turn:
    """A time in which clients come and go, up to ``ending``; then they stay until they are ``released``."""

    ending: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Client:
    """One subscriber; what it has folded outlives its connections, where it resumes."""

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
        """Come and go, each time for ``longest`` seconds at most, until released."""
        while not turn.released.is_set():
            manner = self._chance.choices(list(MANNERS), list(MANNERS.values()))[0]
            if turn.ending.is_set():
                manner = Manner.READS
            await self._connect(manner, turn, self._chance.uniform(0, longest))
            # at once, mostly: also what is just being stopped has to be found again
            await asyncio.sleep(self._chance.choice([0, 0, 0.1, 1.0]))

    async def _connect(self, manner: Manner, turn: Turn, seconds: float) -> None:
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
        except BROKEN as error:
            self._counts[f"connections that broke: {type(error).__name__}"] += 1
        except BaseExceptionGroup as group:
            # what httpx and others do inside task groups
            if group.split(BROKEN)[1] is not None:
                raise
        finally:
            self._counts["subscriptions that resumed"] += self.fold.resumed

    async def _way(self, stack: AsyncExitStack, manner: Manner) -> tuple[GatewayProcess, Wire | None]:
        if manner not in (Manner.VANISHES, Manner.FALLS_SILENT):
            return self._gateway, None
        wire = await stack.enter_async_context(wire_to(self._gateway.port))
        return replace(self._gateway, port=wire.port), wire

    async def _stay(
        self,
        results: AsyncIterator[dict[str, Any]],
        manner: Manner,
        wire: Wire | None,
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
            for each in tasks:
                each.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for failure in ended:
            if isinstance(failure, Exception):
                raise failure

    async def _behave(self, manner: Manner, wire: Wire | None, turn: Turn, seconds: float) -> None:
        """Return when it is time to leave."""
        await happens(turn.ending, seconds / 2)
        if manner is Manner.SLEEPS:
            self._reads.clear()
            await happens(turn.ending, self._chance.uniform(0, LONGEST_SLEEP))
            self._reads.set()
        elif manner is Manner.FALLS_SILENT and wire is not None:
            wire.fall_silent()
        await happens(turn.ending, seconds / 2)
        if wire is not None:
            wire.cut()
        elif turn.ending.is_set():
            await turn.released.wait()

    async def _read(self, results: AsyncIterator[dict[str, Any]]) -> None:
        async for result in results:
            if "errors" in result:
                self._fail([each["extensions"]["code"] for each in result["errors"]], result)
                return
            try:
                self.fold.take(result["data"][self.view.root])
            except Violation as violation:
                self._findings.append(f"{self}: {violation}")
            self._counts["events"] += 1
            await self._reads.wait()

    def _fail(self, codes: Sequence[str], result: Any) -> None:
        self._counts.update(f"subscriptions that ended with {each}" for each in codes)
        if not set(codes) <= SURVIVED:
            self._findings.append(f"{self} got {result}")


async def happens(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event, not longer than that; whether it has happened."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def running(clients: Sequence[Client], turn: Turn, longest: float) -> AsyncIterator[None]:
    """All of them come and go while the block runs; at its end they are released and leave."""
    async with asyncio.TaskGroup() as tasks:
        for each in clients:
            tasks.create_task(each.run(turn, longest))
        try:
            yield
        finally:
            turn.ending.set()
            turn.released.set()
