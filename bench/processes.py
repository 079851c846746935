"""Measures and limits processes from outside: CPU, memory, open files, cores."""

import contextlib
import os
import resource
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "Cores",
    "Unmeasurable",
    "Usage",
    "allow_open_files",
    "open_files",
    "reset_peak",
    "share_cores",
    "usage",
]

_PROCESSES = Path("/proc")


class Unmeasurable(Exception):
    """This machine has no ``/proc`` to measure processes with."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since the start and resident bytes, summed over a process and its descendants.

    ``peak`` is the peak of resident bytes since :func:`reset_peak`.
    """

    cpu: float
    memory: int
    peak: int


def usage(process: int) -> Usage:
    """The usage of the process and its descendants. Raises Unmeasurable without ``/proc``."""
    found = [_usage_of_one(member) for member in _family(process)]
    return Usage(
        sum(process.cpu for process in found),
        sum(process.memory for process in found),
        sum(process.peak for process in found),
    )


def reset_peak(process: int) -> None:
    for member in _family(process):
        (_PROCESSES / str(member) / "clear_refs").write_text("5")


def _usage_of_one(process: int) -> Usage:
    folder = _PROCESSES / str(process)
    after_name = (folder / "stat").read_text().rpartition(")")[2].split()
    ticks = int(after_name[11]) + int(after_name[12])
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    memory, peak = (int(status[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), memory, peak)


def _family(process: int) -> list[int]:
    """The process and all its descendants."""
    parents = dict(_all_parents())
    found = [process]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def _all_parents() -> Iterator[tuple[int, int]]:
    if not (_PROCESSES / "self" / "stat").exists():
        raise Unmeasurable("processes are measured through /proc, which only Linux has")
    for folder in _PROCESSES.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield int(folder.name), int((folder / "stat").read_text().rpartition(")")[2].split()[1])


def open_files(process: int, ports: Mapping[int, str]) -> Mapping[str, int]:
    """Counts of open files: TCP connections by the label of a port at either end, the rest as ``others``."""
    links = (_PROCESSES / str(process) / "fd").iterdir()
    sockets = _connections()
    found: Counter[str] = Counter()
    for link in links:
        with contextlib.suppress(OSError):
            ends = sockets.get(link.readlink().name, ())
            found[next((ports[port] for port in ends if port in ports), "others")] += 1
    return found


def _connections() -> Mapping[str, tuple[int, int]]:
    """The ports at both ends of every TCP connection, by the link target of its file (``socket:[inode]``)."""
    found = {}
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROCESSES / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                here, there = (int(end.rpartition(":")[2], 16) for end in fields[1:3])
                found[f"socket:[{fields[9]}]"] = (here, there)
    return found


@dataclass(frozen=True, slots=True)
class Cores:
    """The cores of the gateway and of all other processes; both empty if pinning is impossible."""

    gateway: frozenset[int] = frozenset()
    others: frozenset[int] = frozenset()

    def __str__(self) -> str:
        if not self.gateway:
            return "nothing pinned to a core"
        first, second = (",".join(map(str, sorted(cores))) for cores in (self.gateway, self.others))
        return f"gateway on core {first}; clients, API server and etcd on core {second}"

    @contextlib.contextmanager
    def run_on(self, cores: Collection[int]) -> Iterator[None]:
        """Pin this process, and processes started in the block, to the cores."""
        if not cores:
            yield
            return
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cores)
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)


def share_cores() -> Cores:
    """One core for the gateway and the rest for all others, if there are two and pinning is possible."""
    if not hasattr(os, "sched_setaffinity"):
        return Cores()
    first, *rest = sorted(os.sched_getaffinity(0))
    return Cores(frozenset([first]), frozenset(rest)) if rest else Cores()


def allow_open_files(wanted: int) -> int:
    """Raise the limit of open files for this process and its children; return the limit that holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
