"""``serve --workers N`` where a worker is there and does not answer."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fixtures.backends import Backend, demo_server
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.ports import free_port
from tests.fixtures.processes import start_process
from tests.fixtures.waiting import wait_until
from tests.fixtures.workers import Workers

PROGRAM = """
import os, time
from pathlib import Path
from gateway.cli import channel, liveness, main
from gateway.server import app

liveness.QUESTION, held = 0.2, Path({held!r})
watch = channel.Channel.watch

def wait(pause):
    while held.exists():
        held.with_name("holding").write_text(str(os.getpid()))
        time.sleep(pause)

def slow_start(self):
    watch(self)
    wait(0.01)

async def stand_still(request):
    wait(3600)

async def work_hard(request):
    wait(0)

{changes}
main()
"""


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with demo_server(tmp_path_factory.mktemp("demo")) as server:
        yield server


@contextmanager
def impatient(backend: Backend, directory: Path, changes: str = "") -> Iterator[Workers]:
    """Two workers that are asked five times per second; while ``held`` is there, changed ones wait for it."""
    port, program = free_port(), PROGRAM.format(held=str(directory / "held"), changes=changes)
    options = ["--port", str(port), "--workers", "2", "--kubeconfig", str(backend.kubeconfig)]
    with start_process([sys.executable, "-c", program, "serve", *options], directory) as process:
        process.wait_for_output(", 2 workers\n")
        yield Workers(GatewayProcess(process, port, {}), 2)


@contextmanager
def hold(workers: Workers, directory: Path) -> Iterator[int]:
    """Ask one worker something that it does not finish until the block ends; its process id."""
    (directory / "held").touch()
    with socket.create_connection(("127.0.0.1", workers.gateway.port)) as connection:
        connection.sendall(b"GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n")
        yield wait_until(lambda: holding(directory), "a worker to be held up")
        (directory / "held").unlink()


def holding(directory: Path) -> int:
    file = directory / "holding"
    return int(file.read_text() or 0) if file.exists() else 0


def wait_for_another(workers: Workers, process: int) -> None:
    def replaced() -> bool:
        return len(workers.children) == 2 and process not in workers.children

    wait_until(replaced, "another worker in its place")


async def test_a_worker_that_is_stopped_is_replaced_and_the_log_says_why(
    backend: Backend, tmp_path: Path
) -> None:
    with impatient(backend, tmp_path) as workers:
        stopped, other = sorted(workers.children)
        os.kill(stopped, signal.SIGSTOP)
        wait_for_another(workers, stopped)
        await workers.all_up()
        assert other in workers.children
        told, again = workers.gateway.process.stderr.read_text().splitlines()
        assert "has not answered for 1.2 s, and does nothing: it is ended" in told
        assert again.endswith("is started again in 0 s: was ended by SIGKILL")


async def test_a_worker_that_hangs_is_replaced_and_the_log_says_where(
    backend: Backend, tmp_path: Path
) -> None:
    with impatient(backend, tmp_path, "app._alive = stand_still") as workers:
        with hold(workers, tmp_path) as hanging:
            wait_for_another(workers, hanging)
        await workers.all_up()
        log = workers.gateway.process.stderr.read_text()
        assert "in stand_still" in log
        assert "is started again in 0 s: was ended by SIGABRT" in log


async def test_a_worker_that_works_without_a_pause_is_left_alone(backend: Backend, tmp_path: Path) -> None:
    with impatient(backend, tmp_path, "app._alive, liveness.BUSY = work_hard, 100_000") as workers:
        before = workers.children
        with hold(workers, tmp_path) as busy:
            (stopped,) = before - {busy}
            os.kill(stopped, signal.SIGSTOP)
            # by then the other one has been silent for longer
            wait_for_another(workers, stopped)
            assert busy in workers.children
        await workers.all_up()
        assert busy in workers.children


async def test_a_worker_that_works_for_ever_is_replaced(backend: Backend, tmp_path: Path) -> None:
    with impatient(backend, tmp_path, "app._alive, liveness.BUSY = work_hard, 10") as workers:
        with hold(workers, tmp_path) as busy:
            wait_for_another(workers, busy)
        await workers.all_up()
        assert "has not answered for 2 s: it is ended" in workers.gateway.process.stderr.read_text()


async def test_a_start_that_takes_long_is_waited_for(backend: Backend, tmp_path: Path) -> None:
    with impatient(backend, tmp_path, "channel.Channel.watch = slow_start") as workers:
        first, second = sorted(workers.children)
        (tmp_path / "held").touch()
        os.kill(first, signal.SIGKILL)
        starting = wait_until(lambda: holding(tmp_path), "a worker that begins")
        os.kill(starting, signal.SIGSTOP)
        os.kill(second, signal.SIGSTOP)
        # it was stopped later, and is not asked for as long as it begins
        wait_for_another(workers, second)
        assert starting in workers.children
        (tmp_path / "held").unlink()
        os.kill(starting, signal.SIGCONT)
        await workers.all_up()
        assert starting in workers.children
