"""The schema: start-up, introspection and reload with many custom resource definitions."""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import httpx
from graphql import get_introspection_query

from bench.cluster import Cluster
from bench.crds import FLAT, CRDs, JSONObject, realistic_crds
from bench.gateways import MeasuredGateway, ask, start_measured_gateway
from bench.probe import Reading
from bench.tables import Aim, Column, Measure, Row, Samples, Table, Unit
from tests.fixtures.waiting import eventually

__all__ = ["MOST", "measure_realistic_schemas", "measure_schemas"]

_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
_CREATED_AT_ONCE = 4
MOST: Column = 500
_MEGABYTE = 1 << 20
_SETTLE_SECONDS = 10.0
"""Time after a change until the gateway stops polling for further changes."""

_INTROSPECTION = get_introspection_query()
_FIELDS = "query ($name: String!) { __type(name: $name) { fields { name } } }"
_IDLE_FOR = 1.0
_CORE_DOCUMENT = "/openapi/v3/api/v1"
_NOTE = (
    "A reload follows the renaming of one property of one CRD. Its CPU covers fetching the API's description "
    "and building the schema; until settled, it also covers later polls."
)
_FLAT_NOTE = f"Each CRD has 50 properties. {_NOTE}"
_REALISTIC_NOTE = (
    "The CRDs are in groups of 20 that repeat pod templates and parts of these, as the CRDs of projects do; "
    f"without shared types, 500 of them would make 59,461 types. {_NOTE}"
)
_ROWS: Mapping[str, Unit] = {
    "start cold, CPU": Unit.MILLISECONDS,
    "start cold, until served": Unit.MILLISECONDS,
    "start from the OpenAPI cache, CPU": Unit.MILLISECONDS,
    "start from the OpenAPI cache, until served": Unit.MILLISECONDS,
    "start, CPU of imports": Unit.MILLISECONDS,
    "types": Unit.COUNT,
    "memory": Unit.MEGABYTES,
    "introspection, first": Unit.MILLISECONDS,
    "introspection, again": Unit.MILLISECONDS,
    "introspection, uncompressed": Unit.MEGABYTES,
    "introspection, gzip": Unit.MEGABYTES,
    "introspection, zstd": Unit.MEGABYTES,
    "longest stall, introspection": Unit.MILLISECONDS,
    "longest stall, introspection, own CPU": Unit.MILLISECONDS,
    "memory after introspection": Unit.MEGABYTES,
    "reload, until served": Unit.MILLISECONDS,
    "reload, CPU": Unit.MILLISECONDS,
    "reload, CPU until settled": Unit.MILLISECONDS,
    "longest stall, reload": Unit.MILLISECONDS,
    "longest stall, reload, own CPU": Unit.MILLISECONDS,
    "memory after reloads": Unit.MEGABYTES,
}


async def measure_schemas(cluster: Cluster, sizes: Sequence[Column], rounds: int) -> list[Table]:
    """Measure at each number of flat CRDs, in ascending order."""
    samples = await _measure(cluster, FLAT, sizes, rounds)
    return [_flat_table(sorted(sizes), samples)]


async def measure_realistic_schemas(cluster: Cluster, sizes: Sequence[Column], rounds: int) -> list[Table]:
    """Measure at each number of realistic CRDs, in ascending order."""
    async with cluster.client() as client:
        document = (await client.get(_CORE_DOCUMENT)).raise_for_status().json()
    crds = realistic_crds(document["components"]["schemas"])
    samples = await _measure(cluster, crds, sizes, rounds)
    return [_realistic_table(sorted(sizes), samples)]


async def _measure(cluster: Cluster, crds: CRDs, sizes: Sequence[Column], rounds: int) -> Samples:
    samples = Samples()
    installed = 0
    for size in sorted(sizes):
        await _install_definitions(cluster, [crds.definition(index) for index in range(installed, size)])
        installed = size
        for turn in range(rounds):
            await _measure_starts(cluster, crds, size, turn, samples)
    return samples


