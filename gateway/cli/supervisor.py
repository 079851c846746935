"""``serve --workers N``: one process that starts N gateways on one address, and keeps them running.

It holds the address, so that a worker that dies loses nothing that waits to be let in: the next one begins
at once, and where that does not help after longer and longer pauses, while the others get its connections.
A worker that cannot begin ends the whole where nobody serves, and is tried again while others do. One that
does not answer any more is ended, and replaced as one that died. When the supervisor ends, however that comes
about, the workers do.
"""

import gc
import logging
import selectors
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import click

from gateway.binding import SharedAddress
from gateway.cli import liveness
from gateway.cli.children import Child
from gateway.cli.parts import Part
from gateway.cli.signals import Signals
from gateway.errors import ConfigurationError, GatewayError
from gateway.settings import Settings

__all__ = ["supervise"]

log = logging.getLogger(__name__)

PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds until a worker is started again, by how often that was in vain before."""
STEADY = 60.0
"""Seconds after which a worker counts as one that runs."""
PATIENCE = 10.0
"""Seconds that children get to end; each needs less than one."""
LONGEST_PATH = 90
"""Characters; systems allow 104 to 108 for a socket's path, of which its name takes some."""


def supervise(settings: Settings) -> int:
    """Serve with several workers until SIGINT or SIGTERM; gives the exit status.

    Raises GatewayError where it cannot begin.
    """
    # off for the sake of what this process never imports
    gc.enable()
    settings.check_cache(settings.resolved_auth())
    with ExitStack() as stack:
        address = stack.enter_context(SharedAddress(settings.host, settings.port))
        directory = stack.enter_context(_private_directory())
        selector = stack.enter_context(selectors.DefaultSelector())
        signals = stack.enter_context(Signals(selector))
        supervisor = Supervisor(address, settings.workers, directory, selector, signals)
        stack.callback(supervisor.close)
        return supervisor.run(demo=settings.demo)


@contextmanager
def _private_directory() -> Iterator[str]:
    """Where the workers' own sockets are: nobody else's processes reach them."""
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
        # a container whose file system is read-only has this all the same
        directory = tempfile.mkdtemp(prefix="kube-graphql-", dir="/dev/shm")
    if len(directory) > LONGEST_PATH:
        shutil.rmtree(directory, ignore_errors=True)
        raise OSError(f"{directory} is too long for the path of a socket")
    return directory


@dataclass(slots=True)
class Place:
    """A worker's place: who is in it, if anybody is, and when it is filled again."""

    worker: int
    child: Child | None = None
    failures: int = 0
    due: float = 0.0

    @property
    def serving(self) -> bool:
        return self.child is not None and self.child.ready


class Supervisor:
    """Starts, watches and ends the children."""

    def __init__(
        self,
        address: SharedAddress,
        workers: int,
        directory: str,
        selector: selectors.BaseSelector,
        signals: Signals,
    ) -> None:
        self.address = address
        self.places = [Place(each) for each in range(workers)]
        self.directory = directory
        self.selector = selector
        self.signals = signals
        self.demo: Child | None = None
        self.next_question = 0.0
        self.greeted = False
        self.stopped_by: int | None = None

    def run(self, *, demo: bool) -> int:
        """Until a signal comes; raises GatewayError where nobody can serve."""
        if demo:
            self.demo = Child(Part(channel=-1), self.selector)
        while self.stopped_by is None:
            self._fill_places()
            self._greet()
            self._wait(self._seconds_until_due())
            self._ask()
            self._look_after_demo()
            for place in self.places:
                self._look_after(place)
        return 0 if self.greeted else 128 + self.stopped_by

    def _wait(self, seconds: float | None) -> None:
        for key, _ in self.selector.select(seconds):
            if isinstance(key.data, Child):
                key.data.listen()
            elif (number := self.signals.stopping()) is not None:
                self.stopped_by = number

    def _seconds_until_due(self) -> float | None:
        due = [place.due for place in self.places if place.child is None and self._may_begin]
        due += [self.next_question for place in self.places if place.serving]
        return max(0.0, min(due) - time.monotonic()) if due else None

    @property
    def _may_begin(self) -> bool:
        return self.demo is None or self.demo.ready

    def _fill_places(self) -> None:
        if not self._may_begin:
            return
        for place in self.places:
            if place.child is None and place.due <= time.monotonic():
                place.child = Child(self._part(place.worker), self.selector)

    def _part(self, worker: int) -> Part:
        return Part(
            channel=-1,
            worker=worker,
            workers=len(self.places),
            listening=self.address.share(worker).fileno(),
            directory=self.directory,
            demo_url=(self.demo.greeting or "") if self.demo else "",
        )

    def _greet(self) -> None:
        """Say that all are ready, once."""
        first = self.places[0].child
        if not self.greeted and first is not None and all(place.serving for place in self.places):
            self.greeted = True
            click.echo(f"{first.greeting}, {len(self.places)} workers")

    def _ask(self) -> None:
        """Ask those that serve, every now and then, whether they are well."""
        if time.monotonic() < self.next_question:
            return
        self.next_question = time.monotonic() + liveness.QUESTION
        for place in self.places:
            if place.child is not None and place.serving and (failure := place.child.ask()):
                log.warning("worker %d %s: it is ended", place.worker, failure)

    def _look_after_demo(self) -> None:
        if self.demo is not None and self.demo.ended:
            raise GatewayError(self.demo.failure or f"the demo's API server {self.demo.end}")

    def _look_after(self, place: Place) -> None:
        child = place.child
        if child is None or not child.ended:
            return
        place.child = None
        what = child.failure or child.end
        if not child.ready and not (self.greeted and any(each.serving for each in self.places)):
            raise GatewayError(child.failure or f"worker {place.worker} {child.end} before it was ready")
        if child.age >= STEADY:
            place.failures = 0
        pause = PAUSES[min(place.failures, len(PAUSES) - 1)]
        place.failures += 1
        place.due = time.monotonic() + pause
        if pause:
            self.address.give_up(place.worker)
        log.warning("worker %d is started again in %g s: %s", place.worker, pause, what)

    def close(self) -> None:
        """End the workers, then what they stand on; who does not end is ended."""
        self.address.close()
        self._end([place.child for place in self.places if place.child is not None])
        if self.demo is not None:
            self._end([self.demo])

    def _end(self, children: list[Child]) -> None:
        deadline = time.monotonic() + PATIENCE
        for child in children:
            child.stop()
        while not all(child.ended for child in children) and (left := deadline - time.monotonic()) > 0:
            self._wait(left)
        for child in children:
            if not child.ended:
                child.kill()
