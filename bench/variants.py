"""Ways to read, measured in turns: the gateway's, alternating with raw requests to the API server."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx

from bench.cluster import Cluster
from bench.gateways import MeasuredGateway, start_measured_gateway
from bench.probe import Reading
from bench.tables import Aim, Column, Measure, Row, Table, Unit
from gateway.kube import KubeClient
from gateway.kube.config import load_config

__all__ = [
    "AIMED",
    "Connections",
    "ReadSamples",
    "Variant",
    "connected",
    "fetch",
    "fetch_raw",
    "fetch_thin",
    "measure_in_turns",
    "table_of_the_process",
    "table_of_times",
]

AIMED: Column = 5000
"""The number of pods at which the aims apply."""
MEGABYTE = 1 << 20
_JSON = "application/json"
_NOTE = (
    "Median (smallest–largest), and the ratio to the raw request of the same kind. Raw lists of all objects"
    " are read with the gateway's own transport, which is the fastest client here."
)


@dataclass(frozen=True, slots=True)
class Connections:
    """Clients with open connections: ``raw`` and ``thin`` to the API server, the others to gateways by name.

    ``thin`` has the gateway's own transport: httpx takes longer to read 30 MB than the API server to send it,
    so that a list through a gateway, which answers with less, would be faster than the raw list.
    """

    cluster: Cluster
    raw: httpx.AsyncClient
    thin: KubeClient
    clients: Mapping[str, httpx.AsyncClient]
    gateways: Mapping[str, MeasuredGateway]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to read; ``run`` returns the number of received bytes.

    ``gateway`` is the name of the gateway that answers, empty for raw requests. ``times`` is the number of
    reads per round. ``least`` is the minimal size of an answer in bytes: per pod if the variant reads all
    pods (``of_all``), else in total. Sizes above ``largest`` pods are skipped.
    """

    name: str
    run: Callable[[Connections], Awaitable[int]]
    against: str = ""
    aims: Sequence[Aim] = ()
    times: int = 1
    least: int = 50
    of_all: bool = True
    gateway: str = ""
    largest: int = 1_000_000


@asynccontextmanager
async def connected(cluster: Cluster, size: Column, caches: Mapping[str, str]) -> AsyncIterator[Connections]:
    """Gateways by name, each with the ``--cache`` of that name; an empty one caches nothing."""
    async with AsyncExitStack() as stack:
        gateways = {
            name: stack.enter_context(
                start_measured_gateway(
                    cluster.directory / f"{name}-{size}",
                    "--kubeconfig",
                    str(cluster.kubeconfig),
                    *(("--cache", cache) if cache else ()),
                )
            )
            for name, cache in caches.items()
        }
        clients = {
            name: await stack.enter_async_context(gateway.client()) for name, gateway in gateways.items()
        }
        raw = await stack.enter_async_context(cluster.client())
        thin = await stack.enter_async_context(KubeClient.connect(load_config(cluster.kubeconfig)))
        yield Connections(cluster, raw, thin, clients, gateways)


async def fetch_raw(path: str, connections: Connections, accept: str = _JSON) -> int:
    """The bytes of a GET to the API server."""
    async with connections.raw.stream("GET", path, headers={"Accept": accept}) as response:
        response.raise_for_status()
        return sum([len(chunk) async for chunk in response.aiter_raw()])


async def fetch_thin(path: str, connections: Connections, accept: str = _JSON) -> int:
    """As :func:`fetch_raw`, with the thin client; for lists of all objects."""
    async with connections.thin.stream(path.removeprefix("/"), {}, accept=accept) as chunks:
        return sum([len(chunk) async for chunk in chunks])


async def fetch(query: str, gateway: str, connections: Connections) -> int:
    """The bytes of a gateway's answer; RuntimeError if it has errors."""
    client = connections.clients[gateway]
    async with client.stream("POST", "/graphql", json={"query": query}) as response:
        response.raise_for_status()
        chunks = [chunk async for chunk in response.aiter_raw()]
    # a response has its errors after the data, or in place of it
    if chunks[0].startswith(b'{"errors"') or b'"errors":[{' in chunks[-1][-4096:]:
        raise RuntimeError(f"the gateway answered with errors: {chunks[-1][-500:]!r}")
    return sum(map(len, chunks))


