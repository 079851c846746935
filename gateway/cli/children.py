"""Child processes of the supervisor: how they are started, heard and ended."""

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

from gateway.cli.liveness import Liveness
from gateway.cli.parts import Part

__all__ = ["Child"]

ENDINGS = (signal.SIGTERM, signal.SIGABRT, signal.SIGKILL)
"""What one that does not answer is sent: that it may end, then that it says where it is, then the end."""


class Child:
    """One running child, and what it has said.

    ``greeting`` is there as soon as it is ready; ``failure`` is why it could not begin.
    """

    def __init__(self, part: Part, selector: selectors.BaseSelector) -> None:
        self.part = part
        self.greeting: str | None = None
        self.failure: str | None = None
        self.ready_since = 0.0
        self._selector = selector
        self._received = b""
        self._channel, theirs = socket.socketpair()
        with theirs:
            self.process = _start(replace(part, channel=theirs.fileno()))
        self._liveness = Liveness(self.process.pid)
        self._endings = iter(ENDINGS)
        self._channel.setblocking(False)
        selector.register(self._channel, selectors.EVENT_READ, self)

    @property
    def ready(self) -> bool:
        return self.greeting is not None

    @property
    def ended(self) -> bool:
        """Whether it has; what it said last has been heard then."""
        if self.process.poll() is None:
            return False
        self.listen()
        self._hang_up()
        return True

    @property
    def age(self) -> float:
        """Seconds that it has been ready."""
        return time.monotonic() - self.ready_since if self.ready else 0.0

    @property
    def end(self) -> str:
        """How it ended, in words."""
        status = self.process.returncode
        if status is not None and status < 0:
            with suppress(ValueError):
                return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    def listen(self) -> None:
        """Hear what it has said."""
        try:
            while data := self._channel.recv(65536):
                self._received += data
        except BlockingIOError:
            pass
        except OSError:
            self._hang_up()
        else:
            self._hang_up()
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            self._hear(json.loads(line))

    def _hear(self, message: dict[str, str]) -> None:
        self._liveness.answered()
        self.failure = message.get("failed", self.failure)
        if "ready" in message:
            self.greeting, self.ready_since = message["ready"], time.monotonic()

    def _hang_up(self) -> None:
        if self._channel.fileno() >= 0:
            self._selector.unregister(self._channel)
            self._channel.close()

    def ask(self) -> str:
        """Ask whether it is well; one that has not answered for too long is ended, the harder the later.

        Gives why, once, where that begins.
        """
        failure = self._liveness.failure
        if failure:
            ending = next(self._endings, signal.SIGKILL)
            self.process.send_signal(ending)
            return failure if ending is ENDINGS[0] else ""
        self._liveness.ask()
        with suppress(OSError):
            # not sent where it has not read the ones before, or has ended: no answer comes, then
            self._channel.send(b"?")
        return ""

    def stop(self) -> None:
        """Ask it to end."""
        self.process.terminate()

    def kill(self) -> None:
        """End it, and wait for that."""
        self.process.kill()
        self.process.wait()
        self._hang_up()


def _start(part: Part) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 (this very program)
        # the same program with the same options, however it was started
        [sys.executable, *sys.orig_argv[1:]],
        env={**os.environ, **part.environment()},
        # several that ask the person at the terminal, all at once: nobody could answer
        stdin=subprocess.DEVNULL,
        pass_fds=part.inherited,
        # a terminal's Ctrl-C is for the supervisor, which ends the others in order
        process_group=0,
    )
