"""The code of a child process: a worker on its share of the address, or the demo's API server.

A socket pair connects child and supervisor. The child sends one JSON object per line: ``ready`` or ``failed``
once, then ``alive`` for each byte that it receives, from its event loop. Each side detects the other's exit
by the end of the stream.
"""

import asyncio
import faulthandler
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gateway.cli.event_loop import run, stop_event
from gateway.cli.options import CANNOT_START, unwrapped
from gateway.cli.workers.child_config import ChildConfig
from gateway.errors import GatewayError
from gateway.settings import Settings

__all__ = ["Channel", "run_child"]


def run_child(settings: Settings, config: ChildConfig) -> None:
    """Serve until SIGINT, SIGTERM or the exit of the supervisor.

    Exits with status CANNOT_START after reporting a GatewayError to the supervisor.
    """
    if config.worker is None:
        _run_demo(config)
    else:
        _run_worker(settings, config, config.worker)


class Channel:
    """The child's end of the socket pair."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.set_inheritable(False)
        self.orphaned = False

    def report(self, **message: str) -> None:
        """Send one message: ``ready=`` (the greeting), ``failed=`` (the reason) or ``alive=``."""
        with suppress(OSError):
            # the supervisor has exited; _receive detects that
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    @contextmanager
    def reporting_failure(self) -> Iterator[None]:
        """Report a GatewayError to the supervisor, which prints it once for all children, and exit."""
        try:
            with unwrapped():
                yield
        except GatewayError as error:
            self.report(failed=error.message)
            sys.exit(CANNOT_START)

    def watch(self) -> None:
        """Answer liveness probes in the running event loop; at end of stream send SIGTERM to this process."""
        asyncio.get_running_loop().add_reader(self._socket, self._receive)

    def _receive(self) -> None:
        with suppress(ConnectionError):
            if self._socket.recv(4096):
                self.report(alive="yes")
                return
        asyncio.get_running_loop().remove_reader(self._socket)
        self.orphaned = True
        os.kill(os.getpid(), signal.SIGTERM)


# The imports below are local: each kind of child loads only its own part of the gateway.


def _run_worker(settings: Settings, config: ChildConfig, worker: int) -> None:
    from gateway.cli.serving import ListenConfig, serve_on  # noqa: PLC0415
    from gateway.server import Siblings  # noqa: PLC0415

    # SIGABRT from the supervisor prints the stack of every thread of an unresponsive worker
    faulthandler.enable()
    channel = Channel(config.channel)
    siblings = Siblings(worker, config.workers, config.directory)
    with (
        channel.reporting_failure(),
        socket.socket(fileno=config.listening) as bound,
        siblings.bind() as private,
    ):
        bound.set_inheritable(False)
        listen = ListenConfig(
            bound,
            announce=lambda greeting: channel.report(ready=greeting),
            on_loop_start=channel.watch,
            siblings=siblings,
            private=private,
            demo_url=config.demo_url,
        )
        serve_on(settings, listen)
    if channel.orphaned:
        # the supervisor owns the directory, but has exited without removing it
        shutil.rmtree(config.directory, ignore_errors=True)


def _run_demo(config: ChildConfig) -> None:
    channel = Channel(config.channel)
    with channel.reporting_failure():
        run(_serve_demo(channel))


async def _serve_demo(channel: Channel) -> None:
    from gateway.demo import run_demo  # noqa: PLC0415

    channel.watch()
    stop = stop_event()
    async with run_demo() as demo:
        channel.report(ready=demo.url)
        await stop.wait()
