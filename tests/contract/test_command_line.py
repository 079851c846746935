"""The command line on both API servers: output, exit status, and shutdown."""

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fixtures.api import core, pod
from tests.fixtures.backends import Backend, write_kubeconfig
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.ports import free_port
from tests.fixtures.processes import assert_one_line, run_gateway, start_gateway_process
from tests.fixtures.waiting import wait_until

QUERY = '{ pod(name: "app-0-00000", namespace: "team-0") { metadata { name } } }'
DATA = {"pod": {"metadata": {"name": "app-0-00000"}}}


def run(backend: Backend, *arguments: str) -> tuple[int, str, str]:
    done = run_gateway(*arguments, "--kubeconfig", str(backend.kubeconfig))
    return done.returncode, done.stdout, done.stderr


def test_a_query_prints_its_result(backend: Backend) -> None:
    status, printed, _ = run(backend, "query", QUERY)
    assert (status, json.loads(printed)["data"]) == (0, DATA)


def test_a_result_as_yaml(backend: Backend) -> None:
    status, printed, _ = run(backend, "query", QUERY, "--output", "yaml")
    assert (status, yaml.safe_load(printed)["data"]) == (0, DATA)
    assert not printed.lstrip().startswith("{")


def test_variables_are_json(backend: Backend) -> None:
    query = 'query($name: String!) { pod(name: $name, namespace: "team-0") { metadata { name } } }'
    status, printed, _ = run(backend, "query", query, "--variables", '{"name": "app-0-00000"}')
    assert (status, json.loads(printed)["data"]) == (0, DATA)


def test_a_manifest_is_applied_from_a_file_or_standard_input(
    backend: Backend, namespace: str, tmp_path: Path
) -> None:
    mutation = (
        "mutation($n: String, $manifest: String!) { applyManifest(manifest: $manifest, namespace: $n)"
        " { documents { outcome } } }"
    )
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shell}\n"
    file = tmp_path / "deploy.yaml"
    file.write_text(manifest)
    named = ("--variable", f"manifest=@{file}", "--variable", f"n={namespace}")
    status, printed, _ = run(backend, "query", mutation, *named)
    assert (status, json.loads(printed)["data"]) == (
        0,
        {"applyManifest": {"documents": [{"outcome": "CREATED"}]}},
    )

    variables = tmp_path / "variables.yaml"
    variables.write_text(yaml.safe_dump({"n": namespace, "manifest": manifest}))
    status, printed, _ = run(backend, "query", mutation, "--variables", f"@{variables}")
    assert json.loads(printed)["data"] == {"applyManifest": {"documents": [{"outcome": "UNCHANGED"}]}}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('{ pod(name: "absent", namespace: "team-0") { kind } }', "NOT_FOUND"),
        ("{ nonsense }", "nonsense"),
        ("{ nonsense", "Syntax Error"),
    ],
)
def test_errors_are_printed_and_the_exit_status_is_1(backend: Backend, query: str, expected: str) -> None:
    status, printed, complaint = run(backend, "query", query)
    assert status == 1
    assert expected in printed + complaint
    assert "Traceback" not in printed + complaint


def test_a_subscription_prints_a_line_per_event(backend: Backend, namespace: str, tmp_path: Path) -> None:
    query = f'subscription {{ pods(namespace: "{namespace}") {{ type object {{ metadata {{ name }} }} }} }}'
    command = ["query", query, "--kubeconfig", str(backend.kubeconfig)]
    with start_gateway_process(command, tmp_path) as process:
        process.wait_for_output("SYNCED")
        backend.api().create(core("pods", namespace), pod("printed", labels={}))
        process.wait_for_output("printed")
        lines = [json.loads(line) for line in process.stdout.read_text().splitlines()]
        assert [line["data"]["pods"]["type"] for line in lines] == ["SYNCED", "ADDED"]
        process.interrupt()
        process.wait()
        assert "Traceback" not in process.output()


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("schema",), ("query", "{ __typename }")])
class TestOneLineAndStatus2:
    def test_for_an_unknown_context(self, demo_cluster: Backend, command: tuple[str, ...]) -> None:
        assert_one_line(*run(demo_cluster, *command, "--context", "nowhere"), "nowhere", "admin")

    def test_for_an_unreachable_server(self, tmp_path: Path, command: tuple[str, ...]) -> None:
        server = f"127.0.0.1:{free_port()}"
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", f"http://{server}")
        done = run_gateway(*command, "--kubeconfig", str(kubeconfig))
        assert_one_line(done.returncode, done.stdout, done.stderr, server)

    def test_for_a_missing_kubeconfig(self, tmp_path: Path, command: tuple[str, ...]) -> None:
        done = run_gateway(*command, "--kubeconfig", str(tmp_path / "absent"))
        assert_one_line(done.returncode, done.stdout, done.stderr, str(tmp_path / "absent"))


