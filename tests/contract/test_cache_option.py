"""``--cache``: resources are cached from start-up, and readiness waits for them."""

import re
from pathlib import Path

import httpx
import pytest

from tests.fixtures.backends import Backend, write_kubeconfig
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.ports import free_port
from tests.fixtures.processes import run_gateway, start_gateway_process
from tests.fixtures.tap import Tap
from tests.fixtures.waiting import wait_until

PODS = '{ pods(namespace: "team-0", resourceVersion: "0") { items { metadata { name } spec { nodeName } } } }'
DEPLOYMENT = """{ deployment(name: "app-0", namespace: "team-0", resourceVersion: "0") {
  spec { replicas } } }"""


def reads(tap: Tap) -> list[str]:
    """The upstream requests for objects, except watches."""
    found = (request for request in tap.requests if re.search(r"/(pods|deployments)\b", request.target))
    return [item.target for item in found if "watch=true" not in item.target]


async def test_the_first_read_is_answered_from_the_cache(backend: Backend, tmp_path: Path) -> None:
    with backend.tapped() as tap:
        kubeconfig = str(write_kubeconfig(tmp_path / "kubeconfig", tap.url))
        options = ("--kubeconfig", kubeconfig, "--cache", "po,deployments.apps", "--cache", "Pod")
        with start_gateway(tmp_path / "gateway", *options) as gateway:
            assert len(tap.open_watches("pods")) == 1
            assert len(tap.open_watches("deployments")) == 1
            data = await gateway.data(PODS)
            assert len(data["pods"]["items"]) == 5
            assert (await gateway.data(DEPLOYMENT))["deployment"]["spec"] == {"replicas": 1}
            assert reads(tap) == []


@pytest.mark.cluster
async def test_a_gateway_is_alive_but_not_ready_while_a_cache_is_missing(
    seeded_cluster: Backend, tmp_path: Path
) -> None:
    """Bob may see the pods of one namespace; the cache of all namespaces is forbidden."""
    port = free_port()
    kubeconfig = ["--kubeconfig", str(seeded_cluster.kubeconfig), "--context", "bob"]
    options = [*kubeconfig, "--cache", "pods", "--port", str(port)]
    with start_gateway_process(["serve", *options], tmp_path) as process:
        gateway = GatewayProcess(process, port, {})
        answer = wait_until(lambda: unready_reason(gateway), "the cache to be forbidden")
        assert answer.startswith("waiting for the caches of pods (pods is forbidden: User")
        assert (await gateway.request("GET", "/livez")).text == "ok"
        data = await gateway.data('{ pods(namespace: "team-1", resourceVersion: "0") { items { kind } } }')
        assert len(data["pods"]["items"]) == 5


def unready_reason(gateway: GatewayProcess) -> str:
    assert gateway.process.child.poll() is None, gateway.process.output()
    try:
        response = httpx.get(f"{gateway.url}/readyz", timeout=5, trust_env=False, verify=False)
    except httpx.TransportError:
        return ""
    assert response.status_code == 503
    return response.text if "forbidden" in response.text else ""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--cache", "pods,nonsense"), "nonsense"),
        (("--cache", "*"), "'*'"),
        (("--cache", "selfsubjectaccessreviews"), "cannot be listed and watched"),
        (("--cache", "pods", "--auth", "passthrough"), "--auth local"),
    ],
)
def test_resources_that_cannot_be_cached_end_the_start(
    backend: Backend, options: tuple[str, ...], expected: str
) -> None:
    arguments = ["--kubeconfig", str(backend.kubeconfig), "--port", str(free_port())]
    done = run_gateway("serve", *arguments, *options)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
