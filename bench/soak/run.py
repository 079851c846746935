"""A soak: turns of coming and going, and after each of them everything has to be as it was before."""

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
from bench.soak.clients import Client, Turn, running
from bench.soak.findings import (
    MEMORY_JUDGED_FROM,
    Sample,
    left_behind,
    memory_findings,
    take_sample,
    tracebacks,
)
from bench.soak.views import VIEWS
from bench.soak.visitors import Visitor
from bench.soak.world import World

__all__ = ["Outcome", "Plan", "soak"]

GRACE_PERIOD = 2.0
AT_REST_WITHIN = 90.0
"""Seconds after the last one has left by which nothing may be left of anybody."""
AGREED_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard. Seconds, and things per second; ``longest`` is that of one connection.

    The API server dies once in each turn.
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
    """What was seen; the soak is well if ``findings`` is empty."""

    findings: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    under_load: list[Sample] = field(default_factory=list)
    at_rest: list[Sample] = field(default_factory=list)


@dataclass(slots=True)
class Soak:
    """One that runs."""

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
        # the first request makes what all later ones find
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
        """Let them come and go, then hold what they know against the cluster."""
        turn, found = Turn(), self.outcome
        clients = [
            Client(self.gateway.served, VIEWS[each % len(VIEWS)], self.chance, found.counts, found.findings)
            for each in range(self.plan.clients)
        ]
        async with running(clients, turn, self.plan.longest):
            async with self.disturbed():
                await asyncio.sleep(self.plan.seconds / self.plan.turns)
            self.say(f"turn {number} ends  {await self.sample()}")
            turn.ending.set()
            found.findings += await self.disagreements(clients)

    @asynccontextmanager
    async def disturbed(self) -> AsyncIterator[None]:
        """Writes, queries, samples and a death of the API server while the block runs."""
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
            for each in running:
                each.cancel()

    async def die_within(self, seconds: float) -> None:
        await asyncio.sleep(self.chance.uniform(seconds / 4, seconds / 2))
        await self.world.die(self.chance.uniform(0, 3))

    async def keep_sampling(self) -> None:
        while True:
            await asyncio.sleep(self.plan.between_samples)
            self.outcome.under_load.append(await self.sample())

    async def disagreements(self, clients: Sequence[Client]) -> list[str]:
        """Who does not know what a LIST says, however long it is waited for."""
        deadline = time.monotonic() + AGREED_WITHIN
        wrong, expected = list(clients), {}
        while wrong and time.monotonic() < deadline:
            # anew each time: of a write that was broken off, nobody can say when it is done
            expected = {each: await self.world.known(each) for each in {client.view for client in wrong}}
            await asyncio.sleep(0.3)
            wrong = [
                each for each in wrong if not (each.fold.synced and each.fold.known == expected[each.view])
            ]
        return [f"{each} knows {each.fold.known} instead of {expected[each.view]}" for each in wrong]

    async def rest(self, before: Sample, number: int) -> None:
        """Wait until nothing is left of anybody; what is left in the end is found."""
        deadline = time.monotonic() + AT_REST_WITHIN
        while True:
            sample = await self.sample()
            left = left_behind(before, sample)
            if not left or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.5)
        self.outcome.at_rest.append(sample)
        self.outcome.findings += [f"after turn {number} there are {each}" for each in left]
        self.say(f"at rest      {sample}")


async def soak(cluster: Cluster, plan: Plan, say: Callable[[str], None] = lambda _: None) -> Outcome:
    """Run it on a gateway of its own, telling ``say`` of it on the way."""
    outcome = Outcome()
    chance = random.Random(plan.seed)  # noqa: S311 (for variety, the same each time)
    arguments = ("--kubeconfig", str(cluster.kubeconfig), "--grace-period", str(GRACE_PERIOD))
    with start_measured_gateway(cluster.directory / "gateway", *arguments) as gateway:
        async with cluster.client() as client:
            world = World(cluster, client, chance, outcome.counts)
            await Soak(plan, gateway, world, outcome, chance, say).run()
    return outcome