@dataclass(slots=True)
class ReadSamples:
    """Samples by variant and column: latencies, and readings of the gateway's process during them."""

    times: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    cpu: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    stalls: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    own_stalls: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    peaks: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))

    def add(
        self,
        name: str,
        column: Column,
        seconds: Sequence[float],
        before: Reading | None,
        after: Reading | None,
    ) -> None:
        """The latencies of one round, and the readings of the gateway before and after it."""
        self.times[name].setdefault(column, []).extend(value * 1000 for value in seconds)
        if before is None or after is None:
            return
        cpu = (after.cpu - before.cpu) * 1000 / len(seconds)
        self.cpu[name].setdefault(column, []).append(cpu)
        self.stalls[name].setdefault(column, []).append(after.stall * 1000)
        self.own_stalls[name].setdefault(column, []).append(after.stall_cpu * 1000)
        self.peaks[name].setdefault(column, []).append(after.peak_memory / MEGABYTE)


async def measure_in_turns(
    known: Sequence[Variant], connections: Connections, size: Column, rounds: int, samples: ReadSamples
) -> None:
    """Alternate the variants (A B C, A B C, …), so that other load affects all; the first round warms up."""
    for turn in range(rounds + 1):
        for variant in known:
            if size > variant.largest:
                continue
            gateway = connections.gateways.get(variant.gateway)
            before = gateway.reading() if gateway else None
            seconds = [await _timed(variant, connections, size) for _ in range(variant.times if turn else 1)]
            after = gateway.reading() if gateway else None
            if turn:
                samples.add(variant.name, size, seconds, before, after)


async def _timed(variant: Variant, connections: Connections, size: Column) -> float:
    """The latency of one read in seconds; RuntimeError if the answer is too small."""
    began = time.perf_counter()
    received = await variant.run(connections)
    seconds = time.perf_counter() - began
    if received < variant.least * (size if variant.of_all else 1):
        raise RuntimeError(f"{variant.name}: the answer has only {received} bytes")
    # keeps the clean-up after this answer out of the next measurement
    await asyncio.sleep(0.01)
    return seconds


def table_of_times(
    title: str, counted: str, known: Sequence[Variant], columns: Sequence[Column], samples: ReadSamples
) -> Table:
    """The latencies."""
    rows = [
        Row(variant.name, Unit.MILLISECONDS, samples.times[variant.name], variant.against, variant.aims)
        for variant in known
    ]
    return Table(
        title,
        counted,
        columns,
        rows,
        (_NOTE,),
    )


def table_of_the_process(
    title: str,
    counted: str,
    known: Sequence[Variant],
    columns: Sequence[Column],
    samples: ReadSamples,
    process: Sequence[Row] = (),
) -> Table:
    """The gateways' CPU, stalls and memory; ``process`` are further rows."""
    ours = [variant for variant in known if variant.gateway]
    stall = (Aim(AIMED, Measure.LARGEST, 100),)
    peak = (Aim(AIMED, Measure.LARGEST, 250),)
    ms, mb = Unit.MILLISECONDS, Unit.MEGABYTES
    names = [variant.name for variant in ours]
    rows = [
        *(Row(f"CPU, {name}", ms, samples.cpu[name]) for name in names),
        *(Row(f"longest stall, {name}", ms, samples.stalls[name], aims=stall) for name in names),
        *(Row(f"longest stall, own CPU, {name}", ms, samples.own_stalls[name]) for name in names),
        *(
            Row(f"peak memory, {variant.name}", mb, samples.peaks[variant.name], aims=peak)
            for variant in ours
            if variant.of_all
        ),
        *process,
    ]
    return Table(title, counted, columns, rows, headline=False)
