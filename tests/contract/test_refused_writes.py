"""Refusals of the real API server: admission policies, quotas, immutable fields, missing rights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import API, core, deployment, grouped, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.waiting import eventually, wait_until

pytestmark = pytest.mark.cluster

NAMESPACE = "refusals"
DEPLOYMENTS = grouped("apps/v1", "deployments", NAMESPACE)
ADMISSION = "admissionregistration.k8s.io/v1"


@pytest.fixture(scope="module")
def api(controlled_cluster: Backend) -> Iterator[API]:
    api = controlled_cluster.api()
    api.create(core("namespaces"), {"metadata": {"name": NAMESPACE, "labels": {"refuses": "true"}}})
    api.create(DEPLOYMENTS, deployment("web"))
    yield api
    api.delete(core("namespaces", None, NAMESPACE))


@pytest.fixture(scope="module")
def refusing(
    controlled_cluster: Backend, api: API, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    directory: Path = tmp_path_factory.mktemp("refusing")
    options = ("--kubeconfig", str(controlled_cluster.kubeconfig), "--auth", "passthrough")
    with start_gateway(directory, *options, token="admin-token") as gateway:
        yield gateway


def scale(replicas: int) -> str:
    return (
        f'mutation {{ patchDeployment(name: "web", namespace: "{NAMESPACE}",'
        f" patch: {{ spec: {{ replicas: {replicas} }} }}) {{ kind }} }}"
    )


@pytest.fixture
def policy(api: API) -> Iterator[str]:
    """A policy that refuses more than five replicas; returns its message."""
    message = "at most five replicas, please"
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["UPDATE"],
        "resources": ["deployments"],
    }
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "object.spec.replicas <= 5", "message": message}],
    }
    binding = {
        "policyName": "few-replicas",
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": {"matchLabels": {"refuses": "true"}}},
    }
    named = {"metadata": {"name": "few-replicas"}}
    paths = [
        grouped(ADMISSION, f"validatingadmission{kind}", None) for kind in ("policies", "policybindings")
    ]
    for path, body in zip(paths, (spec, binding), strict=True):
        api.create(path, {**named, "spec": body})
    yield message
    for path in paths:
        api.delete(f"{path}/few-replicas")


async def test_the_message_of_an_admission_policy_is_the_error(
    refusing: GatewayProcess, api: API, policy: str
) -> None:
    async def refusal() -> dict[str, Any] | None:
        errors = (await refusing.execute(scale(6))).get("errors")
        return errors[0] if errors else None

    # the API server reads new policies every second
    error = await eventually(refusal, "the policy to take effect")
    assert error["extensions"]["code"] == "INVALID"
    assert policy in error["message"]
    assert "few-replicas" in error["message"]
    before = api.get(f"{DEPLOYMENTS}/web")["spec"]["replicas"]
    await refusing.error(scale(7))
    assert api.get(f"{DEPLOYMENTS}/web")["spec"]["replicas"] == before
    await refusing.data(scale(5))


async def test_an_exceeded_quota_names_the_used_and_the_allowed_amount(
    refusing: GatewayProcess, api: API
) -> None:
    quotas = core("resourcequotas", NAMESPACE)
    api.create(quotas, {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}})
    wait_until(lambda: api.get(f"{quotas}/none").get("status", {}).get("hard"), "the quota to be counted")
    created = pod("refused", labels={})
    error = await refusing.error(
        f'mutation($pod: JSON) {{ createPod(namespace: "{NAMESPACE}", objectJson: $pod) {{ kind }} }}',
        {"pod": created},
    )
    api.delete(f"{quotas}/none")
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "exceeded quota: none" in error["message"]
    assert "limited: pods=0" in error["message"]


async def test_an_immutable_field_is_named(refusing: GatewayProcess) -> None:
    mutation = (
        f'mutation {{ patchDeployment(name: "web", namespace: "{NAMESPACE}", type: MERGE,'
        ' patch: { spec: { selector: { matchLabels: "{}" } } }) { kind } }'
    ).replace('"{}"', '{ app: "other" }')
    error = await refusing.error(mutation)
    assert error["extensions"]["code"] == "INVALID"
    fields = {cause["field"] for cause in error["extensions"]["kubernetes"]["details"]["causes"]}
    assert "spec.selector" in fields
    assert "immutable" in error["message"]


async def test_a_missing_right_names_user_verb_resource_and_namespace(refusing: GatewayProcess) -> None:
    error = await refusing.error(scale(2), headers={"authorization": "Bearer alice-token"})
    assert error["extensions"]["code"] == "FORBIDDEN"
    for part in ('"alice"', "patch", '"deployments"', '"apps"', f'"{NAMESPACE}"'):
        assert part in error["message"]


async def test_each_malformed_field_is_a_cause(refusing: GatewayProcess) -> None:
    containers = [{"name": "Not A Name", "image": ""}]
    error = await refusing.error(
        f'mutation($pod: JSON) {{ createPod(namespace: "{NAMESPACE}", objectJson: $pod) {{ kind }} }}',
        {"pod": {"metadata": {"name": "malformed"}, "spec": {"containers": containers}}},
    )
    assert error["extensions"]["code"] == "INVALID"
    fields = {cause["field"] for cause in error["extensions"]["kubernetes"]["details"]["causes"]}
    assert {"spec.containers[0].name", "spec.containers[0].image"} <= fields
