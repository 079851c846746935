"""The socket between a child and its supervisor.

It carries one message from the child, then its answers to the question whether its event loop still turns;
and it tells each of the two when the other is gone.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gateway.cli.options import CANNOT_START, unwrapped
from gateway.errors import GatewayError

__all__ = ["Channel"]


class Channel:
    """A child's end of the socket between it and its supervisor."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.set_inheritable(False)
        self.orphaned = False

    def report(self, **message: str) -> None:
        """Say ``ready=`` the line that tells of it, ``failed=`` the reason, or that all is ``well=``."""
        with suppress(OSError):
            # a supervisor that is gone hears nothing, which is found out elsewhere
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """End this process where it cannot begin; why is told to the supervisor, and to nobody else."""
        try:
            with unwrapped():
                yield
        except GatewayError as error:
            self.report(failed=error.message)
            sys.exit(CANNOT_START)

    def watch(self) -> None:
        """From now on, answer the supervisor; and end as SIGTERM ends this process when it is gone."""
        asyncio.get_running_loop().add_reader(self._socket, self._hear)

    def _hear(self) -> None:
        with suppress(ConnectionError):
            if self._socket.recv(4096):
                self.report(well="yes")
                return
        asyncio.get_running_loop().remove_reader(self._socket)
        self.orphaned = True
        os.kill(os.getpid(), signal.SIGTERM)
