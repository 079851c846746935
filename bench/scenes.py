"""A gateway on a real cluster with a crowd of subscribers, and what happens there while pods are updated."""

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
from bench.crowd import Begin, Begun, Collect, Collected, Crowd, Open, Opened, start_crowd
from bench.processes import Cores, Usage, forget_peak, usage
from bench.subscribers import TRANSPORT_WS
from bench.updates import NAMESPACE, Update, await_watches, count_watches
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
"""What examples/pods-dashboard asks, and the resource version at the end."""

OTHER = f"""subscription {{ pods(namespace: "{NAMESPACE}") {{
  type object {{ metadata {{ name }} status {{ containerStatuses {{ restartCount }} }} }} resourceVersion
}} }}"""

FIELDS = "{ metadata { uid name namespace } spec { nodeName containers { name } } status { phase } }"
LARGE = f"""subscription {{ pods(namespace: "{NAMESPACE}") {{
  type {" ".join(f"a{number}: object {FIELDS}" for number in range(200))} resourceVersion
}} }}"""
"""Events of tens of kilobytes: a hundred of them are more than the sockets' buffers hold."""

PATIENCE = 10.0
"""Seconds without a message after which no more is waited for."""

LAG = re.compile(r'kube_graphql_event_lag_seconds_bucket\{le="(.*)"\}')
WAITING = "kube_graphql_waiting_events"
WORKER = re.compile(r',?worker="\d+"')


@dataclass(frozen=True, slots=True)
class Load:
    """Subscribers of a gateway that is started with those arguments; ``stalled`` more read nothing."""

    subscribers: int
    protocol: str = TRANSPORT_WS
    queries: Sequence[str] = (QUERY,)
    stalled: int = 0
    arguments: Sequence[str] = ()
    cores: Cores = field(default_factory=Cores)


@dataclass(frozen=True, slots=True)
class Opening:
    """What it took until all subscribers were synced; memory is in bytes."""

    seconds: float
    cpu: float
    events: int
    before: Usage
    after: Usage
    watches: int


@dataclass(frozen=True, slots=True)
class Round:
    """Some updates, each to all subscribers who read. Times are in seconds, latencies are sorted.

    ``missing`` are events that no message came for, because they collapsed with newer ones of the same pod.
    ``lag`` is what the gateway itself says: from an event's arrival there to its hand-over, 99 of 100 times.
    ``waiting`` are the events in its queues at the end.
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
    """A gateway with its subscribers, all synced."""

    load: Load
    gateway: GatewayProcess
    crowd: Crowd
    opening: Opening

    @property
    def process(self) -> int:
        return self.gateway.process.child.pid

    async def measure(self, updating: Awaitable[Sequence[Update]]) -> Round:
        """Send the updates and wait until they are everywhere. RuntimeError where a subscriber is lost."""
        metrics = await self.metrics()
        await self.crowd.ask(Begin(), Begun)
        forget_peak(self.process)
        before = usage(self.process)
        updates = await updating
        wanted = len(updates) * self.load.subscribers
        collected = await self.crowd.ask(Collect(wanted, PATIENCE), Collected)
        after = usage(self.process)
        if collected.problems:
            raise RuntimeError(f"{len(collected.problems)} subscribers were lost: {collected.problems[0]}")
        found = round_of(updates, collected, wanted, before, after)
        later = await self.metrics()
        return replace(found, lag=lag_between(metrics, later), waiting=int(later[WAITING]))

    async def metrics(self) -> dict[str, float]:
        """The gateway's own, by name, the labels with it; the sums of all workers."""
        lines = (await self.gateway.request("GET", "/metrics")).text.splitlines()
        found: defaultdict[str, float] = defaultdict(float)
        for line in lines:
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[WORKER.sub("", name).replace("{}", "")] += float(value)
        return found


def round_of(
    updates: Sequence[Update], collected: Collected, wanted: int, before: Usage, after: Usage
) -> Round:
    arrived = {version: moments_of(stamps) for version, stamps in collected.moments.items()}
    pairs = [(each, arrived[each.resource_version]) for each in updates if each.resource_version in arrived]
    strangers = arrived.keys() - {each.resource_version for each in updates}
    if strangers:
        raise RuntimeError(f"events that no update has led to, at resource versions {sorted(strangers)}")
    return Round(
        updates=len(updates),
        messages=collected.total,
        missing=wanted - collected.total,
        disordered=collected.disordered,
        seconds=max(map(max, arrived.values())) - min(each.sent for each in updates),
        gateway=Usage(after.cpu - before.cpu, after.memory, after.peak),
        client_cpu=collected.cpu,
        since_sent=sorted(moment - each.sent for each, moments in pairs for moment in moments),
        since_answered=sorted(moment - each.answered for each, moments in pairs for moment in moments),
    )


def lag_between(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """A bound of the histogram under which 99 of 100 changes were handed over; in seconds."""
    counts = {
        bound.group(1): after[name] - before.get(name, 0) for name in after if (bound := LAG.match(name))
    }
    return min(float(bound) for bound, count in counts.items() if count >= 0.99 * counts["+Inf"])


def moments_of(stamps: bytes) -> "array[float]":
    moments = array("d")
    moments.frombytes(stamps)
    return moments


@asynccontextmanager
async def open_scene(cluster: Cluster, api: httpx.AsyncClient, load: Load) -> AsyncIterator[Scene]:
    """A gateway and subscribers of their own, until the block ends."""
    directory = cluster.directory / f"gateway-{os.urandom(4).hex()}"
    arguments = ["--kubeconfig", str(cluster.kubeconfig), *load.arguments]
    without = await count_watches(api, "pods")
    with contextlib.ExitStack() as stack:
        with load.cores.run_on(load.cores.gateway):
            gateway = stack.enter_context(start_gateway(directory, *arguments))
        async with start_crowd() as crowd:
            opening = await open_subscribers(api, load, gateway, crowd, without)
            yield Scene(load, gateway, crowd, opening)
    await await_watches(api, "pods", without)


async def open_subscribers(
    api: httpx.AsyncClient, load: Load, gateway: GatewayProcess, crowd: Crowd, without: int
) -> Opening:
    process = gateway.process.child.pid
    # the first request makes what all later ones find
    await gateway.execute("{ __typename }")
    before = usage(process)
    if load.stalled:
        await crowd.ask(Open(gateway.port, load.protocol, [LARGE], load.stalled, stalls=True), Opened)
    opened = await crowd.ask(Open(gateway.port, load.protocol, list(load.queries), load.subscribers), Opened)
    after = usage(process)
    watches = await count_watches(api, "pods") - without
    return Opening(opened.seconds, after.cpu - before.cpu, opened.initial, before, after, watches)
