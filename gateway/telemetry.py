"""Logging, and how long start-up took.

Log lines go to stderr; no token and no header value is ever handed to a logger anywhere in this package.
"""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Phases", "configure_logging", "phases", "seconds_since_process_start"]

log = logging.getLogger("gateway.telemetry")


def configure_logging(level: str, process: str = "") -> None:
    """Plain lines to stderr, from that level on: ``debug``, ``info``, ``warning`` or ``error``.

    ``process`` is in each line, where there are several.

    What the libraries say is of interest at debug level only, their warnings aside; uvicorn's access log
    stays off, since a subscription app makes one line per message of it.
    """
    handler = logging.StreamHandler(sys.stderr)
    name = f"{process} %(name)s" if process else "%(name)s"
    handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)-7s {name}: %(message)s", "%H:%M:%S"))
    chosen = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(chosen, logging.WARNING), handlers=[handler], force=True)
    for name in ("gateway", "schema"):
        logging.getLogger(name).setLevel(chosen)
    logging.getLogger("uvicorn.access").disabled = True
    # strawberry logs every error that an operation answers with, as a traceback; the caller has it already
    logging.getLogger("strawberry.execution").setLevel(logging.CRITICAL)


def seconds_since_process_start() -> float:
    """The age of this process, the interpreter's own start and the imports included."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        # no Linux: the CPU time of a process that has just started is close to its age
        return time.process_time()


class Phases:
    """The phases of start-up with their durations; the time before the first one is ``imports``."""

    def __init__(self) -> None:
        self.durations: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what happens inside; a phase that is entered again adds up."""
        if not self.durations:
            self.durations["imports"] = seconds_since_process_start()
        started = time.perf_counter()
        try:
            yield
        finally:
            self.durations[name] = self.durations.get(name, 0.0) + time.perf_counter() - started

    def report(self) -> None:
        """Log, at debug level, every phase and the total from process start."""
        each = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in self.durations.items())
        log.debug("ready %.0f ms after process start: %s", seconds_since_process_start() * 1000, each)


phases = Phases()
"""This process's own phases; whoever has a part in start-up adds theirs."""
