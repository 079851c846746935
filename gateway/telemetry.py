"""Logging to stderr, and the durations of the start-up phases.

Invariant of the whole package: no token and no header value is logged.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

from gateway.errors import ConfigurationError

__all__ = ["Phases", "configure_logging", "json_lines", "phases", "request_id", "seconds_since_process_start"]

logger = logging.getLogger("gateway.telemetry")


def configure_logging(level: str, process: str = "") -> None:
    """Log plain lines to stderr from ``level`` on: ``debug``, ``info``, ``warning`` or ``error``.

    Each line contains ``process``, the name of one of several processes. Libraries log warnings and errors
    only. uvicorn's access log is off: a subscription app would produce one line per message.
    """
    handler = logging.StreamHandler(sys.stderr)
    name = f"{process} %(name)s" if process else "%(name)s"
    handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)-7s {name}: %(message)s", "%H:%M:%S"))
    chosen = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(chosen, logging.WARNING), handlers=[handler], force=True)
    for name in ("gateway", "schema"):
        logging.getLogger(name).setLevel(chosen)
    logging.getLogger("uvicorn.access").disabled = True
    # Strawberry logs a traceback for every error of an operation; the response already contains the error.
    logging.getLogger("strawberry.execution").setLevel(logging.CRITICAL)


def seconds_since_process_start() -> float:
    """The age of this process, including the interpreter's start and the imports."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        # Not Linux: the CPU time of a process that has just started is close to its age.
        return time.process_time()


request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request, or of the connection, that the current task serves."""


def json_lines(path: str) -> Callable[[Mapping[str, Any]], None]:
    """A writer of JSON lines to a file, which it appends to, or to stdout for ``-``.

    A rotated file is opened again. Raises ConfigurationError for a file that cannot be opened.
    """
    try:
        handler = logging.StreamHandler(sys.stdout) if path == "-" else WatchedFileHandler(path)
    except OSError as error:
        raise ConfigurationError(f"cannot open the log {path}: {error.strerror or error}") from error
    handler.setFormatter(logging.Formatter("%(message)s"))

    def write(line: Mapping[str, Any]) -> None:
        handler.handle(logging.makeLogRecord({"msg": json.dumps(line)}))

    return write


class Phases:
    """The start-up phases with their durations in seconds; the time before the first one is ``imports``."""

    def __init__(self) -> None:
        self.durations: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time the block; the durations of a repeated phase are added."""
        if not self.durations:
            self.durations["imports"] = seconds_since_process_start()
        started = time.perf_counter()
        try:
            yield
        finally:
            self.durations[name] = self.durations.get(name, 0.0) + time.perf_counter() - started

    def report(self) -> None:
        """Log at debug level every phase, and the total since process start."""
        durations = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in self.durations.items())
        logger.debug("ready %.0f ms after process start: %s", seconds_since_process_start() * 1000, durations)


phases = Phases()
"""The phases of this process; every module with a part in start-up adds its own."""
