"""The command line: output and exit status.

Commands run inside the test process, which saves a second per test; tests of signals, pipes and sockets start
a process.

Covers ``gateway/cli/connect.py``, ``gateway/cli/event_loop.py`` and ``gateway/cli/serving.py``.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from graphql.pyutils import natural_comparison_key

from gateway.cli import main
from tests.fixtures.backends import Backend
from tests.fixtures.garbage import freeze
from tests.fixtures.gateways import start_gateway
from tests.fixtures.graphql_ws import open_socket
from tests.fixtures.ports import free_port
from tests.fixtures.processes import Process, assert_one_line, start_gateway_process, start_process

NAMES = '{ pods(namespace: "team-1", labelSelector: "app=app-1") { items { metadata { name } } } }'


@pytest.fixture(autouse=True, scope="module")
def _frozen_objects() -> Iterator[None]:
    """Free the objects that commands have frozen."""
    yield
    freeze()


def run(*arguments: str, stdin: str = "", environ: Mapping[str, str] | None = None) -> Result:
    """``kube-graphql ARGUMENTS`` in this process."""
    return CliRunner().invoke(main, arguments, input=stdin, env=environ, catch_exceptions=False)


def query(backend: Backend, *arguments: str, stdin: str = "") -> Result:
    return run("query", "--kubeconfig", str(backend.kubeconfig), *arguments, stdin=stdin)


def assert_one_clear_line(result: Result, *words: str) -> None:
    assert_one_line(result.exit_code, result.stdout, result.stderr, *words)


def stopped(process: Process, signal_number: int = signal.SIGINT) -> int:
    process.child.send_signal(signal_number)
    return process.wait()


# --help and --version


def test_help_has_examples_and_lists_the_commands() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for words in ("serve --demo", "query '{ pods", "schema", "KUBE_GRAPHQL_PORT"):
        assert words in result.stdout


@pytest.mark.parametrize("command", ["serve", "schema", "query"])
def test_every_command_shows_examples(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"kube-graphql {command}" in result.stdout or f"kube-graphql {command} -" in result.stdout


def test_help_does_not_load_the_gateway() -> None:
    code = (
        "import sys; from gateway.cli import main\n"
        "try: main(['serve', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'graphql', 'httpx', 'strawberry', 'starlette', 'asyncio'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.splitlines()[-1] == "[]"


# query


def test_query_prints_the_result(demo_cluster: Backend) -> None:
    result = query(demo_cluster, NAMES)
    assert (result.exit_code, result.stderr) == (0, "")
    names = [item["metadata"]["name"] for item in json.loads(result.stdout)["data"]["pods"]["items"]]
    assert "app-1-00001" in names
    assert result.stdout.startswith('{\n  "data": {\n')


def test_query_prints_yaml(demo_cluster: Backend) -> None:
    result = query(demo_cluster, NAMES, "--output", "yaml")
    assert result.exit_code == 0
    assert result.stdout.startswith("data:\n  pods:\n    items:\n")
    assert yaml.safe_load(result.stdout) == json.loads(query(demo_cluster, NAMES).stdout)


def test_query_takes_variables_and_an_operation_name(demo_cluster: Backend) -> None:
    document = (
        "query A { __typename } query B($name: String!) { namespace(name: $name) { metadata { name } } }"
    )
    variables = '{"name": "team-1"}'
    result = query(demo_cluster, document, "--operation-name", "B", "--variables", variables)
    assert json.loads(result.stdout) == {"data": {"namespace": {"metadata": {"name": "team-1"}}}}


def test_query_reads_a_file_and_standard_input(demo_cluster: Backend, tmp_path: Path) -> None:
    file = tmp_path / "query.graphql"
    file.write_text("{ __typename }")
    expected = {"data": {"__typename": "Query"}}
    assert json.loads(query(demo_cluster, f"@{file}").stdout) == expected
    assert json.loads(query(demo_cluster, "-", stdin="{ __typename }").stdout) == expected


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{ nothing }", "BAD_REQUEST"),
        ("{", "BAD_REQUEST"),
        ('{ pod(name: "absent", namespace: "team-1") { kind } }', "NOT_FOUND"),
        ("subscription { nothing }", "BAD_REQUEST"),
    ],
)
def test_errors_in_a_result_are_printed_with_status_1(
    demo_cluster: Backend, document: str, code: str
) -> None:
    result = query(demo_cluster, document)
    assert (result.exit_code, result.stderr) == (1, "")
    assert json.loads(result.stdout)["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize(("output", "separator"), [("json", ""), ("yaml", "---")])
def test_a_subscription_prints_one_event_at_a_time_until_ctrl_c(
    demo_cluster: Backend, tmp_path: Path, output: str, separator: str
) -> None:
    document = 'subscription { pods(namespace: "team-1") { type object { metadata { name } } } }'
    options = ("--kubeconfig", str(demo_cluster.kubeconfig), "--output", output)
    with start_gateway_process(["query", *options, document], tmp_path) as process:
        printed = process.wait_for_output("SYNCED")
        assert stopped(process) == 130
        assert process.stderr.read_text() == ""
    events: list[Any]
    if output == "json":
        events = [json.loads(line) for line in printed.splitlines() if line.endswith("}}}")]
    else:
        events = list(yaml.safe_load_all(printed))
        assert printed.startswith(separator)
    assert all(event["data"]["pods"]["type"] in ("ADDED", "SYNCED") for event in events)


@pytest.mark.parametrize("command", [["schema"], ["serve", "--port", "0"], ["query", "{ __typename }"]])
def test_a_closed_output_pipe_causes_no_traceback(demo_cluster: Backend, command: list[str]) -> None:
    reading, writing = os.pipe()
    python = [sys.executable, "-m", "gateway", *command, "--kubeconfig", str(demo_cluster.kubeconfig)]
    with subprocess.Popen(python, stdout=writing, stderr=subprocess.PIPE, text=True) as child:
        os.close(writing)
        os.close(reading)
        _, printed = child.communicate(timeout=90)
    assert "Traceback" not in printed


# schema


def test_schema_prints_sorted_sdl(demo_cluster: Backend) -> None:
    result = run("schema", "--kubeconfig", str(demo_cluster.kubeconfig))
    assert (result.exit_code, result.stderr) == (0, "")
    types = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("type ")]
    assert "Pod" in types
    assert types == sorted(types, key=natural_comparison_key)


# start-up failures


def test_a_malformed_kubeconfig_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("{ not: [yaml")
    assert_one_clear_line(run("query", "--kubeconfig", str(file), "{ __typename }"), str(file))


def test_a_missing_kubeconfig_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "absent"
    assert_one_clear_line(run("schema", "--kubeconfig", str(file)), str(file))


def test_a_wrong_context_is_one_line(demo_cluster: Backend) -> None:
    assert_one_clear_line(query(demo_cluster, "--context", "elsewhere", "{ __typename }"), "elsewhere")


def test_an_unreachable_server_is_one_line(demo_cluster: Backend, tmp_path: Path) -> None:
    file = tmp_path / "config"
    port = str(free_port())
    file.write_text(
        demo_cluster.kubeconfig.read_text().replace(demo_cluster.server, f"http://127.0.0.1:{port}")
    )
    for command in (["query", "{ __typename }"], ["schema"], ["serve", "--port", "0"]):
        assert_one_clear_line(run(command[0], "--kubeconfig", str(file), *command[1:]), port)


def test_a_port_in_use_is_one_line(demo_cluster: Backend) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run("serve", "--kubeconfig", str(demo_cluster.kubeconfig), "--port", port)
    assert_one_clear_line(result, port, "in use")


@pytest.mark.parametrize("variables", ["{", "[]", "1", ""])
def test_variables_must_be_a_json_object(demo_cluster: Backend, variables: str) -> None:
    assert_one_clear_line(query(demo_cluster, "{ __typename }", "--variables", variables), "--variables")


def test_a_missing_query_file_is_one_line(demo_cluster: Backend, tmp_path: Path) -> None:
    assert_one_clear_line(query(demo_cluster, f"@{tmp_path}/absent.graphql"), "absent.graphql")


def test_local_on_every_interface_is_refused(demo_cluster: Backend) -> None:
    options = ("--kubeconfig", str(demo_cluster.kubeconfig), "--host", "0.0.0.0", "--auth", "local")
    assert_one_clear_line(run("serve", *options), "--auth passthrough")


def test_a_missing_cluster_is_one_line_that_mentions_the_demo(tmp_path: Path) -> None:
    variables = {"HOME": str(tmp_path), "KUBECONFIG": ""}
    assert_one_clear_line(run("schema", environ=variables), "--demo")


# serve


def test_serve_prints_one_line_when_it_is_ready(demo_cluster: Backend, tmp_path: Path) -> None:
    options = ("--kubeconfig", str(demo_cluster.kubeconfig), "--port", "0")
    with start_process([sys.executable, "-m", "gateway", "serve", *options], tmp_path) as process:
        process.wait_for_output("\n")
        line = process.stdout.read_text()
        url = line.split()[0]
        host, port = url.removeprefix("http://").removesuffix("/graphql").split(":")
        with socket.create_connection((host, int(port)), timeout=10):
            pass
        assert stopped(process) == 0
        assert process.output() == line
    assert len(line.splitlines()) == 1
    for words in (demo_cluster.server, "admin", "auth local", "kinds"):
        assert words in line


def test_settings_come_from_the_environment(demo_cluster: Backend, tmp_path: Path) -> None:
    variables = {
        "KUBE_GRAPHQL_KUBECONFIG": str(demo_cluster.kubeconfig),
        "KUBE_GRAPHQL_PORT": "0",
        "KUBE_GRAPHQL_AUTH": "passthrough",
        "KUBE_GRAPHQL_LOG_LEVEL": "debug",
    }
    with start_gateway_process(["serve"], tmp_path, variables) as process:
        process.wait_for_output("process start")
        assert "auth passthrough" in process.stdout.read_text()
        assert "discovery" in process.stderr.read_text()


def test_the_demo_needs_no_cluster(tmp_path: Path) -> None:
    variables = {"HOME": str(tmp_path), "KUBECONFIG": ""}
    result = run("query", "--demo", "{ namespaces { items { metadata { name } } } }", environ=variables)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "namespaces" in json.loads(result.stdout)["data"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_open_subscriptions_with_close_code_1012(
    demo_cluster: Backend, tmp_path: Path, number: signal.Signals
) -> None:
    with start_gateway(tmp_path, "--kubeconfig", str(demo_cluster.kubeconfig)) as gateway:
        async with open_socket(gateway.socket_url) as opened:
            await opened.initialise()
            stream = await opened.subscribe("subscription { pods { type object { metadata { name } } } }")
            await stream.synced()
            gateway.process.child.send_signal(number)
            await opened.connection.wait_closed()
            assert gateway.process.wait() == 0
        assert opened.connection.close_code == 1012
        assert gateway.process.stderr.read_text() == ""
