"""A gateway on a real cluster with a crowd of subscribers, measured while pods are updated."""

import contextlib
import os
import re
from array import array
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx

from bench.cluster import Cluster
from bench.fanout.crowd import Begin, Begun, Collect, Collected, Crowd, Open, Opened, start_crowd
from bench.fanout.subscribers import TRANSPORT_WS
from bench.fanout.updates import NAMESPACE, Update, await_watches, count_watches
from bench.processes import Cores, Usage, reset_peak, usage
from tests.fixtures.gateways import GatewayProcess, start_gateway

__all__ = ["OTHER", "QUERY", "Load", "Opening", "Round", "Scene", "open_scene"]

QUERY = f"""subscription {{ pods(namespace: "{NAMESPACE}") {{
  type
  object {{
    metadata {{ uid name namespace deletionTimestamp }}
    spec {{ nodeName containers {{ name }} }}
    status {{ phase reason containerStatuses {{ ready restartCount state {{ waiting {{ reason }} }} }} }}
  }}
  resourceVersion
}} }}"""
"""The core of the query of examples/pods-dashboard, with the resource version as the last field."""

OTHER = f"""subscription {{ pods(namespace: "{NAMESPACE}") {{
  type object {{ metadata {{ name }} status {{ containerStatuses {{ restartCount }} }} }} resourceVersion
}} }}"""

_FIELDS = "{ metadata { uid name namespace } spec { nodeName containers { name } } status { phase } }"
_LARGE = f"""subscription {{ pods(namespace: "{NAMESPACE}") {{
  type {" ".join(f"a{number}: object {_FIELDS}" for number in range(200))} resourceVersion
}} }}"""
"""Selects events of tens of kilobytes: a hundred of them exceed the sockets' buffers."""

_SILENCE_SECONDS = 10.0
"""Time without a message after which no more messages are expected."""

_LAG = re.compile(r'kube_graphql_event_lag_seconds_bucket\{le="(.*)"\}')
_WAITING = "kube_graphql_waiting_events"
_WORKER = re.compile(r',?worker="\d+"')


@dataclass(frozen=True, slots=True)
class Load:
    """The arguments of the gateway, its subscribers, and ``stalled`` additional ones that read nothing."""

    subscribers: int
    protocol: str = TRANSPORT_WS
    queries: Sequence[str] = (QUERY,)
    stalled: int = 0
    arguments: Sequence[str] = ()
    cores: Cores = field(default_factory=Cores)


@dataclass(frozen=True, slots=True)
class Opening:
    """The cost of connecting until all subscribers are synced; ``seconds`` and ``cpu`` in seconds."""

    seconds: float
    cpu: float
    events: int
    before: Usage
    after: Usage
    watches: int


@dataclass(frozen=True, slots=True)
class Round:
    """A series of updates, each delivered to all reading subscribers. Times in seconds; latencies sorted.

    ``missing`` counts the events without a message, because they coalesced with newer ones of the same pod.
    ``lag`` is the 99th percentile, measured by the gateway, from an event's arrival to its hand-over to a
    transport. ``waiting`` counts the events in the gateway's queues at the end.
    """

    updates: int
    messages: int
    missing: int
    disordered: int
    seconds: float
    gateway: Usage
    client_cpu: float
    since_sent: Sequence[float]
    since_answered: Sequence[float]
    lag: float = 0.0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """A gateway with its subscribers, all of them synced."""

    load: Load
    gateway: GatewayProcess
    crowd: Crowd
    opening: Opening

    @property
    def process(self) -> int:
        return self.gateway.process.child.pid

    async def measure(self, updating: Awaitable[Sequence[Update]]) -> Round:
        """Send the updates and wait for their delivery. RuntimeError if a subscriber fails."""
        metrics = await self.metrics()
        await self.crowd.ask(Begin(), Begun)
        reset_peak(self.process)
        before = usage(self.process)
        updates = await updating
        wanted = len(updates) * self.load.subscribers
        collected = await self.crowd.ask(Collect(wanted, _SILENCE_SECONDS), Collected)
        after = usage(self.process)
        if collected.problems:
            raise RuntimeError(f"{len(collected.problems)} subscribers were lost: {collected.problems[0]}")
        found = _round_of(updates, collected, wanted, before, after)
        later = await self.metrics()
        return replace(found, lag=_lag_between(metrics, later), waiting=int(later[_WAITING]))

    async def metrics(self) -> dict[str, float]:
        """The gateway's metrics by name with labels, summed over all workers."""
        lines = (await self.gateway.request("GET", "/metrics")).text.splitlines()
        found: defaultdict[str, float] = defaultdict(float)
        for line in lines:
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[_WORKER.sub("", name).replace("{}", "")] += float(value)
        return found


