"""Acceptance: a query, a mutation and a subscription on a cluster, and a restart of kube-apiserver."""

from pathlib import Path

import pytest

from tests.fixtures.api import grouped
from tests.fixtures.backends import Backend
from tests.fixtures.control_plane import ControlPlane
from tests.fixtures.gateways import GatewayProcess, start_gateway


async def test_a_page_of_pods_of_one_namespace(gateway: GatewayProcess) -> None:
    data = await gateway.data(
        """{ pods(namespace: "team-1", limit: 2) { metadata { continue } items { metadata { name labels }
        spec { nodeName containers { image } } status { phase } } } }"""
    )
    images = [{"image": "registry.example/main:1.0"}, {"image": "registry.example/sidecar:2.1"}]
    assert data["pods"]["metadata"]["continue"]
    assert data["pods"]["items"] == [
        {
            "metadata": {"name": "app-1-00001", "labels": {"app": "app-1", "tier": "web"}},
            "spec": {"nodeName": "node-1", "containers": images},
            "status": {"phase": "Running"},
        },
        {
            "metadata": {"name": "app-1-00005", "labels": {"app": "app-1", "tier": "web"}},
            "spec": {"nodeName": "node-1", "containers": images},
            "status": {"phase": "Pending"},
        },
    ]


async def test_one_deployment(gateway: GatewayProcess, backend: Backend) -> None:
    data = await gateway.data('{ deployment(name: "app-1", namespace: "team-1") { spec { replicas } } }')
    stored = backend.api().get(grouped("apps/v1", "deployments", "team-1", "app-1"))
    assert data == {"deployment": {"spec": {"replicas": stored["spec"]["replicas"]}}}


async def test_all_deployments_by_the_pinned_name(gateway: GatewayProcess) -> None:
    data = await gateway.data("{ apps_v1_deployments { items { metadata { name } } } }")
    names = [item["metadata"]["name"] for item in data["apps_v1_deployments"]["items"]]
    assert {"app-0", "app-1", "app-2", "app-3"} <= set(names)


async def test_a_patch_is_stored_and_returned(gateway: GatewayProcess, backend: Backend) -> None:
    data = await gateway.data(
        """mutation { patchDeployment(name: "app-1", namespace: "team-1",
        patch: {spec: {replicas: 3}}) { spec { replicas } } }"""
    )
    assert data == {"patchDeployment": {"spec": {"replicas": 3}}}
    stored = backend.api().get(grouped("apps/v1", "deployments", "team-1", "app-1"))
    assert stored["spec"]["replicas"] == 3


async def test_a_subscription_has_initial_events_and_changes(
    gateway: GatewayProcess, backend: Backend
) -> None:
    query = """subscription { deployments(namespace: "team-1") { type object { metadata { name }
    spec { replicas } } } }"""
    async with gateway.subscribe(query) as stream:
        initial = await stream.synced()
        assert {event["object"]["metadata"]["name"] for event in initial} == {"app-1", "app-3"}
        before = next(e["object"] for e in initial if e["object"]["metadata"]["name"] == "app-3")
        replicas = before["spec"]["replicas"] + 1
        backend.api().merge(
            grouped("apps/v1", "deployments", "team-1", "app-3"), {"spec": {"replicas": replicas}}
        )
        assert await stream.event() == {
            "type": "MODIFIED",
            "object": {"metadata": {"name": "app-3"}, "spec": {"replicas": replicas}},
        }


@pytest.mark.cluster
async def test_no_event_is_lost_when_kube_apiserver_is_killed_and_started_again(
    seeded_cluster: Backend, real_cluster: ControlPlane, tmp_path: Path
) -> None:
    query = """subscription { deployments(namespace: "team-1") { type object { metadata { name }
    spec { replicas } } } }"""
    api, path = seeded_cluster.api(), grouped("apps/v1", "deployments", "team-1", "app-1")
    with start_gateway(tmp_path, "--kubeconfig", str(seeded_cluster.kubeconfig)) as gateway:
        async with gateway.subscribe(query) as stream:
            initial = {
                event["object"]["metadata"]["name"]: event["object"] for event in await stream.synced()
            }
            replicas = initial["app-1"]["spec"]["replicas"]
            for change in range(1, 4):
                real_cluster.kill_apiserver()
                real_cluster.start_apiserver()
                api.merge(path, {"spec": {"replicas": replicas + change}})
                event = await stream.event()
                assert (event["type"], event["object"]["metadata"]["name"]) == ("MODIFIED", "app-1")
                assert event["object"]["spec"]["replicas"] == replicas + change
