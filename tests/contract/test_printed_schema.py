"""graphql-js accepts the SDL of ``kube-graphql schema`` and prints it identically."""

import json
import subprocess
from typing import Any

import pytest

from tests.fixtures.backends import Backend
from tests.fixtures.clients import bundled, check_clients
from tests.fixtures.processes import run_gateway

pytestmark = pytest.mark.node


@pytest.fixture(autouse=True, scope="module")
def _clients_installed() -> None:
    check_clients()


def validate(sdl: str) -> dict[str, Any]:
    """The number of types, the errors and the sort order of the SDL, from graphql-js."""
    command = ["node", str(bundled("schema.mjs"))]
    done = subprocess.run(command, input=sdl, capture_output=True, text=True, timeout=90, check=True)
    verdict: dict[str, Any] = json.loads(done.stdout)
    return verdict


def test_the_whole_schema_with_odd_kinds(odd_kinds: Backend) -> None:
    done = run_gateway("schema", "--kubeconfig", str(odd_kinds.kubeconfig))
    assert done.returncode == 0, done.stderr
    verdict = validate(done.stdout)

    assert (verdict["errors"], verdict["sorted"]) == ([], True)
    assert verdict["types"] > 300


@pytest.mark.parametrize(
    "arguments",
    [
        ["--kinds", "Deployment,pods"],
        ["--groups", "core", "--groups", "apps"],
        ["--kinds", "SelfSubjectAccessReview"],
        ["--exclude", "*"],
        ["--include", "nodes:get"],
    ],
)
def test_parts_of_the_schema(demo_cluster: Backend, arguments: list[str]) -> None:
    done = run_gateway("schema", "--kubeconfig", str(demo_cluster.kubeconfig), *arguments)

    assert (done.returncode, done.stderr) == (0, "")
    assert validate(done.stdout)["errors"] == []
