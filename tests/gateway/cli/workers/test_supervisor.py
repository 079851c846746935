"""Failures of ``serve --workers N``: during start-up, and while it serves."""

import os
import pty
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from click.testing import CliRunner

from gateway.cli import main
from tests.fixtures.backends import Backend, write_kubeconfig
from tests.fixtures.ports import free_port
from tests.fixtures.processes import assert_one_line, run_gateway, start_gateway_process
from tests.fixtures.tap import Tap
from tests.fixtures.waiting import wait_until
from tests.fixtures.workers import Workers, children_of, running, start_workers

SERVE = ("serve", "--port", "0", "--workers", "3")


@pytest.fixture
def tap(backend: Backend) -> Iterator[Tap]:
    with backend.tapped() as tap:
        yield tap


# start-up


@pytest.mark.parametrize("number", ["0", "65", "-1", "two"])
def test_an_invalid_number_of_workers_is_refused(number: str) -> None:
    for arguments, environ in (
        (["serve", "--workers", number], {}),
        (["serve"], {"KUBE_GRAPHQL_WORKERS": number}),
    ):
        result = CliRunner().invoke(main, arguments, env=environ)
        assert result.exit_code == 2
        assert "'--workers'" in result.stderr


def test_an_unknown_context_is_reported_once(backend: Backend) -> None:
    done = run_gateway(*SERVE, "--kubeconfig", str(backend.kubeconfig), "--context", "nowhere")
    assert_one_line(done.returncode, done.stdout, done.stderr, "nowhere", "admin")


def test_an_unreachable_server_is_reported_once(tmp_path: Path) -> None:
    server = f"127.0.0.1:{free_port()}"
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", f"http://{server}")
    done = run_gateway(*SERVE, "--kubeconfig", str(kubeconfig))
    assert_one_line(done.returncode, done.stdout, done.stderr, server)


def test_a_port_in_use_is_reported_first() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_gateway("serve", "--workers", "2", "--port", port, "--kubeconfig", "/absent")
    assert_one_line(done.returncode, done.stdout, done.stderr, f"port {port}", "already in use")


def test_a_port_of_another_gateways_workers_is_in_use(backend: Backend, tmp_path: Path) -> None:
    options = ("--kubeconfig", str(backend.kubeconfig))
    with start_workers(tmp_path, 2, *options) as workers:
        for number in ("1", "2"):
            port = str(workers.gateway.port)
            done = run_gateway("serve", "--workers", number, "--port", port, *options)
            assert_one_line(done.returncode, done.stdout, done.stderr, f"port {port}", "already in use")


def test_settings_are_checked_as_with_one_worker() -> None:
    done = run_gateway(*SERVE, "--host", "0.0.0.0", "--auth", "local")
    assert_one_line(done.returncode, done.stdout, done.stderr, "loopback")
    done = run_gateway(*SERVE, "--auth", "passthrough", "--cache", "pods")
    assert_one_line(done.returncode, done.stdout, done.stderr, "--cache")


def test_a_directory_path_too_long_for_sockets_is_reported(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    done = run_gateway(*SERVE, variables={"TMPDIR": str(deep)})
    assert_one_line(done.returncode, done.stdout, done.stderr, "TMPDIR", "too long")
    assert list(deep.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_ends_a_slow_start(tmp_path: Path, number: signal.Signals, status: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with start_gateway_process([*SERVE, "--kubeconfig", str(kubeconfig)], tmp_path) as process:
            silent.settimeout(60)
            connection, _ = silent.accept()
            with connection:
                processes = children_of(process.child.pid)
                process.child.send_signal(number)
                assert process.wait() == status
            assert len(processes) == 3
            assert running(processes) == frozenset()
            assert process.output() == ""


PLUGIN = f"""#!{sys.executable}
import json, os, sys
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
with open(os.environ["CALLS"], "a") as file:
    file.write(f"{{info['spec']['interactive']}} {{sys.stdin.isatty()}}\\n")
print(json.dumps({{**info, "status": {{"token": "admin-token"}}}}))
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


@pytest.mark.parametrize(("number", "interactive"), [("1", "True True"), ("2", "False False")])
def test_credential_plugins_are_interactive_with_one_process_only(
    backend: Backend, tmp_path: Path, number: str, interactive: str
) -> None:
    kubeconfig, calls = plugin_kubeconfig(tmp_path, backend.server), tmp_path / "calls"
    options = ["--kubeconfig", str(kubeconfig), "--port", "0", "--workers", number]
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", *options],
            env={**os.environ, "CALLS": str(calls)},
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
    assert set(calls.read_text().splitlines()) == {interactive}


# while serving


async def answers(workers: Workers) -> bool:
    try:
        return (await workers.gateway.request("GET", "/livez")).is_success
    except httpx.TransportError:
        return False


async def test_other_workers_serve_while_a_worker_cannot_restart(tap: Tap, tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", tap.url)
    with start_workers(tmp_path, 2, "--kubeconfig", str(kubeconfig)) as workers:
        tap.cut()
        os.kill(min(workers.children), signal.SIGKILL)
        # after the immediate restart fails, the other worker takes over the connections
        workers.gateway.process.wait_for_output("is started again in 2 s: ")
        for _ in range(20):
            assert await answers(workers)
        assert tap.url.removeprefix("http://") in workers.gateway.process.stderr.read_text()
        tap.mend()
        await workers.all_up()
        assert workers.gateway.process.child.poll() is None


async def test_the_gateway_ends_when_no_worker_can_restart(tap: Tap, tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", tap.url)
    with start_workers(tmp_path, 2, "--kubeconfig", str(kubeconfig)) as workers:
        tap.cut()
        for child in workers.children:
            os.kill(child, signal.SIGKILL)
        assert workers.gateway.process.wait() == 2
        last = workers.gateway.process.stderr.read_text().splitlines()[-1]
        assert last.startswith("kube-graphql: ")
        assert tap.url.removeprefix("http://") in last
        assert children_of(workers.supervisor) == frozenset()


async def test_connections_wait_while_their_worker_is_replaced(backend: Backend, tmp_path: Path) -> None:
    with start_workers(tmp_path, 2, "--kubeconfig", str(backend.kubeconfig), forked=False) as workers:
        os.kill(min(workers.children), signal.SIGKILL)
        for _ in range(20):
            assert await answers(workers)


async def test_the_gateway_ends_with_the_demo(tmp_path: Path) -> None:
    with start_workers(tmp_path, 2, "--demo") as workers:
        processes = workers.children
        os.kill(min(processes), signal.SIGKILL)
        assert workers.gateway.process.wait() == 2
        assert "the demo's API server was ended by SIGKILL" in workers.gateway.process.output()
        wait_until(lambda: not running(processes), "all processes to end")
