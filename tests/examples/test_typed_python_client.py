"""The typed Python client: generator and mypy refuse a wrong field; the program lists, scales and resumes.

Covers ``examples/typed-clients/python/deployments.py``.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.examples.test_typed_clients import print_schema, run
from tests.fixtures.api import grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.ports import free_port
from tests.fixtures.processes import Process, start_process
from tests.fixtures.requirements import unavailable
from tests.fixtures.waiting import wait_until

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "examples" / "typed-clients" / "python"
BIN = ROOT / ".venv" / "typed-client" / "bin"
PROGRAM = "deployments.py"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the Python client with its generated package."""
    if not (BIN / "ariadne-codegen").exists():
        unavailable("python-client", "its packages are not installed", "make .venv/.installed-typed-client")
    folder = tmp_path_factory.mktemp("python") / "client"
    shutil.copytree(CLIENT, folder, ignore=shutil.ignore_patterns("kubernetes_client", ".mypy_cache"))
    print_schema(folder)
    generate(folder)
    return folder


def generate(folder: Path) -> None:
    status, output = run(folder, str(BIN / "ariadne-codegen"))
    assert status == 0, output


def altered(project: Path, folder: Path, name: str, changes: Mapping[str, str]) -> Path:
    """A copy of the project with texts of one file replaced."""
    shutil.copytree(project, folder)
    text = (folder / name).read_text(encoding="utf-8")
    for before, after in changes.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_mypy_accepts_the_python_client(project: Path) -> None:
    status, output = run(project, str(BIN / "mypy"))
    assert status == 0, output


def test_a_wrong_field_argument_or_type_is_an_error_of_mypy(project: Path, tmp_path: Path) -> None:
    wrong = {
        "deployment.status.ready_replicas": "deployment.status.ready_replica",
        "replicas=replicas": "replicas=str(replicas)",
        "metadata.uid is None": "metadata.uid == 1",
    }
    status, output = run(altered(project, tmp_path / "client", PROGRAM, wrong), str(BIN / "mypy"))
    assert status != 0
    errors = [line for line in output.splitlines() if line.startswith(f"{PROGRAM}:") and "error:" in line]
    for error in (
        '"DeploymentStatus" has no attribute "ready_replica"',
        'expected "int"',
        "Non-overlapping equality check",
    ):
        assert [error in line for line in errors].count(True) == 1, output


def test_a_wrong_field_in_an_operation_is_an_error_of_the_python_generator(
    project: Path, tmp_path: Path
) -> None:
    folder = altered(project, tmp_path / "client", "operations.graphql", {"readyReplicas": "readyReplica"})
    status, output = run(folder, str(BIN / "ariadne-codegen"))
    assert status != 0
    assert "Cannot query field 'readyReplica' on type 'DeploymentStatus'" in output


def test_only_the_types_that_the_operations_use_are_generated(project: Path) -> None:
    modules = {path.name for path in (project / "kubernetes_client").iterdir()}
    assert "input_types.py" not in modules
    enums = (project / "kubernetes_client" / "enums.py").read_text(encoding="utf-8")
    assert enums.count("(str, Enum)") == 1


@contextmanager
def listing(
    project: Path, directory: Path, gateway: str, *options: str, token: str = ""
) -> Iterator[Process]:
    command = [str(BIN / "python"), str(project / PROGRAM), "--gateway", f"{gateway}/graphql", *options]
    with start_process(command, directory, {"TOKEN": token} if token else None) as process:
        yield process


def test_the_python_client_scales_and_lists_live_deployments(
    project: Path, backend: Backend, gateway: GatewayProcess, namespace: str, tmp_path: Path
) -> None:
    path = grouped("apps/v1", "deployments", namespace, "web")
    options = ("--namespace", namespace, "--scale", f"{namespace}/web=4")
    with listing(project, tmp_path, gateway.url, *options) as client:
        client.wait_for_output(f"{namespace}/web: 0 of 4 ready")
        assert backend.api().get(path)["spec"]["replicas"] == 4
        backend.api().merge(path, {"spec": {"replicas": 6}})
        client.wait_for_output(f"{namespace}/web: 0 of 6 ready")
        backend.api().delete(path)
        client.wait_for_output(f"{namespace}/web: deleted")


def test_the_python_client_resumes_after_the_gateway_restarts(
    project: Path, backend: Backend, namespace: str, tmp_path: Path
) -> None:
    port, options = free_port(), ("--kubeconfig", str(backend.kubeconfig))
    path = grouped("apps/v1", "deployments", namespace, "web")
    url = f"http://127.0.0.1:{port}"
    with listing(project, tmp_path / "client", url, "--namespace", namespace) as client:
        with start_gateway(tmp_path / "first", *options, port=port):
            client.wait_for_output(f"{namespace}/web: ")
        wait_until(lambda: "connecting again" in client.output(), "the client to notice")
        backend.api().merge(path, {"spec": {"replicas": 7}})
        with start_gateway(tmp_path / "second", *options, port=port):
            client.wait_for_output(f"{namespace}/web: 0 of 7 ready")


@contextmanager
def denied(project: Path, directory: Path, backend: Backend, token: str, *options: str) -> Iterator[Process]:
    """The client with a token, at a gateway that passes it through."""
    passthrough = ("--kubeconfig", str(backend.kubeconfig), "--auth", "passthrough")
    with (
        start_gateway(directory / "gateway", *passthrough) as gateway,
        listing(project, directory / "client", gateway.url, *options, token=token) as client,
    ):
        yield client


def test_a_refused_token_ends_the_python_client_with_the_reason(
    project: Path, backend: Backend, tmp_path: Path
) -> None:
    with denied(project, tmp_path, backend, "wrong") as client:
        assert client.wait() == 1
        assert "the gateway refuses the token" in client.output()


def test_a_refused_mutation_ends_the_python_client_with_the_reason(
    project: Path, backend: Backend, namespace: str, tmp_path: Path
) -> None:
    with denied(project, tmp_path, backend, "admin-token", "--scale", f"{namespace}/nope=1") as client:
        assert client.wait() == 1
        assert client.output() == 'deployments.apps "nope" not found\n'


@pytest.mark.cluster
def test_a_refused_subscription_ends_the_python_client_with_the_reason(
    project: Path, seeded_cluster: Backend, tmp_path: Path
) -> None:
    with denied(project, tmp_path, seeded_cluster, "alice-token") as client:
        assert client.wait() == 1
        assert 'User "alice" cannot' in client.output()