def _round_of(
    updates: Sequence[Update], collected: Collected, wanted: int, before: Usage, after: Usage
) -> Round:
    arrived = {version: _moments_of(stamps) for version, stamps in collected.moments.items()}
    pairs = [
        (update, arrived[update.resource_version]) for update in updates if update.resource_version in arrived
    ]
    unknown = arrived.keys() - {update.resource_version for update in updates}
    if unknown:
        raise RuntimeError(f"events without an update, at resource versions {sorted(unknown)}")
    return Round(
        updates=len(updates),
        messages=collected.total,
        missing=wanted - collected.total,
        disordered=collected.disordered,
        seconds=max(map(max, arrived.values())) - min(update.sent for update in updates),
        gateway=Usage(after.cpu - before.cpu, after.memory, after.peak),
        client_cpu=collected.cpu,
        since_sent=sorted(moment - update.sent for update, moments in pairs for moment in moments),
        since_answered=sorted(moment - update.answered for update, moments in pairs for moment in moments),
    )


def _lag_between(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """The histogram's bound, in seconds, that covers 99 % of the changes between two scrapes."""
    counts = {
        bound.group(1): after[name] - before.get(name, 0) for name in after if (bound := _LAG.match(name))
    }
    return min(float(bound) for bound, count in counts.items() if count >= 0.99 * counts["+Inf"])


def _moments_of(stamps: bytes) -> "array[float]":
    moments = array("d")
    moments.frombytes(stamps)
    return moments


@asynccontextmanager
async def open_scene(cluster: Cluster, api: httpx.AsyncClient, load: Load) -> AsyncIterator[Scene]:
    """Start a gateway and its subscribers; stop both at the end of the block."""
    directory = cluster.directory / f"gateway-{os.urandom(4).hex()}"
    # all subscribers are one identity here
    most = ("--max-subscriptions-per-identity", "10000")
    arguments = ["--kubeconfig", str(cluster.kubeconfig), *most, *load.arguments]
    without = await count_watches(api, "pods")
    with contextlib.ExitStack() as stack:
        with load.cores.run_on(load.cores.gateway):
            gateway = stack.enter_context(start_gateway(directory, *arguments))
        async with start_crowd() as crowd:
            opening = await _open_subscribers(api, load, gateway, crowd, without)
            yield Scene(load, gateway, crowd, opening)
    await await_watches(api, "pods", without)


async def _open_subscribers(
    api: httpx.AsyncClient, load: Load, gateway: GatewayProcess, crowd: Crowd, without: int
) -> Opening:
    process = gateway.process.child.pid
    # warm-up: the first request fills caches
    await gateway.execute("{ __typename }")
    before = usage(process)
    if load.stalled:
        await crowd.ask(Open(gateway.port, load.protocol, [_LARGE], load.stalled, stalls=True), Opened)
    opened = await crowd.ask(Open(gateway.port, load.protocol, list(load.queries), load.subscribers), Opened)
    after = usage(process)
    watches = await count_watches(api, "pods") - without
    return Opening(opened.seconds, after.cpu - before.cpu, opened.initial, before, after, watches)
