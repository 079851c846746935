"""Reads of many pods: the gateway's, alternating with raw requests to the API server for comparison."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from bench.cluster import Cluster
from bench.gateways import MeasuredGateway
from bench.tables import Aim, Column, Measure, Samples, Table, Unit
from bench.variants import (
    AIMED,
    MEGABYTE,
    Connections,
    ReadSamples,
    Variant,
    connected,
    fetch,
    fetch_raw,
    fetch_thin,
    measure_in_turns,
    table_of_the_process,
    table_of_times,
)
from tests.kube.seed import seed

__all__ = ["measure_reads"]

_CLIENTS = 50
_JSON = "application/json"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_OURS = "gateway"
"""The gateway, which caches pods."""
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
_PAGE = _LIST.replace("pods", "pods(limit: 100)")
_GET = '{ pod(name: "app-0-00000", namespace: "team-0") { metadata { name } status { phase } } }'
_CACHED_GET = _GET.replace('"team-0")', '"team-0", resourceVersion: "0")')


def _variants() -> list[Variant]:
    """All variants; the one with curl only if curl is installed."""
    found = [
        *_raw_variants(),
        *_live_variants(),
        *_cached_variants(),
        *_many_clients(),
    ]
    return [variant for variant in found if "curl" not in variant.name or shutil.which("curl")]


_RAW, _RAW_PAGE, _RAW_GET = "raw LIST", "raw page of 100", "raw GET"


def _raw_variants() -> list[Variant]:
    whole = partial(Variant, least=1000)
    part = partial(Variant, of_all=False, times=5)
    return [
        whole(_RAW, partial(fetch_thin, _PODS)),
        whole("raw LIST, httpx", partial(fetch_raw, _PODS), against=_RAW),
        whole("raw LIST, curl", _run_curl, against=_RAW),
        whole("raw LIST, metadata only", partial(fetch_thin, _PODS, accept=_METADATA), _RAW, least=200),
        part(_RAW_PAGE, partial(fetch_raw, f"{_PODS}?limit=100"), least=10_000),
        part(_RAW_GET, partial(fetch_raw, _POD), least=1000),
    ]


def _live_variants() -> list[Variant]:
    whole = partial(Variant, gateway=_OURS)
    part = partial(Variant, of_all=False, times=5, gateway=_OURS)
    deep = partial(fetch, _DEEP, _OURS)
    return [
        whole("live list", partial(fetch, _LIST, _OURS), _RAW, [Aim(AIMED, Measure.RATIO, 1.25)]),
        whole("live list, deep", deep, _RAW, [Aim(AIMED, Measure.RATIO, 1.5)], least=500),
        whole("live list, metadata only", partial(fetch, _ONLY_METADATA, _OURS), _RAW),
        part("live page of 100", partial(fetch, _PAGE, _OURS), _RAW_PAGE, least=5000),
        part("live get", partial(fetch, _GET, _OURS), _RAW_GET, [Aim(AIMED, Measure.DIFFERENCE, 1.5)]),
    ]


def _cached_variants() -> list[Variant]:
    aims = [Aim(AIMED, Measure.MEDIAN, 10), Aim(AIMED, Measure.RATIO, 0.02)]
    several = partial(Variant, times=5, gateway=_OURS)
    return [
        several("cached list", partial(fetch, _CACHED, _OURS), _RAW, aims),
        several("cached list, deep", partial(fetch, _CACHED_DEEP, _OURS), _RAW, least=500),
        several("cached get", partial(fetch, _CACHED_GET, _OURS), _RAW_GET, of_all=False),
    ]


def _many_clients() -> list[Variant]:
    ours = partial(Variant, gateway=_OURS)
    page = f"{_CLIENTS} clients, raw page of 100"
    return [
        Variant(page, partial(_at_once, partial(fetch_raw, f"{_PODS}?limit=100")), of_all=False),
        ours(
            f"{_CLIENTS} clients, live page of 100",
            partial(_at_once, partial(fetch, _PAGE, _OURS)),
            page,
            of_all=False,
        ),
        ours(f"{_CLIENTS} clients, cached list", partial(_at_once, partial(fetch, _CACHED, _OURS)), _RAW),
        ours(
            f"{_CLIENTS} clients, live list",
            partial(_at_once, partial(fetch, _LIST, _OURS)),
            _RAW,
            largest=AIMED,
        ),
    ]


async def _at_once(run: Callable[[Connections], Awaitable[int]], connections: Connections) -> int:
    return min(await asyncio.gather(*(run(connections) for _ in range(_CLIENTS))))


async def _run_curl(connections: Connections) -> int:
    """Fetch with curl; a user agent of its own, because the API server indents JSON for curl's."""
    cluster = connections.cluster
    command = ["curl", "--silent", "--show-error", "--fail", "--output", "/dev/null"]
    command += ["--write-out", "%{size_download}", "--cacert", str(cluster.certificate_authority)]
    command += ["--user-agent", "bench", "--header", f"Accept: {_JSON}"]
    command += ["--header", f"Authorization: Bearer {cluster.token}", cluster.server + _PODS]
    curl = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await curl.communicate()
    return int(printed)


async def measure_reads(cluster: Cluster, sizes: Sequence[Column], rounds: int) -> list[Table]:
    """Measure at each number of pods, in ascending order; return tables of latencies and of the process."""
    samples, memory = ReadSamples(), Samples()
    seeded, known = 0, _variants()
    for size in sorted(sizes):
        await seed(cluster.kubeconfig, size, first=seeded)
        seeded = size
        async with connected(cluster, size, {_OURS: "pods"}) as connections:
            gateway = connections.gateways[_OURS]
            _note_memory(memory, size, gateway)
            await measure_in_turns(known, connections, size, rounds, samples)
            memory.add("memory after the reads", size, gateway.reading().memory / MEGABYTE)
    columns = sorted(sizes)
    most = Aim(AIMED, Measure.LARGEST, 250)
    process = [
        memory.row("memory, all pods cached", Unit.MEGABYTES),
        memory.row("peak memory, start with all pods cached", Unit.MEGABYTES, most),
        memory.row("memory after the reads", Unit.MEGABYTES),
    ]
    return [
        table_of_times("Reads: time to the complete response", "pods", known, columns, samples),
        table_of_the_process("Reads: the gateway's process", "pods", known, columns, samples, process),
    ]


def _note_memory(memory: Samples, size: Column, gateway: MeasuredGateway) -> None:
    start = gateway.at_start
    memory.add("memory, all pods cached", size, start.memory / MEGABYTE)
    memory.add("peak memory, start with all pods cached", size, start.peak_memory / MEGABYTE)
