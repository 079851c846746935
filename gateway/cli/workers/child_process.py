"""The supervisor's view of one child process: start it, read its messages, probe it, stop it."""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

from gateway.cli.workers.child_config import ChildConfig
from gateway.cli.workers.liveness import Liveness

__all__ = ["ChildProcess"]

_ESCALATION = (signal.SIGTERM, signal.SIGABRT, signal.SIGKILL)
"""Signals to an unresponsive child, one per probe: stop, then print all stacks and abort, then kill."""


class ChildProcess:
    """One child process and the messages received from it.

    ``greeting`` is set when the child is ready, ``failure`` when it could not start.
    """

    def __init__(self, config: ChildConfig, selector: selectors.BaseSelector) -> None:
        self.config = config
        self.greeting: str | None = None
        self.failure: str | None = None
        self.ready_since = 0.0
        self._selector = selector
        self._received = b""
        self._channel, childs_end = socket.socketpair()
        with childs_end:
            self.process = _start(replace(config, channel=childs_end.fileno()))
        self._liveness = Liveness(self.process.pid)
        self._escalation = iter(_ESCALATION)
        self._channel.setblocking(False)
        selector.register(self._channel, selectors.EVENT_READ, self)

    @property
    def ready(self) -> bool:
        return self.greeting is not None

    @property
    def ended(self) -> bool:
        """Whether the process has exited; all its messages have then been read."""
        if self.process.poll() is None:
            return False
        self.receive()
        self._close_channel()
        return True

    @property
    def uptime(self) -> float:
        """Seconds since the child was ready; 0 before."""
        return time.monotonic() - self.ready_since if self.ready else 0.0

    @property
    def exit_reason(self) -> str:
        """The exit status or the signal, as the predicate of a sentence."""
        status = self.process.returncode
        if status is not None and status < 0:
            with suppress(ValueError):
                return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    def receive(self) -> None:
        """Read all messages that have arrived."""
        try:
            while data := self._channel.recv(65536):
                self._received += data
        except BlockingIOError:
            pass
        except OSError:
            self._close_channel()
        else:
            self._close_channel()
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            self._handle(json.loads(line))

    def _handle(self, message: dict[str, str]) -> None:
        self._liveness.answered()
        self.failure = message.get("failed", self.failure)
        if "ready" in message:
            self.greeting, self.ready_since = message["ready"], time.monotonic()

    def _close_channel(self) -> None:
        if self._channel.fileno() >= 0:
            self._selector.unregister(self._channel)
            self._channel.close()

    def probe(self) -> str:
        """Send a liveness probe, or the next signal of the escalation to an unresponsive child.

        Returns the reason when the escalation begins, otherwise an empty string.
        """
        failure = self._liveness.failure
        if failure:
            number = next(self._escalation, signal.SIGKILL)
            self.process.send_signal(number)
            return failure if number is _ESCALATION[0] else ""
        self._liveness.probed()
        with suppress(OSError):
            # the buffer is full of unread probes, or the child has exited: the probe counts as unanswered
            self._channel.send(b"?")
        return ""

    def stop(self) -> None:
        """Send SIGTERM."""
        self.process.terminate()

    def kill(self) -> None:
        """Send SIGKILL and wait for the exit."""
        self.process.kill()
        self.process.wait()
        self._close_channel()


def _start(config: ChildConfig) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 (this very program)
        # orig_argv: the same program with the same options, for every way of starting Python
        [sys.executable, *sys.orig_argv[1:]],
        env={**os.environ, **config.environment()},
        # credential plugins of several children must not prompt on one terminal at the same time
        stdin=subprocess.DEVNULL,
        pass_fds=config.inherited,
        # a terminal sends Ctrl-C to its process group: only the supervisor receives it, and stops the
        # children
        process_group=0,
    )
