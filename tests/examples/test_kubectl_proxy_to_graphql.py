"""The comparison of ``kubectl proxy`` and GraphQL, on a real kube-apiserver, and its table in the README.

Covers ``examples/kubectl-proxy-to-graphql/compare.py``.
"""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.ports import free_port
from tests.fixtures.processes import start_process
from tests.fixtures.waiting import wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "kubectl-proxy-to-graphql"
REST_TOLERANCE = 0.02


def run_script(rest: str, gateway: GatewayProcess) -> str:
    command = [sys.executable, str(EXAMPLE / "compare.py"), rest, "--gateway", gateway.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def parse(table: str) -> dict[str, list[int]]:
    """``{task: [requests of REST, bytes of REST, requests of GraphQL, bytes of GraphQL]}``."""
    rows = re.findall(r"^\| ([^|]+?) +" + r"\| +([\d,]+) " * 4 + r"\|$", table, re.MULTILINE)
    return {task: [int(cell.replace(",", "")) for cell in cells] for task, *cells in rows}


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/version", timeout=5, trust_env=False, verify=False).is_success
    except httpx.TransportError:
        return False


@pytest.mark.cluster
async def test_the_table_of_the_readme_is_the_output_of_the_script(
    seeded_cluster: Backend, tmp_path: Path
) -> None:
    assert seeded_cluster.control_plane is not None
    kubectl, port = seeded_cluster.control_plane.assets / "kubectl", free_port()
    kubeconfig = str(seeded_cluster.kubeconfig)
    command = [str(kubectl), "--kubeconfig", kubeconfig, "proxy", "--port", str(port)]
    rest = f"http://127.0.0.1:{port}"
    with (
        start_process(command, tmp_path / "proxy"),
        start_gateway(tmp_path / "gateway", "--kubeconfig", kubeconfig) as gateway,
    ):
        wait_until(lambda: answers(rest), "kubectl proxy to answer")
        found = parse(await asyncio.to_thread(run_script, rest, gateway))
    recorded = parse((EXAMPLE / "README.md").read_text(encoding="utf-8"))
    assert list(found) == list(recorded)
    assert len(found) == 6
    for task, (requests, size, graphql_requests, graphql_size) in recorded.items():
        assert [found[task][0], *found[task][2:]] == [requests, graphql_requests, graphql_size], task
        assert found[task][1] == pytest.approx(size, rel=REST_TOLERANCE), task


async def test_the_script_runs_on_the_demo(tmp_path: Path) -> None:
    with start_gateway(tmp_path, "--demo") as gateway:
        rest = re.search(r"demo \((http://[^)]+)\)", gateway.process.wait_for_output("auth local"))
        assert rest is not None
        found = parse(await asyncio.to_thread(run_script, rest[1], gateway))
    assert [cells[2] for cells in found.values()] == [1] * 6
    assert found["list pods"][1] > found["list pods"][3]
