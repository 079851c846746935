"""The schema of a whole cluster: from its API to what is served, and what a change of it costs."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial

import httpx
from graphql import get_introspection_query

from bench.cluster import Cluster
from bench.definitions import install_definitions, rename_property
from bench.gateways import MeasuredGateway, ask, start_measured_gateway
from bench.probe import Reading
from bench.tables import Aim, Column, Measure, Samples, Table, Unit
from tests.fixtures.waiting import eventually

__all__ = ["measure_schemas"]

MOST: Column = 500
MEGABYTE = 1 << 20
SETTLED_AFTER = 10.0
"""Seconds after a change by which the gateway no longer asks whether there is more to it."""

INTROSPECTION = get_introspection_query()
FIELDS = '{ __type(name: "G0BenchExampleComV1Bench0Spec") { fields { name } } }'
IDLE_FOR = 1.0
NOTE = (
    "Each CRD has 50 properties. A reload is one CRD with another property; its CPU is what asking the "
    "cluster and building the schema took, then all that was used until it asked no more."
)


async def measure_schemas(cluster: Cluster, sizes: Sequence[Column], rounds: int) -> list[Table]:
    """Install so many CRDs, measure, install more."""
    samples = Samples()
    installed = 0
    for size in sorted(sizes):
        await install_definitions(cluster, range(installed, size))
        installed = size
        for turn in range(rounds):
            await measure_starts(cluster, size, turn, samples)
    return [table(sorted(sizes), samples)]


async def measure_starts(cluster: Cluster, size: Column, turn: int, samples: Samples) -> None:
    """A start without an OpenAPI cache, one with; on the second, introspection and changes."""
    directory = cluster.directory / f"schema-{size}-{turn}"
    variables = {"XDG_CACHE_HOME": str(directory / "cache")}
    kubeconfig = ("--kubeconfig", str(cluster.kubeconfig))
    with start_measured_gateway(directory / "cold", *kubeconfig, variables=variables) as gateway:
        note_start("cold", gateway, size, samples)
    with start_measured_gateway(directory / "cached", *kubeconfig, variables=variables) as gateway:
        note_start("from the OpenAPI cache", gateway, size, samples)
        async with gateway.client() as client:
            await measure_introspection(client, gateway, size, samples)
            if size:
                await measure_reload(cluster, client, gateway, size, turn, samples)


def note_start(how: str, gateway: MeasuredGateway, size: Column, samples: Samples) -> None:
    reading = gateway.at_start
    samples.add(f"start {how}, CPU", size, reading.cpu * 1000)
    samples.add(f"start {how}, until served", size, gateway.started_in * 1000)
    samples.add("of the CPU, imports", size, reading.cpu_before_main * 1000)
    samples.add("memory", size, reading.memory / MEGABYTE)


async def measure_introspection(
    client: httpx.AsyncClient, gateway: MeasuredGateway, size: Column, samples: Samples
) -> None:
    """GraphiQL's question, and one field of it while nothing else happens."""
    gateway.reading()
    for name in ("introspection, first", "introspection, again"):
        began = time.perf_counter()
        await ask(client, INTROSPECTION)
        samples.add(name, size, (time.perf_counter() - began) * 1000)
    reading = gateway.reading()
    samples.add("longest stall, introspection", size, reading.stall * 1000)
    samples.add("longest stall, introspection, own CPU", size, reading.stall_cpu * 1000)


async def measure_reload(
    cluster: Cluster,
    client: httpx.AsyncClient,
    gateway: MeasuredGateway,
    size: Column,
    turn: int,
    samples: Samples,
) -> None:
    """One CRD changes: once watched until it is served, once left alone and its whole CPU time taken."""
    name = f"changed{turn}x{time.time_ns()}"
    began = time.perf_counter()
    await rename_property(cluster, 0, name)
    await eventually(partial(serves, client, name), "the change to be served", seconds=120)
    samples.add("reload, until served", size, (time.perf_counter() - began) * 1000)
    await asyncio.sleep(SETTLED_AFTER)
    idle = await idle_share(gateway)
    before, began = gateway.reading(), time.perf_counter()
    await rename_property(cluster, 0, f"{name}Again")
    after = await until_reloaded(gateway, before)
    samples.add("reload, CPU", size, after.last_reload * 1000)
    await asyncio.sleep(SETTLED_AFTER)
    last = gateway.reading()
    used = last.cpu - before.cpu - idle * (time.perf_counter() - began)
    samples.add("reload, CPU, all until things are settled", size, used * 1000)
    stalls = [after, last]
    samples.add("longest stall, reload", size, max(each.stall for each in stalls) * 1000)
    samples.add("longest stall, reload, own CPU", size, max(each.stall_cpu for each in stalls) * 1000)
    samples.add("memory after reloads", size, last.memory / MEGABYTE)


async def serves(client: httpx.AsyncClient, name: str) -> bool:
    return f'"{name}"'.encode() in await ask(client, FIELDS)


async def until_reloaded(gateway: MeasuredGateway, before: Reading) -> Reading:
    """The first reading after another schema was swapped in."""
    found = gateway.reading()

    async def reloaded() -> bool:
        nonlocal found
        reading = gateway.reading()
        found = reading.after(found)
        return reading.reloads > before.reloads

    await eventually(reloaded, "another schema", seconds=120)
    return found


async def idle_share(gateway: MeasuredGateway) -> float:
    """The CPU time per second that the process uses doing nothing, which is the probe's."""
    before = gateway.reading().cpu
    await asyncio.sleep(IDLE_FOR)
    return (gateway.reading().cpu - before) / IDLE_FOR


def table(columns: Sequence[Column], samples: Samples) -> Table:
    stall = Aim(MOST, Measure.LARGEST, 100)
    first = Aim(0, Measure.MEDIAN, 1000)
    most = Aim(MOST, Measure.MEDIAN, 4000)
    return Table(
        "The schema of all of Kubernetes, and of so many custom resource definitions more",
        "CRDs",
        columns,
        [
            samples.row("start cold, CPU", Unit.MILLISECONDS, first, most),
            samples.row("start cold, until served"),
            samples.row("start from the OpenAPI cache, CPU", Unit.MILLISECONDS, first, most),
            samples.row("start from the OpenAPI cache, until served"),
            samples.row("of the CPU, imports"),
            samples.row("memory", Unit.MEGABYTES),
            samples.row("introspection, first"),
            samples.row("introspection, again"),
            samples.row("longest stall, introspection", Unit.MILLISECONDS, stall),
            samples.row("longest stall, introspection, own CPU"),
            samples.row("reload, until served"),
            samples.row("reload, CPU", Unit.MILLISECONDS, Aim(MOST, Measure.MEDIAN, 500)),
            samples.row("reload, CPU, all until things are settled"),
            samples.row("longest stall, reload", Unit.MILLISECONDS, stall),
            samples.row("longest stall, reload, own CPU"),
            samples.row("memory after reloads", Unit.MEGABYTES),
        ],
        (NOTE,),
    )
