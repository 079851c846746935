"""``deletePods`` and its like: deletes the selected objects only, and answers with their names."""

import pytest

from tests.fixtures.api import core, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess

DELETE = "mutation($n: String!) {{ deletePods(namespace: $n, {}) {{ count names }} }}"
NOW = ', gracePeriodSeconds: 0, labelSelector: "app=web"'


@pytest.fixture
def pods(backend: Backend, namespace: str) -> set[str]:
    """The pods ``web-0`` and ``web-1``, and ``other`` without their label."""
    api, path = backend.api(), core("pods", namespace)
    for name in ("web-0", "web-1"):
        api.create(path, pod(name, labels={"app": "web"}))
    api.create(path, pod("other", labels={"app": "other"}))
    return {"web-0", "web-1", "other"}


def names(backend: Backend, namespace: str) -> set[str]:
    items = backend.api().get(core("pods", namespace))["items"]
    return {item["metadata"]["name"] for item in items if "deletionTimestamp" not in item["metadata"]}


async def test_the_matching_objects_are_deleted_and_named(
    backend: Backend, gateway: GatewayProcess, namespace: str, pods: set[str]
) -> None:
    data = await gateway.data(DELETE.format(NOW), {"n": namespace})
    assert data["deletePods"]["count"] == 2
    assert set(data["deletePods"]["names"]) == {"web-0", "web-1"}
    assert names(backend, namespace) == {"other"}


async def test_selectors_are_combined(
    backend: Backend, gateway: GatewayProcess, namespace: str, pods: set[str]
) -> None:
    options = NOW + ', fieldSelector: "metadata.name=web-0"'
    data = await gateway.data(DELETE.format(options), {"n": namespace})
    assert data["deletePods"] == {"count": 1, "names": ["web-0"]}
    assert names(backend, namespace) == {"web-1", "other"}


async def test_a_dry_run_names_the_objects_and_deletes_none(
    backend: Backend, gateway: GatewayProcess, namespace: str, pods: set[str]
) -> None:
    data = await gateway.data(DELETE.format(NOW + ", dryRun: true"), {"n": namespace})
    assert set(data["deletePods"]["names"]) == {"web-0", "web-1"}
    assert names(backend, namespace) == pods


@pytest.mark.parametrize("selector", ["", " ", "app in", "a=b=c"])
async def test_an_empty_or_malformed_selector_deletes_nothing(
    backend: Backend, gateway: GatewayProcess, namespace: str, pods: set[str], selector: str
) -> None:
    error = await gateway.error(DELETE.format(f'labelSelector: "{selector}"'), {"n": namespace})
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert names(backend, namespace) == pods


async def test_an_empty_namespace_is_not_all_namespaces(gateway: GatewayProcess) -> None:
    error = await gateway.error(DELETE.format(NOW), {"n": ""})
    assert "namespace is empty" in error["message"]


async def test_no_match_deletes_nothing(
    backend: Backend, gateway: GatewayProcess, namespace: str, pods: set[str]
) -> None:
    data = await gateway.data(DELETE.format('labelSelector: "app=absent"'), {"n": namespace})
    assert data["deletePods"] == {"count": 0, "names": []}
    assert names(backend, namespace) == pods
