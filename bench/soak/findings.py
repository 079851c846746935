"""Samples of the gateway's process, and the rules that detect a leak in them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.gateways import MeasuredGateway
from bench.processes import open_files

__all__ = [
    "ALLOWED",
    "MEGABYTE",
    "MEMORY_JUDGED_FROM",
    "Sample",
    "growth",
    "left_behind",
    "memory_findings",
    "take_sample",
    "tracebacks",
]

MEGABYTE = 1 << 20
_GAUGES = ("informers", "subscribers", "waiting_events", "websockets", "log_subscriptions", "log_streams")
"""Metrics, without their prefix, that return to their first value when all clients have left. The gateway
keeps a few informers for itself."""

_POOLED = ("asyncio", "uvloop", "ThreadPoolExecutor")
"""Threads of pools: started on demand and kept, in bounded number."""

_MOST_IDLE = 16
"""Idle upstream connections that the pool may keep; fewer than the watches of a minute."""

_TRACEBACK = re.compile(r"(?<= )[^\n]*\nTraceback \(most recent call last\):\n(?:(?!\d\d:\d\d:\d\d ).*\n?)*")

MEMORY_JUDGED_FROM = 240.0
"""Shortest soak, in seconds, whose memory is judged: before, caches and the heap are still filling."""

ALLOWED = 6 * MEGABYTE
"""Allowed growth of memory after the warm-up: the heap fluctuates by a few megabytes, while a leak of one
kilobyte per connection would exceed this in ten minutes."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The state of the gateway's process, ``at`` seconds after the soak began; memory in bytes."""

    at: float
    memory: int
    tasks: Mapping[str, int]
    threads: Mapping[str, int]
    files: Mapping[str, int]
    metrics: Mapping[str, float]

    def gauge(self, name: str) -> int:
        return int(self.metrics.get(f"kube_graphql_{name}", 0))

    def __str__(self) -> str:
        return (
            f"{self.at:5.0f} s  {self.memory / MEGABYTE:6.1f} MB  {sum(self.tasks.values()):4} tasks  "
            f"{sum(self.files.values()):4} files ({self.files.get('upstream', 0)} upstream)  "
            f"{sum(self.threads.values()):2} threads  {self.gauge('informers'):2} informers  "
            f"{self.gauge('subscribers'):3} subscribers  {self.gauge('waiting_events'):4} waiting"
        )


async def take_sample(gateway: MeasuredGateway, upstream: int, at: float) -> Sample:
    """Sample the process; ``upstream`` is the API server's port."""
    served = gateway.served
    lines = (await served.request("GET", "/metrics")).text.splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    reading = gateway.reading()
    files = open_files(served.process.child.pid, {upstream: "upstream", served.port: "clients"})
    metrics = {name: float(value) for name, _, value in pairs}
    return Sample(at, reading.memory, reading.tasks, reading.threads, files, metrics)


def left_behind(before: Sample, now: Sample) -> list[str]:
    """One line for each leak: a count without clients that exceeds its value before the first client."""
    found = [
        f"{now.gauge(name)} {name} instead of {before.gauge(name)}"
        for name in _GAUGES
        if now.gauge(name) > before.gauge(name)
    ]
    found += [
        f"{count} tasks of {name} instead of {before.tasks.get(name, 0)}"
        for name, count in now.tasks.items()
        if count > before.tasks.get(name, 0)
    ]
    found += [
        f"{count} threads called {name} instead of {before.threads.get(name, 0)}"
        for name, count in now.threads.items()
        if count > before.threads.get(name, 0) and not name.startswith(_POOLED)
    ]
    allowed = {**before.files, "upstream": _MOST_IDLE}
    found += [
        f"{count} open files ({name}) instead of {allowed.get(name, 0)}"
        for name, count in now.files.items()
        if count > allowed.get(name, 0)
    ]
    return found


def memory_findings(under_load: Sequence[Sample], at_rest: Sequence[Sample]) -> list[str]:
    """One line for each series that grew by more than :data:`ALLOWED` after the warm-up, its first third.

    ``under_load`` are samples with clients, ``at_rest`` those without clients after each turn.
    """
    found = []
    for words, samples in (("under load", under_load), ("at rest", at_rest)):
        grown = growth(samples[len(samples) // 3 :])
        if grown > ALLOWED:
            found.append(f"memory {words} has grown by {grown / MEGABYTE:.1f} MB after the warm-up")
    return found


def growth(samples: Sequence[Sample]) -> float:
    """The rise, in bytes, of the least-squares line from the first to the last sample."""
    if len(samples) < 2:
        return 0.0
    middle = sum(sample.at for sample in samples) / len(samples)
    mean = sum(sample.memory for sample in samples) / len(samples)
    spread = sum((sample.at - middle) ** 2 for sample in samples)
    slope = sum((sample.at - middle) * (sample.memory - mean) for sample in samples) / spread
    return slope * (samples[-1].at - samples[0].at)


def tracebacks(log: str) -> list[str]:
    """Each distinct traceback of the log with the line before it, and its count."""
    found = Counter(found.group().rstrip() for found in _TRACEBACK.finditer(log))
    return [f"{count} × in the gateway's log: {text}" for text, count in found.items()]
