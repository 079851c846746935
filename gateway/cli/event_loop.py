"""The event loop of a command, and the signals that stop it."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["run", "stop_event"]

Result = TypeVar("Result")


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in a new event loop, uvloop's if it is installed; returns the coroutine's result."""
    try:
        import uvloop  # noqa: PLC0415  (absent on Windows)
    except ImportError:
        loop_factory = None
    else:
        loop_factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(main)


def stop_event() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set.

    Until this is called, Ctrl-C raises KeyboardInterrupt and so interrupts a slow start.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
