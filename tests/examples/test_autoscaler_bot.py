"""The autoscaler bot against both API servers: the rule, conflicts, reconnects and refusals.

Covers ``examples/autoscaler-bot/bot.py``.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fixtures.api import core, grouped, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.ports import free_port
from tests.fixtures.processes import Process, start_process
from tests.fixtures.tap import tapped
from tests.fixtures.waiting import wait_until

BOT = Path(__file__).parents[2] / "examples" / "autoscaler-bot" / "bot.py"


@contextmanager
def running_bot(
    directory: Path, url: str, namespace: str, *options: str, token: str = ""
) -> Iterator[Process]:
    address = url.replace("http", "ws", 1) + "/graphql"
    command = [sys.executable, str(BOT), "--gateway", address, "--namespace", namespace]
    command += ["--target", "web", "--pods", "app=counted", "--per", "1", *options]
    with start_process(command, directory, {"TOKEN": token} if token else None) as process:
        yield process


def create_pods(backend: Backend, namespace: str, *names: str) -> None:
    for name in names:
        backend.api().create(core("pods", namespace), pod(name, labels={"app": "counted"}))


def wait_for_size(backend: Backend, namespace: str, replicas: int) -> None:
    path = grouped("apps/v1", "deployments", namespace, "web")
    wait_until(lambda: backend.api().get(path)["spec"]["replicas"] == replicas, f"{replicas} replicas")


async def test_the_bot_keeps_one_replica_for_each_pod_within_bounds(
    backend: Backend, gateway: GatewayProcess, namespace: str, tmp_path: Path
) -> None:
    create_pods(backend, namespace, "a", "b")
    with running_bot(tmp_path, gateway.url, namespace, "--max", "3"):
        wait_for_size(backend, namespace, 2)
        create_pods(backend, namespace, "c", "d")
        wait_for_size(backend, namespace, 3)
        for name in "abcd":
            backend.api().delete(core("pods", namespace, name))
        wait_for_size(backend, namespace, 1)


async def test_the_bot_wins_against_another_client_that_scales(
    backend: Backend, gateway: GatewayProcess, namespace: str, tmp_path: Path
) -> None:
    create_pods(backend, namespace, "a", "b")
    path = grouped("apps/v1", "deployments", namespace, "web")
    with running_bot(tmp_path, gateway.url, namespace) as bot:
        wait_for_size(backend, namespace, 2)
        for replicas in (7, 8, 9):
            backend.api().merge(path, {"spec": {"replicas": replicas}})
        wait_for_size(backend, namespace, 2)
        assert bot.child.poll() is None


async def test_the_bot_resumes_after_a_lost_connection(
    backend: Backend, gateway: GatewayProcess, namespace: str, tmp_path: Path
) -> None:
    create_pods(backend, namespace, "a", "b")
    with (
        tapped("127.0.0.1", gateway.port, None) as line,
        running_bot(tmp_path, line.url, namespace) as bot,
    ):
        wait_for_size(backend, namespace, 2)
        line.cut()
        wait_until(lambda: "connecting again" in bot.output(), "the bot to notice")
        backend.api().delete(core("pods", namespace, "a"))
        create_pods(backend, namespace, "c", "d")
        line.mend()
        wait_for_size(backend, namespace, 3)


async def test_the_bot_starts_afresh_at_another_gateway(
    backend: Backend, namespace: str, tmp_path: Path
) -> None:
    create_pods(backend, namespace, "a", "b")
    port, options = free_port(), ("--kubeconfig", str(backend.kubeconfig))
    with start_gateway(tmp_path / "first", *options, port=port) as first:
        bot = running_bot(tmp_path / "bot", first.url, namespace)
        process = bot.__enter__()
        wait_for_size(backend, namespace, 2)
    try:
        wait_until(lambda: "connecting again" in process.output(), "the bot to notice")
        backend.api().delete(core("pods", namespace, "a"))
        with start_gateway(tmp_path / "second", *options, port=port):
            wait_for_size(backend, namespace, 1)
    finally:
        bot.__exit__(None, None, None)


async def test_a_refused_token_ends_the_bot_with_the_reason(
    backend: Backend, namespace: str, tmp_path: Path
) -> None:
    options = ("--kubeconfig", str(backend.kubeconfig), "--auth", "passthrough")
    with (
        start_gateway(tmp_path / "gateway", *options) as gateway,
        running_bot(tmp_path / "bot", gateway.url, namespace, token="wrong") as bot,
    ):
        wait_until(lambda: bot.child.poll() is not None, "the bot to end")
        assert "the gateway refuses the token" in bot.output()
        assert bot.child.returncode == 1
