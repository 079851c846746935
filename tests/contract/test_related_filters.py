"""``whereRelated``: lists of the objects that have related objects, or have none."""

from typing import Any

import pytest

from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.related import Application, create_application

NAMES = "{ items { metadata { name } } }"


@pytest.fixture
def application(backend: Backend, namespace: str) -> Application:
    return create_application(backend.api(), namespace)


async def found(
    gateway: GatewayProcess, namespace: str | None, field: str, *conditions: dict[str, Any], rest: str = ""
) -> tuple[list[str], list[str]]:
    """The names of the objects in the answer, and the paths of the requests to the API server."""
    query = f"""query($n: String, $w: [RelatedFilter!]) {{
      found: {field}(namespace: $n, whereRelated: $w{rest}) {NAMES} }}"""
    variables = {"n": namespace, "w": list(conditions)}
    body = {"query": query, "variables": variables, "extensions": {"trace": True}}
    answer = (await gateway.request("POST", "/graphql", json=body)).json()
    assert "errors" not in answer, answer["errors"]
    names = [item["metadata"]["name"] for item in answer["data"]["found"]["items"]]
    return names, [item["path"] for item in answer["extensions"]["upstream"]]


async def test_services_without_pods(gateway: GatewayProcess, application: Application) -> None:
    space = f"/api/v1/namespaces/{application.namespace}"
    names, paths = await found(
        gateway, application.namespace, "services", {"relation": "pods", "exists": False}
    )
    assert names == ["other"]
    assert paths == [f"{space}/services", f"{space}/pods"]
    names, _ = await found(gateway, application.namespace, "services", {"relation": "pods"})
    assert names == ["shop"]


async def test_config_maps_and_secrets_that_nothing_uses(
    gateway: GatewayProcess, application: Application
) -> None:
    unused = {"relation": "usedBy", "exists": False}
    names, paths = await found(gateway, application.namespace, "configMaps", unused)
    assert [name for name in names if name != "kube-root-ca.crt"] == ["unused"]
    assert len(paths) == 2
    names, _ = await found(gateway, application.namespace, "secrets", unused)
    assert names == []


async def test_claims_whose_volume_is_gone(
    backend: Backend, gateway: GatewayProcess, application: Application
) -> None:
    gone = {"relation": "persistentVolume", "exists": False}
    claims = "persistentVolumeClaims"
    names, paths = await found(gateway, application.namespace, claims, gone)
    assert names == []
    assert paths == [
        f"/api/v1/namespaces/{application.namespace}/persistentvolumeclaims",
        "/api/v1/persistentvolumes",
    ]
    api = backend.api()
    volume = f"api/v1/persistentvolumes/{application.volume}"
    api.merge(volume, {"metadata": {"finalizers": None}})
    api.delete(volume)
    names, _ = await found(gateway, application.namespace, claims, gone)
    assert names == ["data"]
