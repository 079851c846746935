"""Reads of many pods: the gateway's beside the API server's own, in turns."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.cluster import Cluster
from bench.gateways import MeasuredGateway, start_measured_gateway
from bench.probe import Reading
from bench.tables import Aim, Column, Measure, Row, Table, Unit
from bench.variants import Connections, Variant, variants
from tests.kube.seed import seed

__all__ = ["AIMED", "measure_reads"]

AIMED: Column = 5000
"""The number of pods that the aims are about."""

MEGABYTE = 1 << 20


@dataclass(slots=True)
class Samples:
    """Of every variant in every column: milliseconds, and what the gateway's process saw meanwhile."""

    times: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    cpu: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    stalls: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    own_stalls: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    peaks: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    process: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))

    def add(
        self, name: str, column: Column, seconds: Sequence[float], before: Reading, after: Reading
    ) -> None:
        self.times[name].setdefault(column, []).extend(each * 1000 for each in seconds)
        cpu = (after.cpu - before.cpu) * 1000 / len(seconds)
        self.cpu[name].setdefault(column, []).append(cpu)
        self.stalls[name].setdefault(column, []).append(after.stall * 1000)
        self.own_stalls[name].setdefault(column, []).append(after.stall_cpu * 1000)
        self.peaks[name].setdefault(column, []).append(after.peak_memory / MEGABYTE)


async def measure_reads(cluster: Cluster, sizes: Sequence[Column], rounds: int) -> list[Table]:
    """Seed so many pods, measure, seed more; the times, and what the gateway's process saw."""
    samples = Samples()
    seeded, known = 0, variants()
    for size in sorted(sizes):
        await seed(cluster.kubeconfig, size, first=seeded)
        seeded = size
        with start_measured_gateway(
            cluster.directory / f"gateway-{size}", "--kubeconfig", str(cluster.kubeconfig), "--cache", "pods"
        ) as gateway:
            note_memory(samples, size, gateway)
            async with connected(cluster, gateway) as connections:
                await measure_in_turns(known, connections, gateway, size, rounds, samples)
            samples.process["at the end"].setdefault(size, []).append(gateway.reading().memory / MEGABYTE)
    columns = sorted(sizes)
    return [table_of_times(known, columns, samples), table_of_the_process(known, columns, samples)]


def note_memory(samples: Samples, size: Column, gateway: MeasuredGateway) -> None:
    start = gateway.at_start
    samples.process["at the start"].setdefault(size, []).append(start.memory / MEGABYTE)
    samples.process["peak of the start"].setdefault(size, []).append(start.peak_memory / MEGABYTE)


@asynccontextmanager
async def connected(cluster: Cluster, gateway: MeasuredGateway) -> AsyncIterator[Connections]:
    async with cluster.client() as raw, gateway.client() as ours:
        yield Connections(cluster, raw, ours)


async def measure_in_turns(
    known: Sequence[Variant],
    connections: Connections,
    gateway: MeasuredGateway,
    size: Column,
    rounds: int,
    samples: Samples,
) -> None:
    """A B C, A B C, …: what else the machine does meets all of them. The first round is for warmth."""
    for turn in range(rounds + 1):
        for variant in known:
            if size > variant.largest:
                continue
            before = gateway.reading()
            seconds = [await timed(variant, connections, size) for _ in range(variant.times if turn else 1)]
            after = gateway.reading()
            if turn:
                samples.add(variant.name, size, seconds, before, after)


async def timed(variant: Variant, connections: Connections, size: Column) -> float:
    """Seconds of one; RuntimeError where the answer is too small to be one."""
    began = time.perf_counter()
    received = await variant.run(connections)
    seconds = time.perf_counter() - began
    if received < variant.least * (size if variant.of_all else 1):
        raise RuntimeError(f"{variant.name}: the answer has only {received} bytes")
    # what the answer leaves behind is not the next one's to wait for
    await asyncio.sleep(0.01)
    return seconds


def table_of_times(known: Sequence[Variant], columns: Sequence[Column], samples: Samples) -> Table:
    rows = [
        Row(each.name, Unit.MILLISECONDS, samples.times[each.name], each.against, each.aims) for each in known
    ]
    return Table(
        "Reads: time until the whole answer is there",
        "pods",
        columns,
        rows,
        ("Median (smallest–largest), and how often the raw request that it stands against.",),
    )


def table_of_the_process(known: Sequence[Variant], columns: Sequence[Column], samples: Samples) -> Table:
    ours = [each for each in known if each.through_gateway]
    stall = (Aim(AIMED, Measure.LARGEST, 100),)
    rows = [
        *(Row(f"CPU, {each.name}", Unit.MILLISECONDS, samples.cpu[each.name]) for each in ours),
        *(
            Row(f"longest stall, {each.name}", Unit.MILLISECONDS, samples.stalls[each.name], aims=stall)
            for each in ours
        ),
        *(
            Row(f"of it own CPU, {each.name}", Unit.MILLISECONDS, samples.own_stalls[each.name])
            for each in ours
        ),
        Row("memory, all pods cached", Unit.MEGABYTES, samples.process["at the start"]),
        Row(
            "peak memory, start with all pods cached",
            Unit.MEGABYTES,
            samples.process["peak of the start"],
            aims=(Aim(AIMED, Measure.LARGEST, 250),),
        ),
        *(
            Row(
                f"peak memory, {each.name}",
                Unit.MEGABYTES,
                samples.peaks[each.name],
                aims=(Aim(AIMED, Measure.LARGEST, 250),),
            )
            for each in ours
            if each.of_all
        ),
        Row("memory in the end", Unit.MEGABYTES, samples.process["at the end"]),
    ]
    return Table("Reads: the gateway's process", "pods", columns, rows, headline=False)
