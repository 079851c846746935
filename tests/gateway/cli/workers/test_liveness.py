"""``serve --workers N`` with a worker that runs and does not answer."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.ports import free_port
from tests.fixtures.processes import start_gateway_process
from tests.fixtures.waiting import wait_until
from tests.fixtures.workers import Workers

_CHANGES = """
import os, time
from pathlib import Path
from gateway.cli.workers import child, liveness
from gateway.server import app

liveness.PROBE_INTERVAL_SECONDS, held = 0.5, Path({held!r})
watch = child.Channel.watch

def wait_while_held(pause):
    while held.exists():
        held.with_name("holding").write_text(str(os.getpid()))
        time.sleep(pause)

def slow_start(self):
    watch(self)
    wait_while_held(0.01)

async def block_event_loop(request):
    wait_while_held(3600)

async def busy_loop(request):
    wait_while_held(0)

{changes}
"""


@contextmanager
def start_probed_workers(backend: Backend, directory: Path, changes: str = "") -> Iterator[Workers]:
    """Two workers, probed five times per second; ``changes`` make them wait while ``held`` exists."""
    port, changes = free_port(), _CHANGES.format(held=str(directory / "held"), changes=changes)
    command = ["serve", "--port", str(port), "--workers", "2", "--kubeconfig", str(backend.kubeconfig)]
    with start_gateway_process(command, directory, changes=changes) as process:
        process.wait_for_output(", 2 workers\n")
        yield Workers(GatewayProcess(process, port, {}), 2)


@contextmanager
def hold(workers: Workers, directory: Path) -> Iterator[int]:
    """Send a request that one worker does not finish within the block; yields that worker's process id."""
    (directory / "held").touch()
    with socket.create_connection(("127.0.0.1", workers.gateway.port)) as connection:
        connection.sendall(b"GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n")
        yield wait_until(lambda: holding(directory), "a worker to be busy with the request")
        (directory / "held").unlink()


def holding(directory: Path) -> int:
    file = directory / "holding"
    return int(file.read_text() or 0) if file.exists() else 0


def wait_for_replacement(workers: Workers, process: int) -> None:
    def replaced() -> bool:
        return len(workers.children) == 2 and process not in workers.children

    wait_until(replaced, "the worker to be replaced")


async def test_a_stopped_worker_is_replaced_and_the_log_gives_the_reason(
    backend: Backend, tmp_path: Path
) -> None:
    with start_probed_workers(backend, tmp_path) as workers:
        stopped, other = sorted(workers.children)
        os.kill(stopped, signal.SIGSTOP)
        wait_for_replacement(workers, stopped)
        await workers.all_up()
        assert other in workers.children
        reason, restart = workers.gateway.process.stderr.read_text().splitlines()
        assert "has not answered for 3 s, and does nothing: it is ended" in reason
        assert restart.endswith("is started again in 0 s: was ended by SIGKILL")


async def test_a_hanging_worker_is_replaced_and_the_log_has_its_stack(
    backend: Backend, tmp_path: Path
) -> None:
    with start_probed_workers(backend, tmp_path, "app._alive = block_event_loop") as workers:
        with hold(workers, tmp_path) as hanging:
            wait_for_replacement(workers, hanging)
        await workers.all_up()
        log = workers.gateway.process.stderr.read_text()
        assert "in block_event_loop" in log
        assert "is started again in 0 s: was ended by SIGABRT" in log


async def test_a_busy_worker_is_not_ended(backend: Backend, tmp_path: Path) -> None:
    with start_probed_workers(
        backend, tmp_path, "app._alive, liveness.BUSY_PROBES = busy_loop, 100_000"
    ) as workers:
        before = workers.children
        with hold(workers, tmp_path) as busy:
            (stopped,) = before - {busy}
            os.kill(stopped, signal.SIGSTOP)
            # the busy worker has then left probes unanswered for longer than the stopped one
            wait_for_replacement(workers, stopped)
            assert busy in workers.children
        await workers.all_up()
        assert busy in workers.children


async def test_a_worker_that_is_busy_for_too_long_is_replaced(backend: Backend, tmp_path: Path) -> None:
    # a busy machine may give the worker no measurable time between two probes
    changes = "app._alive, liveness.BUSY_PROBES, liveness.STUCK_PROBES = busy_loop, 4, 100_000"
    with start_probed_workers(backend, tmp_path, changes) as workers:
        with hold(workers, tmp_path) as busy:
            wait_for_replacement(workers, busy)
        await workers.all_up()
        assert "has not answered for 2 s: it is ended" in workers.gateway.process.stderr.read_text()


async def test_a_slow_start_is_not_probed(backend: Backend, tmp_path: Path) -> None:
    with start_probed_workers(backend, tmp_path, "child.Channel.watch = slow_start") as workers:
        first, second = sorted(workers.children)
        (tmp_path / "held").touch()
        os.kill(first, signal.SIGKILL)
        starting = wait_until(lambda: holding(tmp_path), "a worker to start")
        os.kill(starting, signal.SIGSTOP)
        os.kill(second, signal.SIGSTOP)
        # the starting worker was stopped first, but only ready workers are probed
        wait_for_replacement(workers, second)
        assert starting in workers.children
        (tmp_path / "held").unlink()
        os.kill(starting, signal.SIGCONT)
        await workers.all_up()
        assert starting in workers.children
