"""The schema: start-up, introspection and reload with many custom resource definitions."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import httpx
from graphql import get_introspection_query

from bench.cluster import Cluster
from bench.gateways import MeasuredGateway, ask, start_measured_gateway
from bench.probe import Reading
from bench.tables import Aim, Column, Measure, Samples, Table, Unit
from tests.fixtures.waiting import eventually

__all__ = ["MOST", "measure_schemas"]

_PER_GROUP = 50
_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
_CREATED_AT_ONCE = 4
_SCALARS: tuple[dict[str, Any], ...] = (
    {"type": "string"},
    {"type": "integer", "format": "int64"},
    {"type": "boolean"},
    {"x-kubernetes-int-or-string": True},
    {"type": "string", "format": "date-time"},
    {"type": "array", "items": {"type": "string"}},
    {"type": "object", "additionalProperties": {"type": "string"}},
)
MOST: Column = 500
_MEGABYTE = 1 << 20
_SETTLE_SECONDS = 10.0
"""Time after a change until the gateway stops polling for further changes."""

_INTROSPECTION = get_introspection_query()
_FIELDS = '{ __type(name: "G0BenchExampleComV1Bench0Spec") { fields { name } } }'
_IDLE_FOR = 1.0
_NOTE = (
    "Each CRD has 50 properties. A reload follows the renaming of one property of one CRD. Its CPU covers "
    "fetching the API's description and building the schema; until settled, it also covers later polls."
)


async def measure_schemas(cluster: Cluster, sizes: Sequence[Column], rounds: int) -> list[Table]:
    """Measure at each number of CRDs, in ascending order."""
    samples = Samples()
    installed = 0
    for size in sorted(sizes):
        await _install_definitions(cluster, range(installed, size))
        installed = size
        for turn in range(rounds):
            await _measure_starts(cluster, size, turn, samples)
    return [_table(sorted(sizes), samples)]


async def _measure_starts(cluster: Cluster, size: Column, turn: int, samples: Samples) -> None:
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
                await _measure_reload(cluster, client, gateway, size, turn, samples)


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
        await ask(client, _INTROSPECTION)
        samples.add(name, size, (time.perf_counter() - began) * 1000)
    reading = gateway.reading()
    samples.add("longest stall, introspection", size, reading.stall * 1000)
    samples.add("longest stall, introspection, own CPU", size, reading.stall_cpu * 1000)


async def _measure_reload(
    cluster: Cluster,
    client: httpx.AsyncClient,
    gateway: MeasuredGateway,
    size: Column,
    turn: int,
    samples: Samples,
) -> None:
    """Change one CRD twice: measure the time until it is served, then the CPU time without other requests."""
    name = f"changed{turn}x{time.time_ns()}"
    began = time.perf_counter()
    await _rename_property(cluster, 0, name)
    await eventually(partial(_serves, client, name), "the change to be served", seconds=120)
    samples.add("reload, until served", size, (time.perf_counter() - began) * 1000)
    await asyncio.sleep(_SETTLE_SECONDS)
    idle = await _idle_share(gateway)
    before, began = gateway.reading(), time.perf_counter()
    await _rename_property(cluster, 0, f"{name}Again")
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


async def _serves(client: httpx.AsyncClient, name: str) -> bool:
    return f'"{name}"'.encode() in await ask(client, _FIELDS)


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


def _table(columns: Sequence[Column], samples: Samples) -> Table:
    stall = Aim(MOST, Measure.LARGEST, 100)
    first = Aim(0, Measure.MEDIAN, 1000)
    most = Aim(MOST, Measure.MEDIAN, 4000)
    return Table(
        "Schema: the API of Kubernetes, plus custom resource definitions",
        "CRDs",
        columns,
        [
            samples.row("start cold, CPU", Unit.MILLISECONDS, first, most),
            samples.row("start cold, until served"),
            samples.row("start from the OpenAPI cache, CPU", Unit.MILLISECONDS, first, most),
            samples.row("start from the OpenAPI cache, until served"),
            samples.row("start, CPU of imports"),
            samples.row("memory", Unit.MEGABYTES),
            samples.row("introspection, first"),
            samples.row("introspection, again"),
            samples.row("longest stall, introspection", Unit.MILLISECONDS, stall),
            samples.row("longest stall, introspection, own CPU"),
            samples.row("reload, until served"),
            samples.row("reload, CPU", Unit.MILLISECONDS, Aim(MOST, Measure.MEDIAN, 500)),
            samples.row("reload, CPU until settled"),
            samples.row("longest stall, reload", Unit.MILLISECONDS, stall),
            samples.row("longest stall, reload, own CPU"),
            samples.row("memory after reloads", Unit.MEGABYTES),
        ],
        (_NOTE,),
    )


def _definition(index: int, changing: str = "original") -> dict[str, Any]:
    """The CRD with that index, in groups of 50; ``changing`` is the name of one of its properties."""
    group, kind = f"g{index // _PER_GROUP}.bench.example.com", f"Bench{index}"
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _schema(kind, changing)},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


def _schema(kind: str, changing: str) -> dict[str, Any]:
    """A schema of 50 properties: 29 of the spec, 5 of a nested object, 8 of list items, 8 of the status."""
    spec = {
        **_scalars("setting", 26),
        changing: {"type": "string"},
        "template": _an_object(_scalars("part", 5)),
        "rules": {"type": "array", "items": _an_object(_scalars("match", 8))},
    }
    return {
        "type": "object",
        "description": f"{kind} is one of many kinds.",
        "properties": {
            "spec": _an_object(spec),
            "status": _an_object(_scalars("observed", 8)),
        },
    }


def _scalars(prefix: str, count: int) -> dict[str, Any]:
    return {
        f"{prefix}{index}": {
            **_SCALARS[index % len(_SCALARS)],
            "description": f"Describes {prefix} {index}.",
        }
        for index in range(count)
    }


def _an_object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


async def _install_definitions(cluster: Cluster, indices: Iterable[int]) -> None:
    """Create the definitions, and wait until OpenAPI describes all of them."""
    slots = asyncio.Semaphore(_CREATED_AT_ONCE)
    wanted = [_definition(index) for index in indices]

    async with cluster.client() as client:

        async def create(body: dict[str, Any]) -> None:
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


def _last_of_each_group(definitions: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    return {crd["spec"]["group"]: crd for crd in definitions}.values()


async def _rename_property(cluster: Cluster, index: int, changing: str) -> None:
    """Rename one property of the definition with that index."""
    versions = _definition(index, changing)["spec"]["versions"]
    name = _definition(index)["metadata"]["name"]
    async with cluster.client() as client:
        response = await client.patch(
            f"{_PATH}/{name}", json={"spec": {"versions": versions}}, headers=_MERGE_PATCH
        )
        response.raise_for_status()
