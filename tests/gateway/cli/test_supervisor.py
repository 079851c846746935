"""``serve --workers N`` where something is wrong: at the start, and later."""

import os
import pty
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from click.testing import CliRunner

from gateway.cli import main
from tests.fixtures.backends import Backend, demo_server, write_kubeconfig
from tests.fixtures.ports import free_port
from tests.fixtures.processes import run_gateway, start_process
from tests.fixtures.tap import Tap, tapped
from tests.fixtures.waiting import wait_until
from tests.fixtures.workers import Workers, children_of, running, start_workers

SERVE = ("serve", "--port", "0", "--workers", "3")


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with demo_server(tmp_path_factory.mktemp("demo")) as server:
        yield server


@pytest.fixture
def tap(backend: Backend) -> Iterator[Tap]:
    server = urlsplit(backend.server)
    assert server.hostname is not None
    assert server.port is not None
    with tapped(server.hostname, server.port, None) as started:
        yield started


# at the start


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert (done.returncode, done.stdout) == (2, ""), done
    (line,) = done.stderr.splitlines()
    assert line.startswith("kube-graphql: ")
    for word in words:
        assert word in line


@pytest.mark.parametrize("number", ["0", "65", "-1", "two"])
def test_a_number_of_workers_that_cannot_be_is_refused(number: str) -> None:
    for arguments, environ in (
        (["serve", "--workers", number], {}),
        (["serve"], {"KUBE_GRAPHQL_WORKERS": number}),
    ):
        result = CliRunner().invoke(main, arguments, env=environ)
        assert result.exit_code == 2
        assert "'--workers'" in result.stderr


def test_a_context_that_is_not_there_is_told_of_once(backend: Backend) -> None:
    done = run_gateway(*SERVE, "--kubeconfig", str(backend.kubeconfig), "--context", "nowhere")
    assert_one_line(done, "nowhere", "admin")


def test_a_server_that_is_not_there_is_told_of_once(tmp_path: Path) -> None:
    server = f"127.0.0.1:{free_port()}"
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", f"http://{server}")
    assert_one_line(run_gateway(*SERVE, "--kubeconfig", str(kubeconfig)), server)


def test_a_port_in_use_is_told_of_before_anything_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_gateway("serve", "--workers", "2", "--port", port, "--kubeconfig", "/absent")
    assert_one_line(done, f"port {port}", "already in use")


def test_a_port_of_other_workers_is_in_use(backend: Backend, tmp_path: Path) -> None:
    options = ("--kubeconfig", str(backend.kubeconfig))
    with start_workers(tmp_path, 2, *options) as workers:
        for number in ("1", "2"):
            port = str(workers.gateway.port)
            done = run_gateway("serve", "--workers", number, "--port", port, *options)
            assert_one_line(done, f"port {port}", "already in use")


def test_what_one_worker_refuses_several_refuse_too() -> None:
    assert_one_line(run_gateway(*SERVE, "--host", "0.0.0.0", "--auth", "local"), "loopback")
    assert_one_line(run_gateway(*SERVE, "--auth", "passthrough", "--cache", "pods"), "--cache")


def test_a_directory_that_is_no_place_for_sockets_is_told_of(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    assert_one_line(run_gateway(*SERVE, variables={"TMPDIR": str(deep)}), "TMPDIR", "too long")
    assert list(deep.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_start_that_takes_long_can_be_ended(tmp_path: Path, number: signal.Signals, status: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", f"http://127.0.0.1:{silent.getsockname()[1]}")
        command = [sys.executable, "-m", "gateway", *SERVE, "--kubeconfig", str(kubeconfig)]
        with start_process(command, tmp_path) as process:
            silent.settimeout(60)
            asking, _ = silent.accept()
            with asking:
                everybody = children_of(process.child.pid)
                process.child.send_signal(number)
                assert process.wait() == status
            assert len(everybody) == 3
            assert running(everybody) == frozenset()
            assert process.output() == ""


PLUGIN = f"""#!{sys.executable}
import json, os, sys
told = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
with open(os.environ["TOLD"], "a") as file:
    file.write(f"{{told['spec']['interactive']}} {{sys.stdin.isatty()}}\\n")
print(json.dumps({{**told, "status": {{"token": "admin-token"}}}}))
"""


def plugin_kubeconfig(directory: Path, server: str) -> Path:
    plugin = directory / "plugin"
    plugin.write_text(PLUGIN)
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    kubeconfig = write_kubeconfig(directory / "kubeconfig", server)
    config = yaml.safe_load(kubeconfig.read_text())
    version = "client.authentication.k8s.io/v1"
    entry = {"apiVersion": version, "command": str(plugin), "interactiveMode": "IfAvailable"}
    config["users"][0]["user"] = {"exec": entry}
    kubeconfig.write_text(yaml.safe_dump(config))
    return kubeconfig


@pytest.mark.parametrize(("number", "asked"), [("1", "True True"), ("2", "False False")])
def test_only_one_process_may_ask_at_the_terminal(
    backend: Backend, tmp_path: Path, number: str, asked: str
) -> None:
    kubeconfig, told = plugin_kubeconfig(tmp_path, backend.server), tmp_path / "told"
    options = ["--kubeconfig", str(kubeconfig), "--port", "0", "--workers", number]
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", *options],
            env={**os.environ, "TOLD": str(told)},
            stdin=theirs,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert b"/graphql serves" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
    finally:
        os.close(ours)
        os.close(theirs)
    assert set(told.read_text().splitlines()) == {asked}


# later


async def answers(workers: Workers) -> bool:
    try:
        return (await workers.gateway.request("GET", "/livez")).is_success
    except httpx.TransportError:
        return False


async def test_the_others_serve_while_a_worker_cannot_be_replaced(tap: Tap, tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", tap.url)
    with start_workers(tmp_path, 2, "--kubeconfig", str(kubeconfig)) as workers:
        tap.cut()
        os.kill(min(workers.children), signal.SIGKILL)
        # tried at once, then with its share given to the others
        workers.gateway.process.wait_for_output("is started again in 2 s: ")
        for _ in range(20):
            assert await answers(workers)
        assert tap.url.removeprefix("http://") in workers.gateway.process.stderr.read_text()
        tap.mend()
        await workers.all_up()
        assert workers.gateway.process.child.poll() is None


async def test_it_ends_where_no_worker_can_be_replaced(tap: Tap, tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", tap.url)
    with start_workers(tmp_path, 2, "--kubeconfig", str(kubeconfig)) as workers:
        tap.cut()
        for each in workers.children:
            os.kill(each, signal.SIGKILL)
        assert workers.gateway.process.wait() == 2
        last = workers.gateway.process.stderr.read_text().splitlines()[-1]
        assert last.startswith("kube-graphql: ")
        assert tap.url.removeprefix("http://") in last
        assert children_of(workers.supervisor) == frozenset()


async def test_what_reaches_a_worker_that_is_being_replaced_waits_for_the_next(
    backend: Backend, tmp_path: Path
) -> None:
    with start_workers(tmp_path, 2, "--kubeconfig", str(backend.kubeconfig)) as workers:
        os.kill(min(workers.children), signal.SIGKILL)
        for _ in range(20):
            assert await answers(workers)


async def test_nothing_is_left_of_the_demo_when_it_is_gone(tmp_path: Path) -> None:
    with start_workers(tmp_path, 2, "--demo") as workers:
        everybody = workers.children
        os.kill(min(everybody), signal.SIGKILL)
        assert workers.gateway.process.wait() == 2
        assert "the demo's API server was ended by SIGKILL" in workers.gateway.process.output()
        wait_until(lambda: not running(everybody), "everything to end")
