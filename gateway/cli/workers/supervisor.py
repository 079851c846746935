"""The parent process of ``serve --workers N``: starts N workers on one address and keeps them running.

- The supervisor owns the address. Connections that are waiting to be accepted survive a worker's exit: the
  next worker accepts them. After repeated failures the delay before a restart grows, and the other workers
  take over the connections.
- A worker that cannot start ends the gateway while no other worker serves; otherwise it is retried.
- An unresponsive worker is killed and then restarted like one that exited.
- Workers exit when the supervisor does, even by SIGKILL.
"""

import logging
import selectors
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import click

from gateway import memory
from gateway.binding import SharedAddress
from gateway.cli.workers import liveness
from gateway.cli.workers.child_config import ChildConfig
from gateway.cli.workers.child_process import ChildProcess
from gateway.cli.workers.signals import Signals
from gateway.errors import ConfigurationError, GatewayError
from gateway.settings import Settings

__all__ = ["WorkerSlot", "supervise"]

logger = logging.getLogger(__name__)

_RESTART_DELAYS_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Restart delays, indexed by consecutive failures.

Without jitter, unlike :class:`gateway.concurrency.Backoff`: the first restart is immediate, and one machine
has no herd of clients to spread.
"""
_STEADY_SECONDS = 60.0
"""The uptime after which a worker's failure counter is reset."""
_STOP_TIMEOUT_SECONDS = 10.0
"""Time for the children to exit before SIGKILL; each needs less than one second."""
_LONGEST_DIRECTORY_PATH = 90
"""Characters. Socket paths are limited to 104 (macOS) or 108 (Linux), including the name of the socket."""


def supervise(settings: Settings) -> int:
    """Serve with several workers until SIGINT or SIGTERM; returns the exit status.

    Raises GatewayError when no worker can serve.
    """
    # the command line disabled collection for the sake of large imports, which this process avoids
    memory.enable_collection()
    settings.check()
    with ExitStack() as stack:
        address = stack.enter_context(SharedAddress(settings.host, settings.port))
        directory = stack.enter_context(_private_directory())
        selector = stack.enter_context(selectors.DefaultSelector())
        signals = stack.enter_context(Signals(selector))
        supervisor = _Supervisor(address, settings.workers, directory, selector, signals)
        stack.callback(supervisor.close)
        return supervisor.run(demo=settings.demo)


@contextmanager
def _private_directory() -> Iterator[str]:
    """A directory with mode 0700 for the workers' private sockets."""
    try:
        directory = _make_directory()
    except OSError as error:
        raise ConfigurationError(f"--workers needs a place for temporary files (TMPDIR): {error}") from error
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _make_directory() -> str:
    try:
        directory = tempfile.mkdtemp(prefix="kube-graphql-")
    except FileNotFoundError:
        # containers with a read-only root file system still mount /dev/shm
        directory = tempfile.mkdtemp(prefix="kube-graphql-", dir="/dev/shm")
    if len(directory) > _LONGEST_DIRECTORY_PATH:
        shutil.rmtree(directory, ignore_errors=True)
        raise OSError(f"{directory} is too long for the path of a socket")
    return directory


@dataclass(slots=True)
class WorkerSlot:
    """One worker number: its current process, its consecutive failures and the time of its next start.

    ``due`` is a value of time.monotonic(), in seconds.
    """

    worker: int
    child: ChildProcess | None = None
    failures: int = 0
    due: float = 0.0

    @property
    def serving(self) -> bool:
        return self.child is not None and self.child.ready


