"""Reads of many pods: the gateway's, alternating with raw requests to the API server for comparison."""

import asyncio
import shutil
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import httpx

from bench.cluster import Cluster
from bench.gateways import MeasuredGateway, start_measured_gateway
from bench.probe import Reading
from bench.tables import Aim, Column, Measure, Row, Table, Unit
from tests.kube.seed import seed

__all__ = ["AIMED", "measure_reads"]

AIMED: Column = 5000
"""The number of pods at which the aims apply."""

_MEGABYTE = 1 << 20
_CLIENTS = 50
_JSON = "application/json"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_NODES, _DEPLOYMENTS = "/api/v1/nodes", "/apis/apps/v1/deployments"
_PODS, _POD = "/api/v1/pods", "/api/v1/namespaces/team-0/pods/app-0-00000"

_LIST = "{ pods { items { metadata { name namespace } spec { nodeName } status { phase } } } }"
_CACHED = _LIST.replace("pods", 'pods(resourceVersion: "0")')
_ONLY_METADATA = "{ pods { items { metadata { name namespace labels } } } }"
_DEEP = """{ pods { items {
  metadata { name namespace }
  spec { nodeName containers { name image env { name value } resources { requests limits } } }
  status { phase podIP conditions { type status lastTransitionTime } }
} } }"""
_CACHED_DEEP = _DEEP.replace("pods", 'pods(resourceVersion: "0")', 1)
_RELATED = "{ pods { items { metadata { name } node { metadata { labels } } } } }"
_CACHED_RELATED = _RELATED.replace("pods", 'pods(resourceVersion: "0")')
_SELECTED = """{ deployments { items {
  metadata { name } pods { items { metadata { name } status { phase } } }
} } }"""
_PAGE = _LIST.replace("pods", "pods(limit: 100)")
_GET = '{ pod(name: "app-0-00000", namespace: "team-0") { metadata { name } status { phase } } }'
_CACHED_GET = _GET.replace('"team-0")', '"team-0", resourceVersion: "0")')


@dataclass(frozen=True, slots=True)
class _Connections:
    """Clients with open connections: ``raw`` to the API server, ``ours`` to the gateway.

    ``caching`` is to a second gateway, which caches nodes as well as pods.
    """

    cluster: Cluster
    raw: httpx.AsyncClient
    ours: httpx.AsyncClient
    caching: httpx.AsyncClient


@dataclass(frozen=True, slots=True)
class _Variant:
    """One way to read; ``run`` returns the number of received bytes.

    ``times`` is the number of reads per round. ``least`` is the minimal size of an answer in bytes: per pod
    if the variant reads all pods (``of_all``), else in total. Sizes above ``largest`` pods are skipped.
    """

    name: str
    run: Callable[[_Connections], Awaitable[int]]
    against: str = ""
    aims: Sequence[Aim] = ()
    times: int = 1
    least: int = 50
    of_all: bool = True
    through_gateway: bool = True
    largest: int = 1_000_000


def _variants() -> list[_Variant]:
    """All variants; the one with curl only if curl is installed."""
    found = [
        *_raw_variants(),
        *_live_variants(),
        *_cached_variants(),
        *_related_variants(),
        *_many_clients(),
    ]
    return [variant for variant in found if "curl" not in variant.name or shutil.which("curl")]


_RAW, _RAW_PAGE, _RAW_GET = "raw LIST, httpx", "raw page of 100", "raw GET"


def _raw_variants() -> list[_Variant]:
    whole = partial(_Variant, through_gateway=False, least=1000)
    part = partial(_Variant, through_gateway=False, of_all=False, times=5)
    return [
        whole(_RAW, partial(_fetch_raw, _PODS)),
        whole("raw LIST, curl", _run_curl, against=_RAW),
        whole(
            "raw LIST, metadata only", partial(_fetch_raw, _PODS, accept=_METADATA), against=_RAW, least=200
        ),
        part(_RAW_PAGE, partial(_fetch_raw, f"{_PODS}?limit=100"), least=10_000),
        part(_RAW_GET, partial(_fetch_raw, _POD), least=1000),
    ]


def _live_variants() -> list[_Variant]:
    part = partial(_Variant, of_all=False, times=5)
    return [
        _Variant("live list", partial(_fetch, _LIST), _RAW, [Aim(AIMED, Measure.RATIO, 1.25)]),
        _Variant(
            "live list, deep", partial(_fetch, _DEEP), _RAW, [Aim(AIMED, Measure.RATIO, 1.5)], least=500
        ),
        _Variant("live list, metadata only", partial(_fetch, _ONLY_METADATA), _RAW),
        part("live page of 100", partial(_fetch, _PAGE), _RAW_PAGE, least=5000),
        part("live get", partial(_fetch, _GET), _RAW_GET, [Aim(AIMED, Measure.DIFFERENCE, 1.5)]),
    ]


