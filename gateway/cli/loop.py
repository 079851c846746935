"""The event loop of a command, and the signals that end it."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["run", "stop_signal"]

Result = TypeVar("Result")


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in an event loop of its own, uvloop's where it is installed."""
    try:
        import uvloop  # noqa: PLC0415  (absent on Windows)
    except ImportError:
        loop_factory = None
    else:
        loop_factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(main)


def stop_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set; only from here on, so that Ctrl-C also ends a slow start."""
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    return stop