@pytest.mark.parametrize("text", ["{", "[]", "clusters: 7", "apiVersion: v1\nkind: Config\n", "\x00"])
def test_a_malformed_kubeconfig_is_one_line_and_status_2(tmp_path: Path, text: str) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(text)
    done = run_gateway("query", "{ __typename }", "--kubeconfig", str(kubeconfig))
    assert_one_line(done.returncode, done.stdout, done.stderr)


def test_a_port_in_use_is_one_line_and_status_2(demo_cluster: Backend) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run(demo_cluster, "serve", "--port", port)
    assert_one_line(*done, port)


@pytest.mark.cluster
def test_an_untrusted_certificate_is_one_line_and_status_2(seeded_cluster: Backend, tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", seeded_cluster.server)
    done = run_gateway("query", "{ __typename }", "--kubeconfig", str(kubeconfig))
    assert_one_line(done.returncode, done.stdout, done.stderr, "certificate")


@pytest.mark.cluster
def test_an_unknown_token_is_one_line_and_status_2(seeded_cluster: Backend, tmp_path: Path) -> None:
    config: dict[str, Any] = yaml.safe_load(seeded_cluster.kubeconfig.read_text())
    config["users"][0]["user"]["token"] = "mallory-token"
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    done = run_gateway("query", "{ __typename }", "--kubeconfig", str(kubeconfig))
    assert_one_line(done.returncode, done.stdout, done.stderr)
    assert "mallory" not in done.stderr


def test_the_greeting_names_url_server_identity_and_kinds(gateway: GatewayProcess, backend: Backend) -> None:
    output = gateway.process.wait_for_output(f"{gateway.url}/graphql")
    (line,) = [line for line in output.splitlines() if gateway.url in line]
    assert backend.server in line
    assert "local" in line
    assert re.search(r"\b\d+ kinds\b", line)


def test_debug_logs_the_start_up_phases(backend: Backend, tmp_path: Path) -> None:
    options = ["--kubeconfig", str(backend.kubeconfig), "--log-level", "debug"]
    with start_gateway(tmp_path, *options) as started:
        output = started.process.wait_for_output(f"{started.url}/graphql").lower()
    for phase in ("discovery", "openapi", "schema"):
        assert re.search(rf"{phase}.*\d+(\.\d+)? ?ms", output), phase


async def test_ctrl_c_ends_open_subscriptions(backend: Backend, tmp_path: Path) -> None:
    query = "subscription { pods { type object { metadata { name } } } }"
    with start_gateway(tmp_path, "--kubeconfig", str(backend.kubeconfig)) as started:
        async with started.socket() as one, started.socket() as two:
            streams = [await socket.subscribe(query) for socket in (one, two, two)]
            for stream in streams:
                await stream.synced()
            started.process.interrupt()
            assert started.process.wait() in (0, 130)
        assert "Traceback" not in started.process.output()
        wait_until(lambda: is_free(started.port), "its port to be free again")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_every_command_has_help(tmp_path: Path) -> None:
    for command in ((), ("serve",), ("schema",), ("query",)):
        done = run_gateway(*command, "--help")
        assert done.returncode == 0
        assert "Usage:" in done.stdout


def test_settings_come_from_the_environment(backend: Backend) -> None:
    variables = {"KUBE_GRAPHQL_KUBECONFIG": str(backend.kubeconfig), "KUBE_GRAPHQL_OUTPUT": "yaml"}
    done = run_gateway("query", QUERY, variables=variables)
    assert (done.returncode, yaml.safe_load(done.stdout)["data"]) == (0, DATA)
    assert not done.stdout.startswith("{")
