"""The ways to read pods that are compared with each other."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import httpx

from bench.cluster import Cluster
from bench.tables import Aim, Measure

__all__ = ["Connections", "Variant", "variants"]

AIMED = 5000
CLIENTS = 50
JSON = "application/json"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
PODS, POD = "/api/v1/pods", "/api/v1/namespaces/team-0/pods/app-0-00000"

LIST = "{ pods { items { metadata { name namespace } spec { nodeName } status { phase } } } }"
CACHED = LIST.replace("pods", 'pods(resourceVersion: "0")')
ONLY_METADATA = "{ pods { items { metadata { name namespace labels } } } }"
DEEP = """{ pods { items {
  metadata { name namespace }
  spec { nodeName containers { name image env { name value } resources { requests limits } } }
  status { phase podIP conditions { type status lastTransitionTime } }
} } }"""
CACHED_DEEP = DEEP.replace("pods", 'pods(resourceVersion: "0")', 1)
PAGE = LIST.replace("pods", "pods(limit: 100)")
GET = '{ pod(name: "app-0-00000", namespace: "team-0") { metadata { name } status { phase } } }'
CACHED_GET = GET.replace('"team-0")', '"team-0", resourceVersion: "0")')


@dataclass(frozen=True, slots=True)
class Connections:
    """Clients whose connections are open already: to the API server, and to the gateway."""

    cluster: Cluster
    raw: httpx.AsyncClient
    ours: httpx.AsyncClient


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to read; ``run`` answers how many bytes it received.

    ``times`` is how often it runs in its turn; ``least`` are the bytes that an answer has to have, for each
    pod where it is ``of_all`` of them; above ``largest`` pods it is left out.
    """

    name: str
    run: Callable[[Connections], Awaitable[int]]
    against: str = ""
    aims: Sequence[Aim] = ()
    times: int = 1
    least: int = 50
    of_all: bool = True
    through_gateway: bool = True
    largest: int = 1_000_000


def variants() -> list[Variant]:
    """All of them; without curl where it is not installed."""
    found = [*raw_variants(), *live_variants(), *cached_variants(), *many_clients()]
    return [each for each in found if "curl" not in each.name or shutil.which("curl")]


RAW, RAW_PAGE, RAW_GET = "raw LIST, httpx", "raw page of 100", "raw GET"


def raw_variants() -> list[Variant]:
    whole = partial(Variant, through_gateway=False, least=1000)
    part = partial(Variant, through_gateway=False, of_all=False, times=5)
    return [
        whole(RAW, partial(fetch_raw, PODS)),
        whole("raw LIST, curl", run_curl, against=RAW),
        whole("raw LIST, metadata only", partial(fetch_raw, PODS, accept=METADATA), against=RAW, least=200),
        part(RAW_PAGE, partial(fetch_raw, f"{PODS}?limit=100"), least=10_000),
        part(RAW_GET, partial(fetch_raw, POD), least=1000),
    ]


def live_variants() -> list[Variant]:
    part = partial(Variant, of_all=False, times=5)
    return [
        Variant("live list", partial(fetch, LIST), RAW, [Aim(AIMED, Measure.RATIO, 1.25)]),
        Variant("live list, deep", partial(fetch, DEEP), RAW, [Aim(AIMED, Measure.RATIO, 1.5)], least=500),
        Variant("live list, metadata only", partial(fetch, ONLY_METADATA), RAW),
        part("live page of 100", partial(fetch, PAGE), RAW_PAGE, least=5000),
        part("live get", partial(fetch, GET), RAW_GET, [Aim(AIMED, Measure.DIFFERENCE, 1.5)]),
    ]


def cached_variants() -> list[Variant]:
    aims = [Aim(AIMED, Measure.MEDIAN, 10), Aim(AIMED, Measure.RATIO, 0.02)]
    return [
        Variant("cached list", partial(fetch, CACHED), RAW, aims, times=5),
        Variant("cached list, deep", partial(fetch, CACHED_DEEP), RAW, times=5, least=500),
        Variant("cached get", partial(fetch, CACHED_GET), RAW_GET, times=5, of_all=False),
    ]


def many_clients() -> list[Variant]:
    several = partial(Variant, times=1)
    return [
        several(
            f"{CLIENTS} clients, raw page of 100",
            partial(at_once, partial(fetch_raw, f"{PODS}?limit=100")),
            of_all=False,
            through_gateway=False,
        ),
        several(
            f"{CLIENTS} clients, live page of 100",
            partial(at_once, partial(fetch, PAGE)),
            f"{CLIENTS} clients, raw page of 100",
            of_all=False,
        ),
        several(f"{CLIENTS} clients, cached list", partial(at_once, partial(fetch, CACHED)), RAW),
        several(f"{CLIENTS} clients, live list", partial(at_once, partial(fetch, LIST)), RAW, largest=AIMED),
    ]


async def fetch_raw(path: str, connections: Connections, accept: str = JSON) -> int:
    async with connections.raw.stream("GET", path, headers={"Accept": accept}) as response:
        response.raise_for_status()
        return sum([len(chunk) async for chunk in response.aiter_raw()])


async def fetch(query: str, connections: Connections) -> int:
    async with connections.ours.stream("POST", "/graphql", json={"query": query}) as response:
        response.raise_for_status()
        chunks = [chunk async for chunk in response.aiter_raw()]
    # errors come after the data, or instead of it
    if chunks[0].startswith(b'{"errors"') or b'"errors":[{' in chunks[-1][-4096:]:
        raise RuntimeError(f"the gateway answered with errors: {chunks[-1][-500:]!r}")
    return sum(map(len, chunks))


async def at_once(run: Callable[[Connections], Awaitable[int]], connections: Connections) -> int:
    return min(await asyncio.gather(*(run(connections) for _ in range(CLIENTS))))


async def run_curl(connections: Connections) -> int:
    """In a process of its own; it would get indented JSON, were it not to call itself something else."""
    cluster = connections.cluster
    command = ["curl", "--silent", "--show-error", "--fail", "--output", "/dev/null"]
    command += ["--write-out", "%{size_download}", "--cacert", str(cluster.certificate_authority)]
    command += ["--user-agent", "bench", "--header", f"Accept: {JSON}"]
    command += ["--header", f"Authorization: Bearer {cluster.token}", cluster.server + PODS]
    curl = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await curl.communicate()
    return int(printed)
