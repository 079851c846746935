"""Fan-out: one watch upstream and many subscribers; what an update costs until all of them have it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import httpx

from bench.cluster import Cluster
from bench.fanout_tables import CPU, MEGABYTE, all_tables, variant_name
from bench.processes import Cores, allow_open_files
from bench.scenes import OTHER, QUERY, Load, Opening, Round, Scene, open_scene
from bench.subscribers import EVENT_STREAM, LEGACY_WS
from bench.tables import Column, Samples, Table
from bench.updates import Writer, create_pods
from gateway.settings import settings

__all__ = ["Plan", "measure_fanout"]

FEW, MANY, MOST = 100, 1000, 5000
FILES_BESIDE = 200
"""Files that a process has open beside its connections."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure. ``paced`` is updates per second by number of subscribers, for so many ``seconds``.

    ``variants`` are the other protocols, selections, readers and numbers of workers.
    """

    sizes: Sequence[Column] = (10, FEW, MANY, MOST)
    pods: int = 100
    updates: int = 100
    rounds: int = 3
    paced: Mapping[Column, int] = field(default_factory=lambda: {FEW: 20, MANY: 5})
    seconds: float = 10.0
    variants: bool = True

    def quick(self) -> "Plan":
        """The sizes that the aims are about, once."""
        return replace(self, sizes=(10, FEW, MANY), rounds=1, paced={FEW: 20}, seconds=5.0, variants=False)

    def updates_for(self, subscribers: int) -> int:
        """More of them where they make few messages: CPU time is counted in hundredths of a second."""
        return max(self.updates, min(3 * self.updates, 10_000 // subscribers))


@dataclass(slots=True)
class Fanout:
    """Measures one load after the other, each on a gateway of its own; ``samples`` get every figure."""

    cluster: Cluster
    api: httpx.AsyncClient
    writer: Writer
    plan: Plan
    cores: Cores
    samples: Samples = field(default_factory=Samples)

    async def run_size(self, subscribers: Column) -> None:
        """Updates at once, and paced ones where the plan has a pace for so many."""
        async with open_scene(self.cluster, self.api, Load(subscribers, cores=self.cores)) as scene:
            self.note_opening(subscribers, scene.opening)
            for _ in range(self.plan.rounds if subscribers <= MANY else 1):
                self.note_round(subscribers, scene.opening, await self.update_at_once(scene))
            if subscribers in self.plan.paced:
                self.note_paced("", subscribers, await self.update_paced(scene))

    async def run_stalled(self, subscribers: Column) -> None:
        """One to a hundred of them reads nothing; how late the others get theirs."""
        load = Load(subscribers, stalled=subscribers // 100, cores=self.cores)
        async with open_scene(self.cluster, self.api, load) as scene:
            found = await self.update_paced(scene)
        self.note_paced("1 % of readers stalled", subscribers, found)
        self.samples.add("events that wait for the stalled", subscribers, found.waiting)

    async def run_variant(self, name: str, load: Load) -> None:
        async with open_scene(self.cluster, self.api, load) as scene:
            for _ in range(self.plan.rounds):
                self.note_rates(name, load.subscribers, await self.update_at_once(scene))
        self.samples.add(variant_name("upstream watches", name), load.subscribers, scene.opening.watches)

    async def update_at_once(self, scene: Scene) -> Round:
        return await scene.measure(self.writer.at_once(self.plan.updates_for(scene.load.subscribers)))

    async def update_paced(self, scene: Scene) -> Round:
        rate = self.plan.paced[scene.load.subscribers]
        return await scene.measure(self.writer.paced(int(rate * self.plan.seconds), rate))

    def note_opening(self, column: Column, opening: Opening) -> None:
        add = self.samples.add
        growth = opening.after.memory - opening.before.memory
        add("memory per subscriber", column, growth / column / 1024)
        add("upstream watches", column, opening.watches)
        add("gateway CPU per initial event", column, opening.cpu / max(opening.events, 1) * 1e6)

    def note_round(self, column: Column, opening: Opening, found: Round) -> None:
        self.note_rates("", column, found)
        self.note_latencies("", column, found)
        add = self.samples.add
        add("client CPU per message", column, found.client_cpu / max(found.messages, 1) * 1e6)
        add("gateway CPU, 100 updates", column, found.gateway.cpu / found.updates * 100 * 1000)
        add("peak memory", column, max(opening.after.peak, found.gateway.peak) / MEGABYTE)

    def note_rates(self, name: str, column: Column, found: Round) -> None:
        for figure, value in (
            ("delivered", found.messages / found.seconds),
            (CPU, found.gateway.cpu / max(found.messages, 1) * 1e6),
            ("delivered per second of gateway CPU", found.messages / max(found.gateway.cpu, 0.01)),
            ("events that collapsed", found.missing),
            ("events out of order", found.disordered),
        ):
            self.samples.add(variant_name(figure, name), column, value)

    def note_latencies(self, name: str, column: Column, found: Round) -> None:
        for since, latencies in (("sent", found.since_sent), ("answered", found.since_answered)):
            for share in (50, 99):
                figure = variant_name(f"p{share}, PATCH {since} to arrival", name)
                self.samples.add(figure, column, percentile(latencies, share) * 1000)

    def note_paced(self, name: str, column: Column, found: Round) -> None:
        paced = variant_name("paced", name)
        self.note_rates(paced, column, found)
        self.note_latencies(paced, column, found)
        self.samples.add(variant_name("p99 within the gateway, at most", paced), column, found.lag * 1000)

    def compare_with_few(self) -> None:
        """What a message costs, as a multiple of what it costs with few subscribers."""
        costs = self.samples.found[CPU]
        if FEW in costs:
            for column, samples in costs.items():
                self.samples.add(f"{CPU}, of that of {FEW}", column, median(samples) / median(costs[FEW]))


async def measure_fanout(cluster: Cluster, plan: Plan, cores: Cores) -> list[Table]:
    """Raises Unmeasurable where nothing can be known of the gateway's process."""
    load_average = os.getloadavg()[0]
    files = allow_open_files(max(plan.sizes) + FILES_BESIDE)
    sizes = [each for each in plan.sizes if each + FILES_BESIDE <= files]
    async with cluster.client() as api:
        fanout = Fanout(cluster, api, Writer(api, await create_pods(api, plan.pods)), plan, cores)
        for each in sizes:
            await fanout.run_size(each)
        if plan.variants:
            await run_variants(fanout)
    fanout.compare_with_few()
    notes = [f"{cores}; load average {load_average:.1f} at the beginning."]
    if len(sizes) < len(plan.sizes):
        notes.append(f"The largest number is left out: a process may open no more than {files} files here.")
    return all_tables(fanout.samples, sizes, plan.paced, notes)


async def run_variants(fanout: Fanout) -> None:
    """At the sizes where each of them says most."""
    cores = fanout.cores
    await fanout.run_stalled(MANY)
    await fanout.run_variant("legacy graphql-ws", Load(FEW, LEGACY_WS, cores=cores))
    await fanout.run_variant("graphql-sse", Load(FEW, EVENT_STREAM, cores=cores))
    await fanout.run_variant("two selections", Load(MANY, queries=(QUERY, OTHER), cores=cores))
    if any(each.name == "workers" for each in settings()):
        for workers in ("1", "2"):
            arguments = ("--workers", workers)
            # on all cores, as two workers need two: the others then take their share of both
            await fanout.run_variant(f"--workers {workers}", Load(MANY, arguments=arguments))


def percentile(ordered: Sequence[float], share: int) -> float:
    """0 where there is nothing."""
    return ordered[min(len(ordered) * share // 100, len(ordered) - 1)] if ordered else 0.0
