"""What ``kube-graphql schema`` prints is what graphql-js reads, accepts and would print itself."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.backends import Backend
from tests.fixtures.processes import run_gateway
from tests.fixtures.requirements import unavailable

CLIENTS = Path(__file__).parents[1] / "clients"

pytestmark = pytest.mark.node


@pytest.fixture(autouse=True, scope="module")
def _clients_installed() -> None:
    if shutil.which("node") is None:
        unavailable("node", "Node is not installed", "apt-get install nodejs npm")
    if not (CLIENTS / "node_modules" / "graphql").is_dir():
        unavailable("node", "the npm packages are not installed", "npm ci --prefix tests/clients")


def judged(sdl: str) -> dict[str, Any]:
    """What graphql-js says of the SDL."""
    command = ["node", str(CLIENTS / "schema.mjs")]
    done = subprocess.run(command, input=sdl, capture_output=True, text=True, timeout=90, check=True)
    verdict: dict[str, Any] = json.loads(done.stdout)
    return verdict


def test_of_everything_odd_kinds_included(odd_kinds: Backend) -> None:
    done = run_gateway("schema", "--kubeconfig", str(odd_kinds.kubeconfig))
    assert done.returncode == 0, done.stderr
    verdict = judged(done.stdout)

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
def test_of_any_part(demo_cluster: Backend, arguments: list[str]) -> None:
    done = run_gateway("schema", "--kubeconfig", str(demo_cluster.kubeconfig), *arguments)

    assert (done.returncode, done.stderr) == (0, "")
    assert judged(done.stdout)["errors"] == []