class _Supervisor:
    """The event loop of the parent process; :meth:`close` stops all children."""

    def __init__(
        self,
        address: SharedAddress,
        workers: int,
        directory: str,
        selector: selectors.BaseSelector,
        signals: Signals,
    ) -> None:
        self.address = address
        self.slots = [WorkerSlot(worker) for worker in range(workers)]
        self.directory = directory
        self.selector = selector
        self.signals = signals
        self.demo: ChildProcess | None = None
        self.next_probe = 0.0
        self.greeted = False
        self.stopped_by: int | None = None

    def run(self, *, demo: bool) -> int:
        """Run until a stop signal; raises GatewayError when no worker can serve."""
        if demo:
            self.demo = ChildProcess(ChildConfig(channel=-1), self.selector)
        while self.stopped_by is None:
            self._start_due_workers()
            self._greet()
            self._wait(self._seconds_until_due())
            self._probe_workers()
            self._check_demo()
            for slot in self.slots:
                self._check_worker(slot)
        return 0 if self.greeted else 128 + self.stopped_by

    def _wait(self, seconds: float | None) -> None:
        for key, _ in self.selector.select(seconds):
            if isinstance(key.data, ChildProcess):
                key.data.receive()
            elif (number := self.signals.take_stop_signal()) is not None:
                self.stopped_by = number

    def _seconds_until_due(self) -> float | None:
        due = [slot.due for slot in self.slots if slot.child is None and self._may_start_workers]
        due += [self.next_probe for slot in self.slots if slot.serving]
        return max(0.0, min(due) - time.monotonic()) if due else None

    @property
    def _may_start_workers(self) -> bool:
        return self.demo is None or self.demo.ready

    def _start_due_workers(self) -> None:
        if not self._may_start_workers:
            return
        for slot in self.slots:
            if slot.child is None and slot.due <= time.monotonic():
                slot.child = ChildProcess(self._config(slot.worker), self.selector)

    def _config(self, worker: int) -> ChildConfig:
        return ChildConfig(
            channel=-1,
            worker=worker,
            workers=len(self.slots),
            listening=self.address.share(worker).fileno(),
            directory=self.directory,
            demo_url=(self.demo.greeting or "") if self.demo else "",
        )

    def _greet(self) -> None:
        """Print one greeting when all workers serve for the first time."""
        first = self.slots[0].child
        if not self.greeted and first is not None and all(slot.serving for slot in self.slots):
            self.greeted = True
            click.echo(f"{first.greeting}, {len(self.slots)} workers")

    def _probe_workers(self) -> None:
        if time.monotonic() < self.next_probe:
            return
        self.next_probe = time.monotonic() + liveness.PROBE_INTERVAL_SECONDS
        for slot in self.slots:
            if slot.child is not None and slot.serving and (failure := slot.child.probe()):
                logger.warning("worker %d %s: it is ended", slot.worker, failure)

    def _check_demo(self) -> None:
        if self.demo is not None and self.demo.ended:
            raise GatewayError(self.demo.failure or f"the demo's API server {self.demo.exit_reason}")

    def _check_worker(self, slot: WorkerSlot) -> None:
        """Schedule the restart of a worker that has exited; raises GatewayError when none can serve."""
        child = slot.child
        if child is None or not child.ended:
            return
        slot.child = None
        reason = child.failure or child.exit_reason
        if not child.ready and not (self.greeted and any(other.serving for other in self.slots)):
            raise GatewayError(
                child.failure or f"worker {slot.worker} {child.exit_reason} before it was ready"
            )
        if child.uptime >= _STEADY_SECONDS:
            slot.failures = 0
        delay = _RESTART_DELAYS_SECONDS[min(slot.failures, len(_RESTART_DELAYS_SECONDS) - 1)]
        slot.failures += 1
        slot.due = time.monotonic() + delay
        if delay:
            self.address.release(slot.worker)
        logger.warning("worker %d is started again in %g s: %s", slot.worker, delay, reason)

    def close(self) -> None:
        """Stop the workers, then the demo's API server; kill a process that exceeds the stop timeout."""
        self.address.close()
        self._stop([slot.child for slot in self.slots if slot.child is not None])
        if self.demo is not None:
            self._stop([self.demo])

    def _stop(self, children: list[ChildProcess]) -> None:
        deadline = time.monotonic() + _STOP_TIMEOUT_SECONDS
        for child in children:
            child.stop()
        while not all(child.ended for child in children) and (left := deadline - time.monotonic()) > 0:
            self._wait(left)
        for child in children:
            if not child.ended:
                child.kill()