def _cached_variants() -> list[_Variant]:
    aims = [Aim(AIMED, Measure.MEDIAN, 10), Aim(AIMED, Measure.RATIO, 0.02)]
    return [
        _Variant("cached list", partial(_fetch, _CACHED), _RAW, aims, times=5),
        _Variant("cached list, deep", partial(_fetch, _CACHED_DEEP), _RAW, times=5, least=500),
        _Variant("cached get", partial(_fetch, _CACHED_GET), _RAW_GET, times=5, of_all=False),
    ]


_RAW_NODES, _RAW_DEPLOYMENTS = "raw LISTs of pods and nodes", "raw LISTs of deployments and pods"


def _related_variants() -> list[_Variant]:
    """Relations, against the raw LISTs of both kinds."""
    raw = partial(_Variant, through_gateway=False, least=1000)
    return [
        raw(_RAW_NODES, partial(_fetch_both, _PODS, _NODES)),
        raw(_RAW_DEPLOYMENTS, partial(_fetch_both, _DEPLOYMENTS, _PODS)),
        _Variant(
            "live list with nodes",
            partial(_fetch, _RELATED),
            _RAW_NODES,
            [Aim(AIMED, Measure.RATIO, 1.4)],
        ),
        _Variant(
            "cached list with cached nodes",
            partial(_fetch_from_caches, _CACHED_RELATED),
            _RAW_NODES,
            [Aim(AIMED, Measure.MEDIAN, 30)],
            times=5,
        ),
        _Variant("deployments with cached pods", partial(_fetch, _SELECTED), _RAW_DEPLOYMENTS),
    ]


def _many_clients() -> list[_Variant]:
    several = partial(_Variant, times=1)
    return [
        several(
            f"{_CLIENTS} clients, raw page of 100",
            partial(_at_once, partial(_fetch_raw, f"{_PODS}?limit=100")),
            of_all=False,
            through_gateway=False,
        ),
        several(
            f"{_CLIENTS} clients, live page of 100",
            partial(_at_once, partial(_fetch, _PAGE)),
            f"{_CLIENTS} clients, raw page of 100",
            of_all=False,
        ),
        several(f"{_CLIENTS} clients, cached list", partial(_at_once, partial(_fetch, _CACHED)), _RAW),
        several(
            f"{_CLIENTS} clients, live list", partial(_at_once, partial(_fetch, _LIST)), _RAW, largest=AIMED
        ),
    ]


async def _fetch_raw(path: str, connections: _Connections, accept: str = _JSON) -> int:
    async with connections.raw.stream("GET", path, headers={"Accept": accept}) as response:
        response.raise_for_status()
        return sum([len(chunk) async for chunk in response.aiter_raw()])


async def _fetch_both(first: str, second: str, connections: _Connections) -> int:
    return await _fetch_raw(first, connections) + await _fetch_raw(second, connections)


async def _fetch(query: str, connections: _Connections) -> int:
    return await _post(query, connections.ours)


async def _fetch_from_caches(query: str, connections: _Connections) -> int:
    return await _post(query, connections.caching)


async def _post(query: str, client: httpx.AsyncClient) -> int:
    async with client.stream("POST", "/graphql", json={"query": query}) as response:
        response.raise_for_status()
        chunks = [chunk async for chunk in response.aiter_raw()]
    # a response has its errors after the data, or in place of it
    if chunks[0].startswith(b'{"errors"') or b'"errors":[{' in chunks[-1][-4096:]:
        raise RuntimeError(f"the gateway answered with errors: {chunks[-1][-500:]!r}")
    return sum(map(len, chunks))


async def _at_once(run: Callable[[_Connections], Awaitable[int]], connections: _Connections) -> int:
    return min(await asyncio.gather(*(run(connections) for _ in range(_CLIENTS))))


async def _run_curl(connections: _Connections) -> int:
    """Fetch with curl; a user agent of its own, because the API server indents JSON for curl's."""
    cluster = connections.cluster
    command = ["curl", "--silent", "--show-error", "--fail", "--output", "/dev/null"]
    command += ["--write-out", "%{size_download}", "--cacert", str(cluster.certificate_authority)]
    command += ["--user-agent", "bench", "--header", f"Accept: {_JSON}"]
    command += ["--header", f"Authorization: Bearer {cluster.token}", cluster.server + _PODS]
    curl = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await curl.communicate()
    return int(printed)


@dataclass(slots=True)
class _Samples:
    """Samples by variant and column: latencies, and readings of the gateway's process during them."""

    times: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    cpu: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    stalls: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    own_stalls: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    peaks: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    process: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))

    def add(
        self, name: str, column: Column, seconds: Sequence[float], before: Reading, after: Reading
    ) -> None:
        self.times[name].setdefault(column, []).extend(value * 1000 for value in seconds)
        cpu = (after.cpu - before.cpu) * 1000 / len(seconds)
        self.cpu[name].setdefault(column, []).append(cpu)
        self.stalls[name].setdefault(column, []).append(after.stall * 1000)
        self.own_stalls[name].setdefault(column, []).append(after.stall_cpu * 1000)
        self.peaks[name].setdefault(column, []).append(after.peak_memory / _MEGABYTE)


