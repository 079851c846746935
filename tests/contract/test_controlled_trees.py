"""Trees of objects with the owner references that controllers set; the test is the kubelet."""

import asyncio
from typing import Any

import pytest

from tests.contract.test_rollouts import Workload, kubelet
from tests.fixtures.api import API, core, grouped
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.waiting import eventually

NODE = "depth parentUid worst health { status } object { __typename metadata { uid name } }"
Shape = list[tuple[int, str]]


def shape(nodes: list[dict[str, Any]]) -> Shape:
    """Depth and kind of each node, whose parent is the last node of the level above."""
    above: dict[int, str] = {}
    for node in nodes:
        assert node["parentUid"] == above.get(node["depth"] - 1)
        above[node["depth"]] = node["object"]["metadata"]["uid"]
    return [(node["depth"], node["object"]["__typename"]) for node in nodes]


async def tree_with(gateway: GatewayProcess, kind: str, name: str, expected: Shape) -> list[dict[str, Any]]:
    """The tree, once it has the expected shape."""
    query = f'{{ tree(kind: "{kind}", name: "{name}", namespace: "default") {{ {NODE} }} }}'
    last: list[Shape] = []

    async def found() -> list[dict[str, Any]] | None:
        answer = await gateway.execute(query)
        nodes: list[dict[str, Any]] = answer["data"]["tree"]
        last.append(shape(nodes))
        return nodes if last[-1] == expected else None

    return await eventually(found, f"the tree of {name} to be {expected}")


@pytest.mark.parametrize(
    ("kind", "below"),
    [
        ("Deployment", [(1, "ReplicaSet"), (2, "Pod"), (2, "Pod")]),
        ("StatefulSet", [(1, "ControllerRevision"), (1, "Pod"), (1, "Pod")]),
        ("DaemonSet", [(1, "ControllerRevision"), (1, "Pod")]),
    ],
)
async def test_a_workload_down_to_its_pods(
    controlled: tuple[API, GatewayProcess], kind: str, below: Shape
) -> None:
    workload = Workload(*controlled, kind)
    workload.create()
    async with kubelet(workload.api):
        expected = [(0, kind), *below]
        nodes = await tree_with(workload.gateway, kind, workload.name, expected)
        assert {node["object"]["metadata"]["name"] for node in nodes if node["depth"] == 0} == {workload.name}

        async def is_current() -> bool:
            found = await tree_with(workload.gateway, kind, workload.name, expected)
            return all(node["worst"] == node["health"]["status"] == "CURRENT" for node in found)

        await eventually(is_current, "the workload to be ready")
        workload.delete()
        query = (
            f'{{ pods(namespace: "default", labelSelector: "app={workload.name}") {{ items {{ kind }} }} }}'
        )

        async def is_empty() -> bool:
            return not (await workload.gateway.data(query))["pods"]["items"]

        await eventually(is_empty, "the pods to be collected")


async def test_a_cron_job_down_to_the_pods_of_its_jobs(controlled: tuple[API, GatewayProcess]) -> None:
    api, gateway = controlled
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "image:1"}]}}
    path = grouped("batch/v1", "cronjobs", "default")
    spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}}
    cron_job = api.create(path, {"metadata": {"name": "yearly"}, "spec": spec})
    reference = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": "yearly",
        "uid": cron_job["metadata"]["uid"],
        "controller": True,
    }
    job = {"metadata": {"name": "yearly-1", "ownerReferences": [reference]}, "spec": {"template": template}}
    api.create(grouped("batch/v1", "jobs", "default"), job)
    await tree_with(gateway, "CronJob", "yearly", [(0, "CronJob"), (1, "Job"), (2, "Pod")])
    query = """{ job(name: "yearly-1", namespace: "default") { dependents(kinds: ["Pod"]) { items {
      owner { __typename } ... on Pod { workload { __typename metadata { name } } } } } } }"""
    (found,) = (await gateway.data(query))["job"]["dependents"]["items"]
    assert found["owner"]["__typename"] == "Job"
    assert found["workload"] == {"__typename": "CronJob", "metadata": {"name": "yearly"}}
    api.request("DELETE", f"{path}/yearly", params={"propagationPolicy": "Background"})


async def test_a_subscription_shows_a_rollout_from_the_old_pods_to_the_new_ones(
    controlled: tuple[API, GatewayProcess],
) -> None:
    workload = Workload(*controlled, "Deployment")
    workload.create()
    query = f"""subscription {{ tree(kind: "Deployment", name: "{workload.name}", namespace: "default") {{
      {NODE} }} }}"""
    whole = [(0, "Deployment"), (1, "ReplicaSet"), (2, "Pod"), (2, "Pod")]
    async with kubelet(workload.api), workload.gateway.subscribe(query) as stream:

        async def until(condition: Any) -> list[list[dict[str, Any]]]:
            """The trees up to the first that meets the condition."""
            seen: list[list[dict[str, Any]]] = []
            while not seen or not condition(seen[-1]):
                result = await asyncio.wait_for(stream.result(), 60)
                assert "errors" not in result
                shape(result["data"]["tree"])
                seen.append(result["data"]["tree"])
            return seen

        before = (await until(lambda nodes: shape(nodes) == whole and nodes[0]["worst"] == "CURRENT"))[-1]
        await workload.update("image:2")
        old = {node["object"]["metadata"]["uid"] for node in before if node["depth"] == 2}

        def is_replaced(nodes: list[dict[str, Any]]) -> bool:
            pods = [node for node in nodes if node["object"]["__typename"] == "Pod"]
            is_new = len(pods) == 2 and not old & {node["object"]["metadata"]["uid"] for node in pods}
            return is_new and nodes[0]["worst"] == "CURRENT"

        seen = await until(is_replaced)
    # the old ReplicaSet stays, without pods; which one comes first depends on their names
    assert sorted(shape(seen[-1])) == [*sorted(whole)[:1], (1, "ReplicaSet"), *sorted(whole)[1:]]
    assert "IN_PROGRESS" in {nodes[0]["worst"] for nodes in seen}
    workload.delete()


async def test_a_service_with_the_endpoints_that_a_controller_keeps(
    controlled: tuple[API, GatewayProcess],
) -> None:
    workload = Workload(*controlled, "Deployment")
    workload.create()
    spec = {"selector": {"app": workload.name}, "ports": [{"port": 80}]}
    services = core("services", "default")
    workload.api.create(services, {"metadata": {"name": workload.name}, "spec": spec})
    query = f"""{{ service(name: "{workload.name}", namespace: "default") {{
      endpointSlices {{ items {{ owner {{ __typename }} }} }} pods {{ items {{ kind }} }} }} }}"""
    await tree_with(workload.gateway, "Service", workload.name, [(0, "Service"), (1, "EndpointSlice")])
    found = (await workload.gateway.data(query))["service"]
    assert found["endpointSlices"]["items"] == [{"owner": {"__typename": "Service"}}]
    workload.api.delete(f"{services}/{workload.name}")
    workload.delete()
