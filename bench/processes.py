"""Processes seen from outside: their CPU and memory, their cores, and how many files they may open."""

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
    "forget_peak",
    "open_files",
    "share_cores",
    "usage",
]

PROCESSES = Path("/proc")


class Unmeasurable(Exception):
    """This machine does not tell what is to be measured."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since its start, and bytes in memory, of a process and its children.

    ``peak`` is the most that there was since :func:`forget_peak`.
    """

    cpu: float
    memory: int
    peak: int


def usage(process: int) -> Usage:
    """Raises Unmeasurable where there is no ``/proc``."""
    found = [usage_of_one(each) for each in family(process)]
    return Usage(
        sum(each.cpu for each in found), sum(each.memory for each in found), sum(each.peak for each in found)
    )


def forget_peak(process: int) -> None:
    for each in family(process):
        (PROCESSES / str(each) / "clear_refs").write_text("5")


def usage_of_one(process: int) -> Usage:
    folder = PROCESSES / str(process)
    after_name = (folder / "stat").read_text().rpartition(")")[2].split()
    ticks = int(after_name[11]) + int(after_name[12])
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    memory, peak = (int(status[each].split()[0]) * 1024 for each in ("VmRSS", "VmHWM"))
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), memory, peak)


def family(process: int) -> list[int]:
    """The process, its children, theirs, and so on."""
    parents = dict(all_parents())
    found = [process]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def all_parents() -> Iterator[tuple[int, int]]:
    if not (PROCESSES / "self" / "stat").exists():
        raise Unmeasurable("processes can only be measured where there is /proc, as on Linux")
    for folder in PROCESSES.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield int(folder.name), int((folder / "stat").read_text().rpartition(")")[2].split()[1])


def open_files(process: int, ports: Mapping[int, str]) -> Mapping[str, int]:
    """How many files it has open: connections by the word for the port at either end, and ``others``."""
    links = (PROCESSES / str(process) / "fd").iterdir()
    sockets = connections()
    found: Counter[str] = Counter()
    for each in links:
        with contextlib.suppress(OSError):
            ends = sockets.get(each.readlink().name, ())
            found[next((ports[port] for port in ends if port in ports), "others")] += 1
    return found


def connections() -> Mapping[str, tuple[int, int]]:
    """The ports at both ends of every TCP connection, by what a file of it is called."""
    found = {}
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (PROCESSES / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                here, there = (int(end.rpartition(":")[2], 16) for end in fields[1:3])
                found[f"socket:[{fields[9]}]"] = (here, there)
    return found


@dataclass(frozen=True, slots=True)
class Cores:
    """The cores of the gateway, and those of everything else; both empty where nothing can be pinned."""

    gateway: frozenset[int] = frozenset()
    others: frozenset[int] = frozenset()

    def __str__(self) -> str:
        if not self.gateway:
            return "nothing pinned to a core"
        first, second = (",".join(map(str, sorted(each))) for each in (self.gateway, self.others))
        return f"gateway on core {first}; clients, API server and etcd on core {second}"

    @contextlib.contextmanager
    def run_on(self, cores: Collection[int]) -> Iterator[None]:
        """What is started in the block runs on those cores, and so does this process meanwhile."""
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
    """One core for the gateway and the rest for the others, where there are two and they can be given."""
    if not hasattr(os, "sched_setaffinity"):
        return Cores()
    first, *rest = sorted(os.sched_getaffinity(0))
    return Cores(frozenset([first]), frozenset(rest)) if rest else Cores()


def allow_open_files(wanted: int) -> int:
    """Let this process, and those that it starts, have so many files open; how many they may, at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