async def _measure_starts(cluster: Cluster, crds: CRDs, size: Column, turn: int, samples: Samples) -> None:
    """Start the gateway without and with an OpenAPI cache; measure introspection and reload on the second."""
    directory = cluster.directory / f"schema-{size}-{turn}"
    variables = {"XDG_CACHE_HOME": str(directory / "cache")}
    kubeconfig = ("--kubeconfig", str(cluster.kubeconfig))
    with start_measured_gateway(directory / "cold", *kubeconfig, variables=variables) as gateway:
        _note_start("cold", gateway, size, samples)
    with start_measured_gateway(directory / "cached", *kubeconfig, variables=variables) as gateway:
        _note_start("from the OpenAPI cache", gateway, size, samples)
        async with gateway.client() as client:
            await _measure_introspection(client, gateway, size, samples)
            if size:
                await _measure_reload(_Scene(cluster, crds, client, gateway), size, turn, samples)


def _note_start(how: str, gateway: MeasuredGateway, size: Column, samples: Samples) -> None:
    reading = gateway.at_start
    samples.add(f"start {how}, CPU", size, reading.cpu * 1000)
    samples.add(f"start {how}, until served", size, gateway.started_in * 1000)
    samples.add("start, CPU of imports", size, reading.cpu_before_main * 1000)
    samples.add("memory", size, reading.memory / _MEGABYTE)


async def _measure_introspection(
    client: httpx.AsyncClient, gateway: MeasuredGateway, size: Column, samples: Samples
) -> None:
    """Run GraphiQL's introspection query twice."""
    gateway.reading()
    for name in ("introspection, first", "introspection, again"):
        began = time.perf_counter()
        answer = await ask(client, _INTROSPECTION)
        samples.add(name, size, (time.perf_counter() - began) * 1000)
    reading = gateway.reading()
    samples.add("introspection, uncompressed", size, len(answer) / _MEGABYTE)
    samples.add("types", size, len(json.loads(answer)["data"]["__schema"]["types"]))
    samples.add("memory after introspection", size, reading.memory / _MEGABYTE)
    for coding in ("gzip", "zstd"):
        samples.add(f"introspection, {coding}", size, await _size_on_the_wire(client, coding) / _MEGABYTE)
    samples.add("longest stall, introspection", size, reading.stall * 1000)
    samples.add("longest stall, introspection, own CPU", size, reading.stall_cpu * 1000)


async def _size_on_the_wire(client: httpx.AsyncClient, coding: str) -> int:
    """The bytes of the introspection's response body in that coding."""
    headers, query = {"Accept-Encoding": coding}, {"query": _INTROSPECTION}
    async with client.stream("POST", "/graphql", json=query, headers=headers) as response:
        return sum([len(piece) async for piece in response.aiter_raw()])


@dataclass(frozen=True, slots=True)
class _Scene:
    """A gateway that follows a cluster with CRDs."""

    cluster: Cluster
    crds: CRDs
    client: httpx.AsyncClient
    gateway: MeasuredGateway

    async def rename_property(self, name: str) -> None:
        """Rename one property of the first CRD."""
        crd = self.crds.definition(0, name)
        async with self.cluster.client() as client:
            response = await client.patch(
                f"{_PATH}/{crd['metadata']['name']}",
                json={"spec": {"versions": crd["spec"]["versions"]}},
                headers=_MERGE_PATCH,
            )
            response.raise_for_status()

    async def serves(self, name: str) -> bool:
        """Whether the gateway serves the property."""
        answer = await ask(self.client, _FIELDS, {"name": self.crds.first_spec})
        return f'"{name}"'.encode() in answer


async def _measure_reload(scene: _Scene, size: Column, turn: int, samples: Samples) -> None:
    """Change one CRD twice: measure the time until it is served, then the CPU time without other requests."""
    gateway = scene.gateway
    name = f"changed{turn}x{time.time_ns()}"
    began = time.perf_counter()
    await scene.rename_property(name)
    await eventually(partial(scene.serves, name), "the change to be served", seconds=120)
    samples.add("reload, until served", size, (time.perf_counter() - began) * 1000)
    await asyncio.sleep(_SETTLE_SECONDS)
    idle = await _idle_share(gateway)
    before, began = gateway.reading(), time.perf_counter()
    await scene.rename_property(f"{name}Again")
    after = await _until_reloaded(gateway, before)
    samples.add("reload, CPU", size, after.last_reload * 1000)
    await asyncio.sleep(_SETTLE_SECONDS)
    last = gateway.reading()
    used = last.cpu - before.cpu - idle * (time.perf_counter() - began)
    samples.add("reload, CPU until settled", size, used * 1000)
    readings = [after, last]
    samples.add("longest stall, reload", size, max(reading.stall for reading in readings) * 1000)
    samples.add("longest stall, reload, own CPU", size, max(reading.stall_cpu for reading in readings) * 1000)
    samples.add("memory after reloads", size, last.memory / _MEGABYTE)


