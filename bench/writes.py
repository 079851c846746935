"""Writes through the gateway, alternating with the same requests to the API server."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from bench.cluster import Cluster
from bench.gateways import MeasuredGateway, ask, start_measured_gateway
from bench.tables import Aim, Column, Measure, Row, Samples, Table, Unit
from tests.fixtures.api import core, deployment, grouped

__all__ = ["CLIENTS", "measure_writes"]

CLIENTS: Sequence[Column] = (1, 20)
"""The numbers of writes at a time, each to an object of its own."""

_TIMES = 20
"""Writes per round, of all clients together."""
_NAMESPACE = "writes"
_STRICT = {"fieldManager": "bench", "fieldValidation": "Strict"}
_MERGE, _APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
_ARGUMENTS = f'namespace: "{_NAMESPACE}", fieldManager: "bench"'
_SELECTION = "{ metadata { name resourceVersion } spec { replicas } }"
_PATCHES = f"""mutation($name: String!, $patch: DeploymentInput) {{
    patchDeployment(name: $name, type: MERGE, patch: $patch, {_ARGUMENTS}) {_SELECTION}
}}"""
_APPLIES = f"""mutation($object: DeploymentInput) {{
    applyDeployment(object: $object, force: true, {_ARGUMENTS}) {_SELECTION}
}}"""


@dataclass(frozen=True, slots=True)
class _Connections:
    """Clients with open connections, and a number that differs in each write."""

    raw: httpx.AsyncClient
    ours: httpx.AsyncClient
    gateway: MeasuredGateway
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)


@dataclass(frozen=True, slots=True)
class _Variant:
    """One way to write the object of that name; ``through_gateway`` says whether its CPU is measured."""

    name: str
    run: Callable[[_Connections, str], Awaitable[None]]
    against: str = ""
    aims: Sequence[Aim] = ()
    through_gateway: bool = False


async def measure_writes(
    cluster: Cluster, sizes: Sequence[Column], rounds: int, *, after_seconds: float = 0.0
) -> list[Table]:
    """Measure patches and applies that change a deployment, at each number of writes at a time.

    ``after_seconds`` pass between the gateway's start and the first write.
    """
    samples = Samples()
    async with cluster.client() as raw:
        await _create_objects(raw, max(sizes))
        with start_measured_gateway(
            cluster.directory / "gateway-writes", "--kubeconfig", str(cluster.kubeconfig)
        ) as gateway:
            async with gateway.client() as ours:
                connections = _Connections(raw, ours, gateway)
                await asyncio.sleep(after_seconds)
                for size, turn in itertools.product(sizes, range(rounds + 1)):
                    await _measure_turn(connections, size, samples if turn else Samples())
    return [_table(sizes, samples)]


async def _create_objects(raw: httpx.AsyncClient, count: int) -> None:
    namespace = await raw.post(f"/{core('namespaces')}", json={"metadata": {"name": _NAMESPACE}})
    namespace.raise_for_status()
    for number in range(count):
        path = grouped("apps/v1", "deployments", _NAMESPACE)
        created = await raw.post(f"/{path}", json=deployment(_name(number)))
        created.raise_for_status()


async def _measure_turn(connections: _Connections, size: Column, samples: Samples) -> None:
    """Alternate the variants after each write, so that other load affects all alike."""
    for _ in range(max(1, _TIMES // size)):
        for variant in _VARIANTS:
            before = connections.gateway.reading().cpu if variant.through_gateway else 0.0
            times = await asyncio.gather(*(_timed(variant, connections, _name(n)) for n in range(size)))
            if variant.through_gateway:
                cpu = connections.gateway.reading().cpu - before
                samples.add(f"CPU, {variant.name}", size, cpu * 1000 / size)
            for seconds in times:
                samples.add(variant.name, size, seconds * 1000)


async def _timed(variant: _Variant, connections: _Connections, name: str) -> float:
    began = time.perf_counter()
    await variant.run(connections, name)
    return time.perf_counter() - began


async def _patch_raw(connections: _Connections, name: str) -> None:
    await _send_raw(connections, name, _change(connections), _MERGE, {"fieldManager": "bench"})


async def _patch_raw_strictly(connections: _Connections, name: str) -> None:
    """The very request that the gateway sends: with the field validation that the schema has by default."""
    await _send_raw(connections, name, _change(connections), _MERGE, _STRICT)


async def _patch(connections: _Connections, name: str) -> None:
    await ask(connections.ours, _PATCHES, {"name": name, "patch": _change(connections)})


async def _apply_raw(connections: _Connections, name: str) -> None:
    await _send_raw(connections, name, _applied(connections, name), _APPLY, {**_STRICT, "force": "true"})


async def _apply(connections: _Connections, name: str) -> None:
    await ask(connections.ours, _APPLIES, {"object": _applied(connections, name)})


async def _send_raw(
    connections: _Connections, name: str, body: Any, content_type: str, parameters: Mapping[str, str]
) -> None:
    response = await connections.raw.patch(
        f"/{grouped('apps/v1', 'deployments', _NAMESPACE, name)}",
        params=parameters,
        content=msgspec.json.encode(body),
        headers={"Accept": "application/json", "Content-Type": content_type},
    )
    response.raise_for_status()


def _change(connections: _Connections) -> dict[str, Any]:
    return {"metadata": {"annotations": {"bench": str(next(connections.numbers))}}}


def _applied(connections: _Connections, name: str) -> dict[str, Any]:
    written = deployment(name)
    return {**written, "metadata": {**_change(connections)["metadata"], "name": name}}


def _name(number: int) -> str:
    return f"written-{number}"


_RAW, _RAW_APPLY = "raw PATCH, merge patch, strict", "raw PATCH, server-side apply, strict"
_VARIANTS = (
    _Variant("raw PATCH, merge patch", _patch_raw),
    _Variant(_RAW, _patch_raw_strictly, "raw PATCH, merge patch"),
    _Variant("patchDeployment", _patch, _RAW, (Aim(1, Measure.DIFFERENCE, 1.5),), through_gateway=True),
    _Variant(_RAW_APPLY, _apply_raw),
    _Variant("applyDeployment", _apply, _RAW_APPLY, through_gateway=True),
)


def _table(sizes: Sequence[Column], samples: Samples) -> Table:
    rows = [
        Row(variant.name, Unit.MILLISECONDS, samples.found[variant.name], variant.against, variant.aims)
        for variant in _VARIANTS
    ]
    rows += [
        Row(f"CPU, {variant.name}", Unit.MILLISECONDS, samples.found[f"CPU, {variant.name}"])
        for variant in _VARIANTS
        if variant.through_gateway
    ]
    note = (
        "Every write changes an annotation of a deployment. Median (smallest–largest), and the ratio to the"
        " raw request. The strict requests have the body, headers and parameters that the gateway sends. CPU"
        " is the gateway's, per write. The gateway has run long enough to have moved its heap to huge pages."
    )
    return Table("Writes: time to the complete response", "at a time", sizes, rows, (note,))