async def measure_reads(cluster: Cluster, sizes: Sequence[Column], rounds: int) -> list[Table]:
    """Measure at each number of pods, in ascending order; return tables of latencies and of the process."""
    samples = _Samples()
    seeded, known = 0, _variants()
    for size in sorted(sizes):
        await seed(cluster.kubeconfig, size, first=seeded)
        seeded = size
        with start_measured_gateway(
            cluster.directory / f"gateway-{size}",
            "--kubeconfig",
            str(cluster.kubeconfig),
            "--cache",
            "pods",
        ) as gateway:
            _note_memory(samples, size, gateway)
            async with _connected(cluster, gateway, size) as connections:
                await _measure_in_turns(known, connections, gateway, size, rounds, samples)
            samples.process["at the end"].setdefault(size, []).append(gateway.reading().memory / _MEGABYTE)
    columns = sorted(sizes)
    return [_table_of_times(known, columns, samples), _table_of_the_process(known, columns, samples)]


def _note_memory(samples: _Samples, size: Column, gateway: MeasuredGateway) -> None:
    start = gateway.at_start
    samples.process["at the start"].setdefault(size, []).append(start.memory / _MEGABYTE)
    samples.process["peak of the start"].setdefault(size, []).append(start.peak_memory / _MEGABYTE)


@asynccontextmanager
async def _connected(cluster: Cluster, gateway: MeasuredGateway, size: Column) -> AsyncIterator[_Connections]:
    directory, kubeconfig = cluster.directory / f"nodes-{size}", str(cluster.kubeconfig)
    with start_measured_gateway(directory, "--kubeconfig", kubeconfig, "--cache", "pods,nodes") as caching:
        async with cluster.client() as raw, gateway.client() as ours, caching.client() as nodes:
            yield _Connections(cluster, raw, ours, nodes)


async def _measure_in_turns(
    known: Sequence[_Variant],
    connections: _Connections,
    gateway: MeasuredGateway,
    size: Column,
    rounds: int,
    samples: _Samples,
) -> None:
    """Alternate the variants (A B C, A B C, …), so that other load affects all; the first round warms up."""
    for turn in range(rounds + 1):
        for variant in known:
            if size > variant.largest:
                continue
            before = gateway.reading()
            seconds = [await _timed(variant, connections, size) for _ in range(variant.times if turn else 1)]
            after = gateway.reading()
            if turn:
                samples.add(variant.name, size, seconds, before, after)


async def _timed(variant: _Variant, connections: _Connections, size: Column) -> float:
    """The latency of one read in seconds; RuntimeError if the answer is too small."""
    began = time.perf_counter()
    received = await variant.run(connections)
    seconds = time.perf_counter() - began
    if received < variant.least * (size if variant.of_all else 1):
        raise RuntimeError(f"{variant.name}: the answer has only {received} bytes")
    # keeps the clean-up after this answer out of the next measurement
    await asyncio.sleep(0.01)
    return seconds


def _table_of_times(known: Sequence[_Variant], columns: Sequence[Column], samples: _Samples) -> Table:
    rows = [
        Row(variant.name, Unit.MILLISECONDS, samples.times[variant.name], variant.against, variant.aims)
        for variant in known
    ]
    return Table(
        "Reads: time to the complete response",
        "pods",
        columns,
        rows,
        ("Median (smallest–largest), and the ratio to the raw request of the same kind.",),
    )


def _table_of_the_process(known: Sequence[_Variant], columns: Sequence[Column], samples: _Samples) -> Table:
    ours = [variant for variant in known if variant.through_gateway]
    stall = (Aim(AIMED, Measure.LARGEST, 100),)
    peak = (Aim(AIMED, Measure.LARGEST, 250),)
    ms, mb = Unit.MILLISECONDS, Unit.MEGABYTES
    names = [variant.name for variant in ours]
    rows = [
        *(Row(f"CPU, {name}", ms, samples.cpu[name]) for name in names),
        *(Row(f"longest stall, {name}", ms, samples.stalls[name], aims=stall) for name in names),
        *(Row(f"longest stall, own CPU, {name}", ms, samples.own_stalls[name]) for name in names),
        Row("memory, all pods cached", mb, samples.process["at the start"]),
        Row("peak memory, start with all pods cached", mb, samples.process["peak of the start"], aims=peak),
        *(
            Row(f"peak memory, {variant.name}", mb, samples.peaks[variant.name], aims=peak)
            for variant in ours
            if variant.of_all
        ),
        Row("memory after the reads", mb, samples.process["at the end"]),
    ]
    return Table("Reads: the gateway's process", "pods", columns, rows, headline=False)
