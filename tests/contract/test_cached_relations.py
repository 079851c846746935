"""Relations from informers: the same answers, with no request for the related objects."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import core
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.related import Application, owner
from tests.fixtures.waiting import eventually

NAMES = "{ items { metadata { name } } }"
KINDS = (
    *("pods", "replicasets.apps", "deployments.apps", "services", "configmaps", "secrets", "nodes", "events"),
    *("ingresses.networking.k8s.io", "persistentvolumeclaims"),
)
QUERY = f"""query($n: String, $node: String!) {{
  pods(namespace: $n) {{ items {{
    metadata {{ name }} node {{ metadata {{ name }} }} owner {{ metadata {{ name }} }} workload {{ kind }}
    services {NAMES} configMaps {NAMES} secrets {NAMES} events {NAMES} }} }}
  deployment(name: "shop", namespace: $n) {{ pods {NAMES} dependents {NAMES} }}
  replicaSets(namespace: $n) {{ items {{ dependents(kinds: ["Pod", "ConfigMap"]) {NAMES} }} }}
  service(name: "shop", namespace: $n) {{ pods {NAMES} ingresses {NAMES} }}
  configMap(name: "settings", namespace: $n) {{ usedBy {NAMES} }}
  node(name: $node) {{ pods {NAMES} dependents(kinds: ["Pod"]) {NAMES} }} }}"""


@pytest.fixture
def cached(backend: Backend, own_application: Application, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway with informers of all kinds of the query."""
    del own_application  # exists before the informers
    options = ("--kubeconfig", str(backend.kubeconfig), "--cache", ",".join(KINDS))
    with start_gateway(tmp_path, *options) as started:
        yield started


async def traced(gateway: GatewayProcess, application: Application) -> tuple[Any, list[str], list[str]]:
    """The data, and the paths of the requests and of the answers from informers."""
    variables = {"n": application.namespace, "node": application.node}
    body = {"query": QUERY, "variables": variables, "extensions": {"trace": True}}
    answer = (await gateway.request("POST", "/graphql", json=body)).json()
    assert "errors" not in answer, answer["errors"]
    upstream = answer["extensions"]["upstream"]
    sent, stored = [
        [item["path"] for item in upstream if item["cached"] is cached] for cached in (False, True)
    ]
    return answer["data"], sent, stored


async def test_informers_answer_with_the_same_objects(
    gateway: GatewayProcess, cached: GatewayProcess, backend: Backend, own_application: Application
) -> None:
    api, space = backend.api(), own_application.namespace
    reference = owner(own_application.replica_set, "ReplicaSet")
    api.create(core("configmaps", space), {"metadata": {"name": "owned", "ownerReferences": [reference]}})
    live, _, _ = await traced(gateway, own_application)
    (of_replica_set,) = live["replicaSets"]["items"]
    owned = [item["metadata"]["name"] for item in of_replica_set["dependents"]["items"]]
    assert sorted(owned) == ["owned", "shop-1-a"]

    async def is_same() -> bool:
        data, _, _ = await traced(cached, own_application)
        return bool(data == live)

    await eventually(is_same, "the informers to have the new object")
    _, sent, stored = await traced(cached, own_application)
    # the root fields alone, whose most recent state is asked for
    assert sorted(sent) == sorted(
        [
            f"/api/v1/namespaces/{space}/pods",
            f"/apis/apps/v1/namespaces/{space}/deployments/shop",
            f"/apis/apps/v1/namespaces/{space}/replicasets",
            f"/api/v1/namespaces/{space}/services/shop",
            f"/api/v1/namespaces/{space}/configmaps/settings",
            f"/api/v1/nodes/{own_application.node}",
        ]
    )
    assert stored
