"""Relations: related objects in the same request."""

from typing import Any

import pytest

from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.related import Application, create_application


@pytest.fixture
def application(backend: Backend, namespace: str) -> Application:
    return create_application(backend.api(), namespace)


def named(value: Any) -> Any:
    """Names in place of objects and Lists."""
    if value is None:
        return None
    return [named(item) for item in value["items"]] if "items" in value else value["metadata"]["name"]


async def pod_of(gateway: GatewayProcess, application: Application, selection: str) -> Any:
    query = f'query($n: String) {{ pod(name: "shop-1-a", namespace: $n) {{ {selection} }} }}'
    return (await gateway.data(query, {"n": application.namespace}))["pod"]


NAME = "{ metadata { name } }"
NAMES = "{ items { metadata { name } } }"


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (f"node {NAME}", "{namespace}-node"),
        (f"serviceAccount {NAME}", "shopkeeper"),
        (f"inNamespace {NAME}", "{namespace}"),
        (f"owner {NAME}", "shop-1"),
        (f"owners {NAMES}", ["shop-1"]),
        (f"workload {NAME}", "shop"),
        (f"services {NAMES}", ["shop"]),
        (f"configMaps {NAMES}", ["files", "settings"]),
        (f"secrets {NAMES}", ["password", "registry"]),
        (f"persistentVolumeClaims {NAMES}", ["data"]),
        (f"events {NAMES}", ["shop-1-a.started"]),
        (f"dependents {NAMES}", []),
    ],
)
async def test_a_pod_leads_to_its_neighbours(
    gateway: GatewayProcess, application: Application, field: str, expected: Any
) -> None:
    name = field.partition(" ")[0]
    if isinstance(expected, str):
        expected = expected.format(namespace=application.namespace)
    assert named((await pod_of(gateway, application, field))[name]) == expected


async def test_references_inside_of_an_object_have_twins(
    gateway: GatewayProcess, application: Application
) -> None:
    pod = await pod_of(
        gateway,
        application,
        f"""spec {{
          node {NAME}
          imagePullSecretObjects {NAMES}
          containers {{
            envFrom {{ configMap {NAME} }}
            env {{ name valueFrom {{ secret {NAME} }} }}
          }}
          volumes {{
            persistentVolumeClaim {{ claim {{ spec {{ volume {NAME} }} }} }}
            configMapObject {NAME}
          }}
        }}""",
    )
    spec = pod["spec"]
    assert named(spec["node"]) == application.node
    assert named(spec["imagePullSecretObjects"]) == ["registry"]
    (container,) = spec["containers"]
    assert named(container["envFrom"][0]["configMap"]) == "settings"
    assert named(container["env"][0]["valueFrom"]["secret"]) == "password"
    assert container["env"][1]["valueFrom"] is None
    assert named(spec["volumes"][0]["configMapObject"]) == "files"
    assert named(spec["volumes"][1]["persistentVolumeClaim"]["claim"]["spec"]["volume"]) == application.volume


async def test_the_ways_back(gateway: GatewayProcess, application: Application) -> None:
    data = await gateway.data(
        f"""query($n: String, $node: String!, $volume: String!) {{
          deployment(name: "shop", namespace: $n) {{ pods {NAMES} dependents {NAMES} }}
          replicaSet(name: "shop-1", namespace: $n) {{ dependents {NAMES} owner {NAME} }}
          service(name: "shop", namespace: $n) {{ pods {NAMES} ingresses {NAMES} }}
          used: configMap(name: "settings", namespace: $n) {{ usedBy {NAMES} }}
          unused: configMap(name: "unused", namespace: $n) {{ usedBy {NAMES} }}
          secret(name: "password", namespace: $n) {{
            usedBy {{ items {{ __typename metadata {{ name }} }} }}
          }}
          persistentVolumeClaim(name: "data", namespace: $n) {{ persistentVolume {NAME} usedBy {NAMES} }}
          persistentVolume(name: $volume) {{ persistentVolumeClaim {NAME} spec {{ claim {NAME} }} }}
          node(name: $node) {{ pods {NAMES} lease {NAME} }}
        }}""",
        {"n": application.namespace, "node": application.node, "volume": application.volume},
    )
    assert named(data["deployment"]["pods"]) == ["shop-1-a"]
    assert named(data["deployment"]["dependents"]) == ["shop-1"]
    assert named(data["replicaSet"]["dependents"]) == ["shop-1-a"]
    assert named(data["replicaSet"]["owner"]) == "shop"
    assert named(data["service"]["pods"]) == ["shop-1-a"]
    assert named(data["service"]["ingresses"]) == ["shop"]
    assert named(data["used"]["usedBy"]) == ["shop-1-a"]
    assert named(data["unused"]["usedBy"]) == []
    users = {(item["__typename"], item["metadata"]["name"]) for item in data["secret"]["usedBy"]["items"]}
    assert users == {("Pod", "shop-1-a"), ("Ingress", "shop")}
    assert named(data["persistentVolumeClaim"]["persistentVolume"]) == application.volume
    assert named(data["persistentVolumeClaim"]["usedBy"]) == ["shop-1-a"]
    assert named(data["persistentVolume"]["persistentVolumeClaim"]) == "data"
    assert named(data["persistentVolume"]["spec"]["claim"]) == "data"
    assert named(data["node"]["pods"]) == ["shop-1-a"]
    assert named(data["node"]["lease"]) is None


async def test_kinds_of_mixed_objects_have_their_own_fields(
    gateway: GatewayProcess, application: Application
) -> None:
    pod = await pod_of(
        gateway,
        application,
        """owner { __typename ... on ReplicaSet { spec { replicas } } yaml }
           workload {
             __typename
             ... on Deployment { spec { replicas } }
             ... on StatefulSet { status { replicas } }
           }""",
    )
    assert pod["owner"]["__typename"] == "ReplicaSet"
    assert pod["owner"]["spec"] == {"replicas": 1}
    assert "kind: ReplicaSet" in pod["owner"]["yaml"]
    assert pod["workload"] == {"__typename": "Deployment", "spec": {"replicas": 1}}


async def test_dangling_references_are_null_without_an_error(
    backend: Backend, gateway: GatewayProcess, application: Application
) -> None:
    api = backend.api()
    api.delete(f"api/v1/nodes/{application.node}")
    api.delete(f"apis/apps/v1/namespaces/{application.namespace}/replicasets/shop-1")
    pod = await pod_of(gateway, application, f"node {NAME} owner {NAME} owners {NAMES} workload {NAME}")
    assert pod == {"node": None, "owner": None, "owners": {"items": []}, "workload": None}
