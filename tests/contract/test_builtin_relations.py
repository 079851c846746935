"""The relations of built-in kinds over complete objects, forward and back.

Covers ``schema/relations/builtin.py``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.aggregated_api import registered_api
from tests.fixtures.api import core, grouped, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.metrics_api import MetricsAPI
from tests.fixtures.related import LABELS, Application, owner
from tests.fixtures.waiting import eventually

NAME = "{ metadata { name } }"
NAMES = "{ items { metadata { name } } }"


def names(value: Any) -> list[str]:
    return [item["metadata"]["name"] for item in value["items"]]


async def test_policies_and_the_pods_that_they_select(
    backend: Backend, gateway: GatewayProcess, own_application: Application
) -> None:
    api, space = backend.api(), own_application.namespace
    api.create(core("pods", space), pod("other", labels={"app": "other"}))
    policies = grouped("networking.k8s.io/v1", "networkpolicies", space)
    for name, selector in (
        ("all", {}),
        ("shop", {"matchLabels": LABELS}),
        ("others", {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["shop"]}]}),
    ):
        api.create(policies, {"metadata": {"name": name}, "spec": {"podSelector": selector}})
    budgets = grouped("policy/v1", "poddisruptionbudgets", space)
    for name, spec in (
        ("shop", {"minAvailable": 1, "selector": {"matchLabels": LABELS}}),
        ("none", {"minAvailable": 1}),
        ("all", {"minAvailable": 1, "selector": {}}),
    ):
        api.create(budgets, {"metadata": {"name": name}, "spec": spec})
    data = await gateway.data(
        f"""query($n: String) {{
          networkPolicies(namespace: $n) {{ items {{ metadata {{ name }} pods {NAMES} }} }}
          podDisruptionBudgets(namespace: $n) {{ items {{ metadata {{ name }} pods {NAMES} }} }}
          pods(namespace: $n) {{ items {{
            metadata {{ name }} networkPolicies {NAMES} podDisruptionBudgets {NAMES} }} }} }}""",
        {"n": space},
    )
    forward = {
        field: {item["metadata"]["name"]: names(item["pods"]) for item in data[field]["items"]}
        for field in ("networkPolicies", "podDisruptionBudgets")
    }
    assert forward == {
        "networkPolicies": {"all": ["other", "shop-1-a"], "shop": ["shop-1-a"], "others": ["other"]},
        "podDisruptionBudgets": {"shop": ["shop-1-a"], "none": [], "all": ["other", "shop-1-a"]},
    }
    back = {
        item["metadata"]["name"]: (names(item["networkPolicies"]), names(item["podDisruptionBudgets"]))
        for item in data["pods"]["items"]
    }
    assert back == {"shop-1-a": (["all", "shop"], ["all", "shop"]), "other": (["all", "others"], ["all"])}


async def test_a_service_leads_to_its_endpoints_and_they_to_pods_and_nodes(
    backend: Backend, gateway: GatewayProcess, own_application: Application
) -> None:
    api, space = backend.api(), own_application.namespace
    for name, service in (("shop-a", "shop"), ("other-a", "other")):
        target = {"kind": "Pod", "name": "shop-1-a", "namespace": space}
        endpoint = {"addresses": ["10.0.0.1"], "nodeName": own_application.node, "targetRef": target}
        labels = {"kubernetes.io/service-name": service}
        api.create(
            grouped("discovery.k8s.io/v1", "endpointslices", space),
            {"metadata": {"name": name, "labels": labels}, "addressType": "IPv4", "endpoints": [endpoint]},
        )
    data = await gateway.data(
        f"""query($n: String) {{
          service(name: "shop", namespace: $n) {{
            ingresses {NAMES}
            endpointSlices {{ items {{
              metadata {{ name }}
              endpoints {{ node {NAME} target {{ __typename metadata {{ name }} }} }} }} }} }}
          ingress(name: "shop", namespace: $n) {{ spec {{
            rules {{ http {{ paths {{ backend {{ serviceObject {{ pods {NAMES} }} }} }} }} }}
            tls {{ secret {NAME} }} }} }} }}""",
        {"n": space},
    )
    assert names(data["service"]["ingresses"]) == ["shop"]
    (found,) = data["service"]["endpointSlices"]["items"]
    assert found == {
        "metadata": {"name": "shop-a"},
        "endpoints": [
            {
                "node": {"metadata": {"name": own_application.node}},
                "target": {"__typename": "Pod", "metadata": {"name": "shop-1-a"}},
            }
        ],
    }
    spec = data["ingress"]["spec"]
    assert names(spec["rules"][0]["http"]["paths"][0]["backend"]["serviceObject"]["pods"]) == ["shop-1-a"]
    assert spec["tls"][0]["secret"]["metadata"]["name"] == "password"


async def test_storage_from_a_pod_to_the_class_and_back(
    backend: Backend, gateway: GatewayProcess, own_application: Application
) -> None:
    api, space = backend.api(), own_application.namespace
    api.create(
        grouped("storage.k8s.io/v1", "storageclasses"),
        {"metadata": {"name": f"fast-{space}"}, "provisioner": "example.test/disks"},
    )
    size = {"storage": "1Gi"}
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": size},
        "storageClassName": f"fast-{space}",
        "volumeName": f"{space}-lost",
    }
    api.create(core("persistentvolumeclaims", space), {"metadata": {"name": "classified"}, "spec": claim})
    data = await gateway.data(
        f"""query($n: String, $v: String!) {{
          pod(name: "shop-1-a", namespace: $n) {{ persistentVolumeClaims {{ items {{
            persistentVolume {{ metadata {{ name }} persistentVolumeClaim {{
              metadata {{ name }} usedBy {NAMES} }} }} }} }} }}
          persistentVolumeClaim(name: "classified", namespace: $n) {{
            persistentVolume {NAME} spec {{ storageClass {{ provisioner }} }} usedBy {NAMES} }}
          persistentVolume(name: $v) {{ spec {{ claim {{ metadata {{ namespace }} }} }} }} }}""",
        {"n": space, "v": own_application.volume},
    )
    (bound,) = data["pod"]["persistentVolumeClaims"]["items"]
    assert bound["persistentVolume"] == {
        "metadata": {"name": own_application.volume},
        "persistentVolumeClaim": {
            "metadata": {"name": "data"},
            "usedBy": {"items": [{"metadata": {"name": "shop-1-a"}}]},
        },
    }
    assert data["persistentVolumeClaim"] == {
        "persistentVolume": None,
        "spec": {"storageClass": {"provisioner": "example.test/disks"}},
        "usedBy": {"items": []},
    }
    assert data["persistentVolume"]["spec"]["claim"] == {"metadata": {"namespace": space}}


async def test_a_node_leads_to_its_lease(
    backend: Backend, gateway: GatewayProcess, own_application: Application
) -> None:
    api, leases = backend.api(), "kube-node-lease"
    if not api.request("GET", core("namespaces", None, leases)).is_success:
        api.create(core("namespaces"), {"metadata": {"name": leases}})
    lease = {"metadata": {"name": own_application.node}, "spec": {"holderIdentity": own_application.node}}
    api.create(grouped("coordination.k8s.io/v1", "leases", leases), lease)
    query = f"""query($node: String!, $n: String) {{
      node(name: $node) {{ lease {{ spec {{ holderIdentity }} }} pods {NAMES} }}
      pods(namespace: $n) {{ items {{ node {{ lease {NAME} }} }} }} }}"""
    data = await gateway.data(query, {"node": own_application.node, "n": own_application.namespace})
    assert data["node"] == {
        "lease": {"spec": {"holderIdentity": own_application.node}},
        "pods": {"items": [{"metadata": {"name": "shop-1-a"}}]},
    }
    assert data["pods"]["items"][0]["node"]["lease"]["metadata"]["name"] == own_application.node


async def test_owners_that_own_each_other_and_an_owner_of_the_same_name_as_a_former_one(
    backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    api = backend.api()
    maps = [api.create(core("configmaps", namespace), {"metadata": {"name": name}}) for name in ("a", "b")]
    for own, other in (maps, maps[::-1]):
        references = [owner(other, "ConfigMap", "v1")]
        path = core("configmaps", namespace, own["metadata"]["name"])
        api.merge(path, {"metadata": {"ownerReferences": references}})
    former = {**owner(maps[0], "ConfigMap", "v1"), "uid": "00000000-0000-0000-0000-000000000000"}
    for name, reference in (("cyclic", owner(maps[0], "ConfigMap", "v1")), ("former", former)):
        body = pod(name, labels={})
        body["metadata"]["ownerReferences"] = [reference]
        api.create(core("pods", namespace), body)
    data = await gateway.data(
        f"""query($n: String) {{
          cyclic: pod(name: "cyclic", namespace: $n) {{
            workload {{ kind }} owner {{ owner {{ owner {{ metadata {{ name }} dependents {NAMES} }} }} }} }}
          former: pod(name: "former", namespace: $n) {{ owner {NAME} owners {NAMES} workload {NAME} }} }}""",
        {"n": namespace},
    )
    top = data["cyclic"]["owner"]["owner"]["owner"]
    assert data["cyclic"]["workload"] == {"kind": "ConfigMap"}
    assert top["metadata"]["name"] == "a"
    assert sorted(names(top["dependents"])) == ["b", "cyclic"]
    assert data["former"] == {"owner": None, "owners": {"items": []}, "workload": None}


@pytest.fixture
def measured(seeded_cluster: Backend, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway on a cluster with the metrics API, which has metrics of one node and of one of two pods."""
    assert seeded_cluster.control_plane is not None
    api, space = seeded_cluster.api(), "measured"
    if not api.request("GET", core("namespaces", None, space)).is_success:
        api.create(core("namespaces"), {"metadata": {"name": space}})
        api.create(core("nodes"), {"metadata": {"name": "measured"}})
        for name in ("old", "new"):
            api.create(core("pods", space), pod(name, labels={}, node="measured"))
    usage = {"cpu": "250m", "memory": "64Mi"}
    metrics = MetricsAPI(seeded_cluster.control_plane, api, {"measured": usage}, {(space, "old"): usage})
    with (
        registered_api(metrics),
        start_gateway(tmp_path, "--kubeconfig", str(seeded_cluster.kubeconfig)) as gateway,
    ):
        yield gateway


