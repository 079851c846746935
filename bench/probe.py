"""What the gateway's own process sees of itself: CPU, memory, and how long its event loop stood still."""

import asyncio
import json
import os
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from gateway.execution import GraphQLAPI

__all__ = ["Reading", "measured", "read_probe"]

HEARTBEAT = 0.01
Result = TypeVar("Result")
Reload = Callable[[GraphQLAPI, bool], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Reading:
    """Seconds and bytes, since the process began; the stalls and ``peak_memory`` since the reading before.

    ``stall`` is the longest time that the event loop did not get to run a timer, ``stall_cpu`` the most
    CPU time that this process used in one such gap: on a machine with other work, the first has what
    the others took in it. ``reloads`` is how many schemas were swapped in since the start, and
    ``last_reload`` the CPU time of the process while the last of them was asked for and built. ``tasks`` are
    counted by the function that they run, ``threads`` by their names without the numbers.
    """

    cpu: float
    cpu_before_main: float
    memory: int
    peak_memory: int
    stall: float
    stall_cpu: float
    reloads: int
    last_reload: float
    tasks: Mapping[str, int]
    threads: Mapping[str, int]

    def after(self, earlier: "Reading") -> "Reading":
        """This one, with the stalls and the peak since before ``earlier``."""
        return replace(
            self,
            peak_memory=max(self.peak_memory, earlier.peak_memory),
            stall=max(self.stall, earlier.stall),
            stall_cpu=max(self.stall_cpu, earlier.stall_cpu),
        )


class Heartbeat:
    """Notes the gaps between one turn of the event loop and the next."""

    def __init__(self) -> None:
        self.cpu_before_main = time.process_time()
        self.stall = self.stall_cpu = 0.0
        self.reloads = 0
        self.last_reload = 0.0

    async def reload(self, reload: Reload, gateway: GraphQLAPI, patient: bool = False) -> bool:
        """What :meth:`GraphQLAPI.reload` does, measured."""
        began = time.process_time()
        found = await reload(gateway, patient)
        if found:
            self.reloads += 1
            self.last_reload = time.process_time() - began
        return found

    async def beat(self) -> None:
        while True:
            began, began_cpu = time.perf_counter(), time.process_time()
            await asyncio.sleep(HEARTBEAT)
            gap = time.perf_counter() - began - HEARTBEAT
            self.stall = max(self.stall, gap)
            self.stall_cpu = max(self.stall_cpu, min(gap, time.process_time() - began_cpu))

    async def answer(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(asdict(self.reading())).encode())
        await writer.drain()
        writer.close()

    def reading(self) -> Reading:
        memory, peak = resident_memory()
        found = Reading(
            time.process_time(),
            self.cpu_before_main,
            memory,
            peak,
            self.stall,
            self.stall_cpu,
            self.reloads,
            self.last_reload,
            dict(Counter(name_of(each) for each in asyncio.all_tasks())),
            dict(Counter(each.name.rstrip("0123456789_-") for each in threading.enumerate())),
        )
        self.stall = self.stall_cpu = 0.0
        forget_peak_memory()
        return found


def name_of(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", task.get_name())


async def measured(main: Coroutine[Any, Any, Result], path: Path) -> Result:
    """Run ``main`` with a heartbeat beside it, and answer on the Unix socket at ``path``."""
    heartbeat, reload = Heartbeat(), GraphQLAPI.reload

    async def reload_measured(gateway: GraphQLAPI, patient: bool = False) -> bool:
        return await heartbeat.reload(reload, gateway, patient)

    GraphQLAPI.reload = reload_measured  # type: ignore[assignment, method-assign]  # the same, timed
    server = await asyncio.start_unix_server(heartbeat.answer, path)
    beating = asyncio.create_task(heartbeat.beat())
    try:
        return await main
    finally:
        beating.cancel()
        server.close()


def read_probe(path: Path) -> Reading:
    """Ask the process behind that socket."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(120)
        asking.connect(os.fspath(path))
        chunks = []
        while chunk := asking.recv(65536):
            chunks.append(chunk)
    return Reading(**json.loads(b"".join(chunks)))


def resident_memory() -> tuple[int, int]:
    """What is in memory now, and the most that was (since :func:`forget_peak_memory`, on Linux)."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most, most
    sizes = dict(line.split(":", 1) for line in status.splitlines() if line.startswith(("VmRSS", "VmHWM")))
    return kilobytes(sizes["VmRSS"]), kilobytes(sizes["VmHWM"])


def kilobytes(text: str) -> int:
    return int(text.split(maxsplit=1)[0]) * 1024


def forget_peak_memory() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        # elsewhere the peak is that of the whole life of the process
        return
