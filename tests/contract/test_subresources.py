"""Mutations of subresources, each answered with the kind of the subresource.

Covers ``gateway/resolvers/subresources.py``.
"""

import base64
import itertools
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import API, core, deployment, grouped, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway

pytestmark = pytest.mark.cluster

NUMBERS = itertools.count()
REQUESTS = grouped("certificates.k8s.io/v1", "certificatesigningrequests", None)


@pytest.fixture(scope="module")
def api(seeded_cluster: Backend) -> API:
    return seeded_cluster.api()


@pytest.fixture(scope="module")
def real(seeded_cluster: Backend, tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory: Path = tmp_path_factory.mktemp("subresources")
    with start_gateway(directory, "--kubeconfig", str(seeded_cluster.kubeconfig)) as gateway:
        yield gateway


@pytest.fixture
def namespace(api: API) -> str:
    name = f"subresources-{next(NUMBERS)}"
    api.create(core("namespaces"), {"metadata": {"name": name}})
    return name


async def test_a_token_is_created_for_a_service_account(
    real: GatewayProcess, api: API, namespace: str
) -> None:
    api.create(core("serviceaccounts", namespace), {"metadata": {"name": "robot"}})
    mutation = """mutation($n: String) { createServiceAccountToken(name: "robot", namespace: $n,
      object: { spec: { expirationSeconds: 900 } }) { kind spec { expirationSeconds } status { token } } }"""
    created = (await real.data(mutation, {"n": namespace}))["createServiceAccountToken"]
    assert created["kind"] == "TokenRequest"
    assert created["spec"] == {"expirationSeconds": 900}
    assert created["status"]["token"].count(".") == 2


async def test_a_pod_is_bound_to_a_node(real: GatewayProcess, api: API, namespace: str) -> None:
    api.create(core("pods", namespace), pod("loose", labels={}))
    mutation = """mutation($n: String) { createPodBinding(name: "loose", namespace: $n,
      object: { metadata: { name: "loose" }, target: { kind: "Node", name: "anywhere" } }) { kind } }"""
    await real.data(mutation, {"n": namespace})
    assert api.get(core("pods", namespace, "loose"))["spec"]["nodeName"] == "anywhere"


async def test_the_scale_is_patched_as_a_scale(real: GatewayProcess, api: API, namespace: str) -> None:
    api.create(grouped("apps/v1", "deployments", namespace), deployment("web"))
    mutation = """mutation($n: String, $dry: Boolean) { patchDeploymentScale(name: "web", namespace: $n,
      patch: { spec: { replicas: 4 } }, dryRun: $dry) { kind spec { replicas } } }"""
    for dry, stored in ((True, 1), (False, 4)):
        answer = (await real.data(mutation, {"n": namespace, "dry": dry}))["patchDeploymentScale"]
        assert answer == {"kind": "Scale", "spec": {"replicas": 4}}
        assert api.get(grouped("apps/v1", "deployments", namespace, "web"))["spec"]["replicas"] == stored


async def test_an_unknown_field_of_a_subresource_is_refused(
    real: GatewayProcess, api: API, namespace: str
) -> None:
    api.create(grouped("apps/v1", "deployments", namespace), deployment("web"))
    mutation = """mutation($n: String) { patchDeploymentScale(name: "web", namespace: $n,
      patchJson: { spec: { copies: 4 } }) { kind } }"""
    assert "copies" in (await real.error(mutation, {"n": namespace}))["message"]


@pytest.fixture
def request_name(api: API, tmp_path: Path) -> str:
    """The name of a certificate signing request."""
    key, request = tmp_path / "key.pem", tmp_path / "request.pem"
    command = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=jane"]
    subprocess.run([*command, "-keyout", key, "-out", request], check=True, capture_output=True)
    name = f"jane-{next(NUMBERS)}"
    spec = {
        "request": base64.b64encode(request.read_bytes()).decode(),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
    }
    api.create(REQUESTS, {"metadata": {"name": name}, "spec": spec})
    return name


def conditions(api: API, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"{REQUESTS}/{name}")["status"].get("conditions", [])
    return found


async def test_an_approval_is_written_once_with_its_reason(
    real: GatewayProcess, api: API, request_name: str
) -> None:
    mutation = """mutation($name: String!) { approveCertificateSigningRequest(name: $name,
      reason: "Checked", message: "by the test") { metadata { resourceVersion } } }"""
    first = await real.data(mutation, {"name": request_name})
    second = await real.data(mutation, {"name": request_name})
    assert first == second
    (condition,) = conditions(api, request_name)
    assert (condition["type"], condition["status"]) == ("Approved", "True")
    assert (condition["reason"], condition["message"]) == ("Checked", "by the test")


async def test_a_denied_request_is_not_approved(real: GatewayProcess, api: API, request_name: str) -> None:
    where = {"name": request_name}
    await real.data("mutation($name: String!) { denyCertificateSigningRequest(name: $name) { kind } }", where)
    approve = "mutation($name: String!) { approveCertificateSigningRequest(name: $name) { kind } }"
    assert (await real.error(approve, where))["extensions"]["code"] == "INVALID"
    assert [condition["type"] for condition in conditions(api, request_name)] == ["Denied"]
