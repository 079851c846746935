"""Related objects of mixed kinds, and of kinds that the schema does not have."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import API, CRDS, core, crd, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.custom_kinds import install_kind
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.related import Application, owner

NAME = "{ metadata { name } }"
NAMES = "{ items { metadata { name } } }"
GROUP = "young.example.test"
READY = {"type": "Ready", "status": "False", "reason": "Waiting", "message": "not yet"}


async def traced(
    gateway: GatewayProcess, query: str, variables: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The data, and the paths of the requests to the API server."""
    body = {"query": query, "variables": dict(variables), "extensions": {"trace": True}}
    answer = (await gateway.request("POST", "/graphql", json=body)).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"], [item["path"] for item in answer["extensions"]["upstream"]]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("metadata { name }", {"metadata": {"name": "shop-1"}}),
        ("kind apiVersion", {"kind": "ReplicaSet", "apiVersion": "apps/v1"}),
        ("__typename health { reason }", {"__typename": "ReplicaSet", "health": {"reason": "LessLabelled"}}),
        ("fieldOwners { operation }", {"fieldOwners": [{"operation": "Update"}]}),
        ("... on ReplicaSet { spec { replicas } }", {"spec": {"replicas": 1}}),
        ("... on Deployment { spec { replicas } }", {}),
    ],
)
async def test_an_owner_of_any_kind_costs_one_request(
    gateway: GatewayProcess, application: Application, selection: str, expected: object
) -> None:
    query = f"query($n: String) {{ pods(namespace: $n) {{ items {{ owner {{ {selection} }} }} }} }}"
    space = application.namespace
    data, paths = await traced(gateway, query, {"n": space})
    assert [item["owner"] for item in data["pods"]["items"]] == [expected]
    assert paths == [
        f"/api/v1/namespaces/{space}/pods",
        f"/apis/apps/v1/namespaces/{space}/replicasets/shop-1",
    ]


def definition(kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """A CRD with these fields beside others."""
    schema = {"type": "object", "properties": dict(properties), "x-kubernetes-preserve-unknown-fields": True}
    return crd(GROUP, kind, schema)


def create_owned(api: API, kind: str, namespace: str) -> None:
    """An object of the kind, and a ConfigMap that it owns."""
    path = grouped(f"{GROUP}/v1", f"{kind.lower()}s", namespace)
    body = {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": {"name": "owner"},
        "status": {"conditions": [READY]},
    }
    reference = owner(api.create(path, body), kind, f"{GROUP}/v1")
    metadata = {"name": f"of-{kind.lower()}", "ownerReferences": [reference]}
    api.create(core("configmaps", namespace), {"metadata": metadata})


async def test_an_object_of_a_kind_that_is_younger_than_the_schema(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    query = f"""subscription($n: String) {{ configMaps(namespace: $n, labelSelector: "!noise") {{
      object {{ metadata {{ name }}
        owner {{ __typename kind metadata {{ name }} health {{ status reason }} json yaml
                 dependents(kinds: ["ConfigMap"]) {NAMES} }}
        owners {NAMES} }} }} }}"""
    async with gateway.subscribe(query, {"n": namespace}) as stream:
        while (await stream.event())["object"] is not None:
            pass
        await asyncio.to_thread(install_kind, backend.api(), definition("Newcomer", {}))
        await asyncio.to_thread(create_owned, backend.api(), "Newcomer", namespace)
        found = (await stream.event())["object"]
    assert found["metadata"]["name"] == "of-newcomer"
    of = found["owner"]
    assert (of["__typename"], of["kind"], of["metadata"]) == ("OtherObject", "Newcomer", {"name": "owner"})
    assert of["health"] == {"status": "IN_PROGRESS", "reason": "Waiting"}
    assert of["json"]["status"] == {"conditions": [READY]}
    assert "kind: Newcomer" in of["yaml"]
    assert of["dependents"]["items"] == [{"metadata": {"name": "of-newcomer"}}]
    assert found["owners"]["items"] == [{"metadata": {"name": "owner"}}]
    backend.api().delete(f"{CRDS}/newcomers.{GROUP}")


async def test_an_object_of_a_kind_with_fields_of_its_own_in_place_of_the_common_ones(
    backend: Backend, tmp_path: Path, namespace: str
) -> None:
    api = backend.api()
    install_kind(api, definition("Odd", {"owner": {"type": "string"}, "json": {"type": "string"}}))
    create_owned(api, "Odd", namespace)
    query = """query($n: String) { configMaps(namespace: $n) { items { metadata { name }
      owner { __typename metadata { name } health { reason } } } } }"""
    with start_gateway(tmp_path, "--kubeconfig", str(backend.kubeconfig)) as gateway:
        data, paths = await traced(gateway, query, {"n": namespace})
    found = {item["metadata"]["name"]: item["owner"] for item in data["configMaps"]["items"]}
    assert found["of-odd"] == {
        "__typename": "OtherObject",
        "metadata": {"name": "owner"},
        "health": {"reason": "Waiting"},
    }
    assert paths == [
        f"/api/v1/namespaces/{namespace}/configmaps",
        f"/apis/{GROUP}/v1/namespaces/{namespace}/odds/owner",
    ]
    api.delete(f"{CRDS}/odds.{GROUP}")
