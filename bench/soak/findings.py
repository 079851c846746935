"""Samples of a gateway's process, and what in them is a leak."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.gateways import MeasuredGateway
from bench.processes import open_files

__all__ = [
    "MEMORY_JUDGED_FROM",
    "Sample",
    "growth",
    "left_behind",
    "memory_findings",
    "take_sample",
    "tracebacks",
]

MEGABYTE = 1 << 20
GAUGES = ("informers", "subscribers", "waiting_events", "websockets", "log_subscriptions", "log_streams")
"""What clients are the cause of, beside the informers that the gateway has for itself; metrics by the names
that they have after their prefix."""

POOLED = ("asyncio", "uvloop", "ThreadPoolExecutor")
"""Threads that are started when they are first needed and then kept; there are never many."""

MOST_IDLE = 16
"""Connections upstream that may be kept for the next request. Fewer than there are watches in a minute."""

TRACEBACK = re.compile(r"(?<= )[^\n]*\nTraceback \(most recent call last\):\n(?:(?!\d\d:\d\d:\d\d ).*\n?)*")

MEMORY_JUDGED_FROM = 240.0
"""Seconds of load from which growth tells something: before, caches and the heap are still filling."""

ALLOWED = 6 * MEGABYTE
"""What memory may grow by after the warm-up: a heap that is used like this moves by some megabytes, while a
kilobyte kept for each connection would be about as much in ten minutes."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The gateway's process at one moment, in seconds since the soak began; memory in bytes."""

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
    """``upstream`` is the API server's port."""
    served = gateway.served
    lines = (await served.request("GET", "/metrics")).text.splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    reading = gateway.reading()
    files = open_files(served.process.child.pid, {upstream: "upstream", served.port: "clients"})
    metrics = {name: float(value) for name, _, value in pairs}
    return Sample(at, reading.memory, reading.tasks, reading.threads, files, metrics)


def left_behind(before: Sample, now: Sample) -> list[str]:
    """What there is now that there was not before anybody came; nobody is there any more."""
    found = [
        f"{now.gauge(name)} {name} instead of {before.gauge(name)}"
        for name in GAUGES
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
        if count > before.threads.get(name, 0) and not name.startswith(POOLED)
    ]
    allowed = {**before.files, "upstream": MOST_IDLE}
    found += [
        f"{count} open files ({name}) instead of {allowed.get(name, 0)}"
        for name, count in now.files.items()
        if count > allowed.get(name, 0)
    ]
    return found


def memory_findings(under_load: Sequence[Sample], at_rest: Sequence[Sample]) -> list[str]:
    """Where memory grew more than :data:`ALLOWED`; the first third of the samples are the warm-up.

    Judged are the line through the samples under load, and what there was each time when nobody was there.
    """
    found = []
    for words, samples in (("under load", under_load), ("at rest", at_rest)):
        grown = growth(samples[len(samples) // 3 :])
        if grown > ALLOWED:
            found.append(f"memory {words} has grown by {grown / MEGABYTE:.1f} MB after the warm-up")
    return found


def growth(samples: Sequence[Sample]) -> float:
    """How much the line of least squares through the samples rises from the first to the last; bytes."""
    if len(samples) < 2:
        return 0.0
    middle = sum(each.at for each in samples) / len(samples)
    mean = sum(each.memory for each in samples) / len(samples)
    spread = sum((each.at - middle) ** 2 for each in samples)
    slope = sum((each.at - middle) * (each.memory - mean) for each in samples) / spread
    return slope * (samples[-1].at - samples[0].at)


def tracebacks(log: str) -> list[str]:
    """Each different one in the log, with the line before it, and how often it is there."""
    found = Counter(each.group().rstrip() for each in TRACEBACK.finditer(log))
    return [f"{count} × in the gateway's log: {text}" for text, count in found.items()]
