"""The autoscaler bot against both API servers: the rule, conflicts, reconnects and refusals."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fixtures.api import core, grouped, pod
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.ports import free_port
from tests.fixtures.processes import Process, start_process
from tests.fixtures.tap import Refusal, Request, tapped
from tests.fixtures.waiting import wait_until

BOT = Path(__file__).parents[2] / "examples" / "autoscaler-bot" / "bot.py"


@contextmanager
def running_bot(directory: Path, url: str, namespace: str, *, token: str = "") -> Iterator[Process]:
    """The bot, which keeps ``web`` at one replica for every two pods with the label ``app=counted``."""
    variables = {"GATEWAY": url.replace("http", "ws", 1) + "/graphql"} | ({"TOKEN": token} if token else {})
    with start_process(
        [sys.executable, str(BOT), namespace, "web", "app=counted"], directory, variables
    ) as process:
        yield process


def create_pods(backend: Backend, namespace: str, *names: str) -> None:
    for name in names:
        backend.api().create(core("pods", namespace), pod(name, labels={"app": "counted"}))


def wait_for_size(backend: Backend, namespace: str, replicas: int) -> None:
    wait_until(
        lambda: backend.api().get(web(namespace))["spec"]["replicas"] == replicas, f"{replicas} replicas"
    )


def names(count: int) -> list[str]:
    return [f"pod-{number}" for number in range(count)]


def web(namespace: str) -> str:
    return grouped("apps/v1", "deployments", namespace, "web")


def test_the_bot_keeps_one_replica_for_two_pods_within_bounds(
    backend: Backend, gateway: GatewayProcess, namespace: str, tmp_path: Path
) -> None:
    create_pods(backend, namespace, *names(4))
    with running_bot(tmp_path, gateway.url, namespace):
        wait_for_size(backend, namespace, 2)
        create_pods(backend, namespace, *names(25)[4:])
        wait_for_size(backend, namespace, 10)
        for name in names(25)[5:]:
            backend.api().delete(core("pods", namespace, name))
        wait_for_size(backend, namespace, 3)
        for name in names(5):
            backend.api().delete(core("pods", namespace, name))
        wait_for_size(backend, namespace, 1)


def test_the_bot_corrects_what_other_clients_scale(
    backend: Backend, gateway: GatewayProcess, namespace: str, tmp_path: Path
) -> None:
    create_pods(backend, namespace, *names(4))
    with running_bot(tmp_path, gateway.url, namespace) as bot:
        wait_for_size(backend, namespace, 2)
        for replicas in (7, 8, 9):
            backend.api().merge(web(namespace), {"spec": {"replicas": replicas}})
        wait_for_size(backend, namespace, 2)
        assert bot.child.poll() is None


def test_a_change_between_the_decision_and_the_patch_is_a_conflict_that_the_bot_survives(
    backend: Backend, tapped_gateway: TappedGateway, namespace: str, tmp_path: Path
) -> None:
    """The tap changes the deployment while it holds the bot's first patch back."""
    interfered: list[str] = []

    def interfere(request: Request) -> Refusal | None:
        if request.method == "PATCH" and not interfered:
            interfered.append(request.target)
            backend.api().merge(web(namespace), {"spec": {"replicas": 5}})
        return None

    tapped_gateway.tap.refuse = interfere
    create_pods(backend, namespace, *names(6))
    with running_bot(tmp_path, tapped_gateway.gateway.url, namespace) as bot:
        output = bot.wait_for_output("5 → 3 replicas")
        assert "changed by another client: deciding again on the newer version" in output
        assert output.count("→") == 2
        wait_for_size(backend, namespace, 3)
        assert "connecting again" not in bot.output()


def test_the_bot_resumes_after_a_lost_connection(
    backend: Backend, gateway: GatewayProcess, namespace: str, tmp_path: Path
) -> None:
    create_pods(backend, namespace, *names(4))
    with (
        tapped("127.0.0.1", gateway.port, None) as line,
        running_bot(tmp_path, line.url, namespace) as bot,
    ):
        wait_for_size(backend, namespace, 2)
        line.cut()
        bot.wait_for_output("connecting again")
        backend.api().delete(core("pods", namespace, "pod-0"))
        create_pods(backend, namespace, "e", "f", "g")
        line.mend()
        wait_for_size(backend, namespace, 3)
        assert bot.output().count("reading the whole set") == 1


def test_the_bot_continues_after_the_gateway_restarts(
    backend: Backend, namespace: str, tmp_path: Path
) -> None:
    create_pods(backend, namespace, *names(4))
    port, options = free_port(), ("--kubeconfig", str(backend.kubeconfig))
    with running_bot(tmp_path / "bot", f"http://127.0.0.1:{port}", namespace) as bot:
        with start_gateway(tmp_path / "first", *options, port=port):
            wait_for_size(backend, namespace, 2)
            failures = bot.output().count("connecting again")
        wait_until(lambda: bot.output().count("connecting again") > failures, "the bot to notice")
        for name in names(2):
            backend.api().delete(core("pods", namespace, name))
        with start_gateway(tmp_path / "second", *options, port=port):
            wait_for_size(backend, namespace, 1)
            backend.api().merge(web(namespace), {"spec": {"replicas": 4}})
            wait_until(lambda: bot.output().count("→ 1 replicas") >= 2, "the bot to correct the size")
            wait_for_size(backend, namespace, 1)


def test_a_refusal_is_printed_with_its_reason(backend: Backend, namespace: str, tmp_path: Path) -> None:
    options = ("--kubeconfig", str(backend.kubeconfig), "--auth", "passthrough")
    with (
        start_gateway(tmp_path / "gateway", *options) as gateway,
        running_bot(tmp_path / "bot", gateway.url, namespace, token="wrong") as bot,
    ):
        bot.wait_for_output("connecting again: received 4403")
