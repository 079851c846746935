"""Measures the gateway from inside its process: CPU, memory, event-loop stalls, tasks and threads."""

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

_HEARTBEAT = 0.01
Result = TypeVar("Result")
_Reload = Callable[[GraphQLAPI, bool], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading, in seconds and bytes.

    ``cpu`` counts since the process began; the stalls and ``peak_memory`` count since the previous reading.
    ``stall`` is the longest delay of a timer on the event loop. ``stall_cpu`` is the largest CPU time of this
    process within one such delay, which excludes the time that other processes took. ``reloads`` counts
    schema replacements since the start; ``last_reload`` is the CPU time of fetching and building the last
    one. ``tasks`` are counted by coroutine function, ``threads`` by name without numbers.
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
        """This reading, with stalls and peak memory extended over the period of ``earlier``."""
        return replace(
            self,
            peak_memory=max(self.peak_memory, earlier.peak_memory),
            stall=max(self.stall, earlier.stall),
            stall_cpu=max(self.stall_cpu, earlier.stall_cpu),
        )


class _Heartbeat:
    """Records the delays of a timer on the event loop."""

    def __init__(self) -> None:
        self.cpu_before_main = time.process_time()
        self.stall = self.stall_cpu = 0.0
        self.reloads = 0
        self.last_reload = 0.0

    async def reload(self, reload: _Reload, gateway: GraphQLAPI, patient: bool = False) -> bool:
        """Call ``reload`` (:meth:`GraphQLAPI.reload`) and record its CPU time if it replaced the schema."""
        began = time.process_time()
        found = await reload(gateway, patient)
        if found:
            self.reloads += 1
            self.last_reload = time.process_time() - began
        return found

    async def beat(self) -> None:
        while True:
            began, began_cpu = time.perf_counter(), time.process_time()
            await asyncio.sleep(_HEARTBEAT)
            gap = time.perf_counter() - began - _HEARTBEAT
            self.stall = max(self.stall, gap)
            self.stall_cpu = max(self.stall_cpu, min(gap, time.process_time() - began_cpu))

    async def answer(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(asdict(self.reading())).encode())
        await writer.drain()
        writer.close()

    def reading(self) -> Reading:
        memory, peak = _resident_memory()
        found = Reading(
            time.process_time(),
            self.cpu_before_main,
            memory,
            peak,
            self.stall,
            self.stall_cpu,
            self.reloads,
            self.last_reload,
            dict(Counter(_name_of(task) for task in asyncio.all_tasks())),
            dict(Counter(thread.name.rstrip("0123456789_-") for thread in threading.enumerate())),
        )
        self.stall = self.stall_cpu = 0.0
        _reset_peak_memory()
        return found


def _name_of(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", task.get_name())


async def measured(main: Coroutine[Any, Any, Result], path: Path) -> Result:
    """Run ``main`` with a heartbeat, and serve readings on the Unix socket at ``path``."""
    heartbeat, reload = _Heartbeat(), GraphQLAPI.reload

    async def reload_measured(gateway: GraphQLAPI, patient: bool = False) -> bool:
        return await heartbeat.reload(reload, gateway, patient)

    GraphQLAPI.reload = reload_measured  # type: ignore[assignment, method-assign]  # timed wrapper
    server = await asyncio.start_unix_server(heartbeat.answer, path)
    beating = asyncio.create_task(heartbeat.beat())
    try:
        return await main
    finally:
        beating.cancel()
        server.close()


def read_probe(path: Path) -> Reading:
    """Request a reading from the process that serves that socket."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(120)
        asking.connect(os.fspath(path))
        chunks = []
        while chunk := asking.recv(65536):
            chunks.append(chunk)
    return Reading(**json.loads(b"".join(chunks)))


def _resident_memory() -> tuple[int, int]:
    """Resident memory now, and its peak (on Linux, since :func:`_reset_peak_memory`), in bytes."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most, most
    sizes = dict(line.split(":", 1) for line in status.splitlines() if line.startswith(("VmRSS", "VmHWM")))
    return _kilobytes(sizes["VmRSS"]), _kilobytes(sizes["VmHWM"])


def _kilobytes(text: str) -> int:
    return int(text.split(maxsplit=1)[0]) * 1024


def _reset_peak_memory() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        # without /proc, the peak is that of the process's whole life
        return
