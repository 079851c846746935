"""Drives the soak in turns; after each turn, the gateway must return to its state before the first."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.cluster import Cluster
from bench.gateways import MeasuredGateway, start_measured_gateway
from bench.soak.clients import Client, Turn, Visitor, running
from bench.soak.findings import (
    MEMORY_JUDGED_FROM,
    Sample,
    left_behind,
    memory_findings,
    take_sample,
    tracebacks,
)
from bench.soak.views import VIEWS
from bench.soak.world import World

__all__ = ["Outcome", "Plan", "soak"]

_GRACE_PERIOD_SECONDS = 2.0
_REST_TIMEOUT_SECONDS = 90.0
"""Time after the last client has left until leftovers count as leaks."""

_AGREEMENT_TIMEOUT_SECONDS = 60.0
"""Time after the last write until differing subscribers count as wrong."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The duration and the load.

    ``seconds`` in total; ``longest`` seconds per connection; ``writes`` and ``requests`` per second;
    ``between_samples`` seconds. The API server dies once in each turn.
    """

    seconds: float = 600.0
    turns: int = 9
    clients: int = 48
    longest: float = 8.0
    writes: float = 15.0
    requests: float = 4.0
    between_samples: float = 3.0
    seed: int = 1


@dataclass(slots=True)
class Outcome:
    """Counts, samples and findings; the soak has passed if ``findings`` is empty."""

    findings: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    under_load: list[Sample] = field(default_factory=list)
    at_rest: list[Sample] = field(default_factory=list)


@dataclass(slots=True)
class _Soak:
    """A running soak."""

    plan: Plan
    gateway: MeasuredGateway
    world: World
    outcome: Outcome
    chance: random.Random
    say: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)

    async def sample(self) -> Sample:
        upstream = urlsplit(self.world.cluster.server).port or 0
        return await take_sample(self.gateway, upstream, time.monotonic() - self.began)

    async def run(self) -> None:
        await self.world.create()
        # warm-up: the first request fills caches
        await self.gateway.served.execute("{ version { gitVersion } }")
        before = await self.sample()
        self.say(f"before       {before}")
        for number in range(1, self.plan.turns + 1):
            await self.take_turn(number)
            await self.rest(before, number)
        if self.plan.seconds >= MEMORY_JUDGED_FROM:
            self.outcome.findings += memory_findings(self.outcome.under_load, self.outcome.at_rest)
        self.outcome.findings += tracebacks(self.gateway.served.process.output())

    async def take_turn(self, number: int) -> None:
        """Run the clients, then compare their objects with the cluster's."""
        turn, found = Turn(), self.outcome
        clients = [
            Client(self.gateway.served, VIEWS[index % len(VIEWS)], self.chance, found.counts, found.findings)
            for index in range(self.plan.clients)
        ]
        async with running(clients, turn, self.plan.longest):
            async with self.disturbed():
                await asyncio.sleep(self.plan.seconds / self.plan.turns)
            self.say(f"turn {number} ends  {await self.sample()}")
            turn.ending.set()
            found.findings += await self.disagreements(clients)

    @asynccontextmanager
    async def disturbed(self) -> AsyncIterator[None]:
        """During the block: writes, queries, samples, and one crash of the API server."""
        served, found = self.gateway.served, self.outcome
        visitor = Visitor(served, self.chance, found.counts, found.findings)
        share = self.plan.seconds / self.plan.turns
        async with asyncio.TaskGroup() as tasks:
            dying = tasks.create_task(self.die_within(share))
            running = [
                tasks.create_task(self.world.write(self.plan.writes)),
                tasks.create_task(visitor.run(self.plan.requests)),
                tasks.create_task(self.keep_sampling()),
            ]
            yield
            await dying
            for task in running:
                task.cancel()

    async def die_within(self, seconds: float) -> None:
        await asyncio.sleep(self.chance.uniform(seconds / 4, seconds / 2))
        await self.world.die(self.chance.uniform(0, 3))

    async def keep_sampling(self) -> None:
        while True:
            await asyncio.sleep(self.plan.between_samples)
            self.outcome.under_load.append(await self.sample())

    async def disagreements(self, clients: Sequence[Client]) -> list[str]:
        """One line for each client whose objects differ from a LIST until the timeout."""
        deadline = time.monotonic() + _AGREEMENT_TIMEOUT_SECONDS
        wrong, expected = list(clients), {}
        while wrong and time.monotonic() < deadline:
            # listed each time, because an interrupted write may still take effect
            views = {client.view for client in wrong}
            expected = {view: await self.world.known(view) for view in views}
            await asyncio.sleep(0.3)
            wrong = [
                client
                for client in wrong
                if not (client.fold.synced and client.fold.known == expected[client.view])
            ]
        return [f"{client} has {client.fold.known} instead of {expected[client.view]}" for client in wrong]

    async def rest(self, before: Sample, number: int) -> None:
        """Wait until the process is back at its first state; leftovers at the timeout are findings."""
        deadline = time.monotonic() + _REST_TIMEOUT_SECONDS
        while True:
            sample = await self.sample()
            left = left_behind(before, sample)
            if not left or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.5)
        self.outcome.at_rest.append(sample)
        self.outcome.findings += [f"after turn {number}: {leak}" for leak in left]
        self.say(f"at rest      {sample}")


async def soak(cluster: Cluster, plan: Plan, say: Callable[[str], None] = lambda _: None) -> Outcome:
    """Run the soak on a gateway of its own; ``say`` gets a line of progress per turn."""
    outcome = Outcome()
    chance = random.Random(plan.seed)  # noqa: S311 (variety, reproducible by seed)
    arguments = ("--kubeconfig", str(cluster.kubeconfig), "--grace-period", str(_GRACE_PERIOD_SECONDS))
    with start_measured_gateway(cluster.directory / "gateway", *arguments) as gateway:
        async with cluster.client() as client:
            world = World(cluster, client, chance, outcome.counts)
            await _Soak(plan, gateway, world, outcome, chance, say).run()
    return outcome