@pytest.mark.cluster
async def test_pods_and_nodes_lead_to_their_metrics(measured: GatewayProcess) -> None:
    query = """{ pods(namespace: "measured") { items {
        metadata { name } metrics { window containers { name usage } } node { metrics { usage } } } }
      node(name: "measured") { metrics { metadata { name } usage } } }"""

    async def answers() -> dict[str, Any] | None:
        answer = await measured.execute(query)
        return None if "errors" in answer else answer["data"]

    # the types of an aggregated API come a moment after the API itself
    data = await eventually(answers, "the metrics API to be served")
    usage = {"cpu": "250m", "memory": "64Mi"}
    assert {item["metadata"]["name"]: item["metrics"] for item in data["pods"]["items"]} == {
        "old": {"window": "30s", "containers": [{"name": "main", "usage": usage}]},
        "new": None,
    }
    assert [item["node"]["metrics"]["usage"] for item in data["pods"]["items"]] == [usage, usage]
    assert data["node"]["metrics"] == {"metadata": {"name": "measured"}, "usage": usage}


@pytest.mark.cluster
async def test_without_the_metrics_api_there_is_no_such_field(
    seeded_cluster: Backend, tmp_path: Path
) -> None:
    with start_gateway(tmp_path, "--kubeconfig", str(seeded_cluster.kubeconfig)) as gateway:
        answer = await gateway.execute("{ pods { items { metrics { window } } } }")
    assert "Cannot query field 'metrics'" in answer["errors"][0]["message"]