async def _until_reloaded(gateway: MeasuredGateway, before: Reading) -> Reading:
    """The first reading after the next replacement of the schema."""
    found = gateway.reading()

    async def reloaded() -> bool:
        nonlocal found
        reading = gateway.reading()
        found = reading.after(found)
        return reading.reloads > before.reloads

    await eventually(reloaded, "the next schema", seconds=120)
    return found


async def _idle_share(gateway: MeasuredGateway) -> float:
    """The CPU seconds per second of the idle process, which the probe uses."""
    before = gateway.reading().cpu
    await asyncio.sleep(_IDLE_FOR)
    return (gateway.reading().cpu - before) / _IDLE_FOR


def _flat_table(columns: Sequence[Column], samples: Samples) -> Table:
    first, most = Aim(0, Measure.MEDIAN, 1000), Aim(MOST, Measure.MEDIAN, 4000)
    aims = {
        "start cold, CPU": [first, most],
        "start from the OpenAPI cache, CPU": [first, most],
        "reload, CPU": [Aim(MOST, Measure.MEDIAN, 500)],
    }
    title = "Schema: the API of Kubernetes, plus custom resource definitions"
    return Table(title, "CRDs", columns, _rows(samples, aims), (_FLAT_NOTE,))


def _realistic_table(columns: Sequence[Column], samples: Samples) -> Table:
    limits = {
        "start cold, until served": 2500,
        "start from the OpenAPI cache, until served": 1500,
        "types": 14_000,
        "memory": 160,
        "introspection, first": 6000,
        "introspection, again": 300,
        "introspection, gzip": 2.5,
        "memory after introspection": 220,
        "reload, until served": 1000,
    }
    aims = {name: [Aim(MOST, Measure.MEDIAN, limit)] for name, limit in limits.items()}
    title = "Schema: the API of Kubernetes, plus realistic custom resource definitions"
    return Table(title, "CRDs", columns, _rows(samples, aims), (_REALISTIC_NOTE,))


def _rows(samples: Samples, aims: Mapping[str, Sequence[Aim]]) -> list[Row]:
    """All rows; none of both tables may stall the event loop for more than 100 ms."""
    stall = [Aim(MOST, Measure.LARGEST, 100)]
    limits = {"longest stall, introspection": stall, "longest stall, reload": stall, **aims}
    return [samples.row(name, unit, *limits.get(name, ())) for name, unit in _ROWS.items()]


async def _install_definitions(cluster: Cluster, wanted: Sequence[JSONObject]) -> None:
    """Create the definitions, and wait until OpenAPI describes all of them."""
    slots = asyncio.Semaphore(_CREATED_AT_ONCE)

    async with cluster.client() as client:

        async def create(body: JSONObject) -> None:
            async with slots:
                response = await client.post(_PATH, json=body)
                if response.status_code != httpx.codes.CONFLICT:
                    response.raise_for_status()

        await asyncio.gather(*map(create, wanted))
        for last in _last_of_each_group(wanted):
            group, kind = last["spec"]["group"], last["spec"]["names"]["kind"]

            async def described(group: str = group, kind: str = kind) -> bool:
                response = await client.get(f"/openapi/v3/apis/{group}/v1")
                return response.is_success and f'.{kind}"' in response.text

            await eventually(described, f"{kind} to be described", seconds=300)


def _last_of_each_group(definitions: Iterable[JSONObject]) -> Iterable[JSONObject]:
    return {crd["spec"]["group"]: crd for crd in definitions}.values()
