"""``tree``: an object with everything that it owns, as a query and as a subscription.

Covers ``gateway/resolvers/object_tree/answer.py``, ``gateway/resolvers/object_tree/members.py``,
``gateway/resolvers/object_tree/read.py``, ``gateway/resolvers/object_tree/request.py``,
``gateway/resolvers/object_tree/watch.py`` and ``schema/building/object_tree.py``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import API, bearer, core, deployment, grant, grouped, pod
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.waiting import wait_until

NODE = """depth parentUid worst health { status reason }
  object { __typename kind metadata { name uid } }"""
QUERY = f"""query($n: String!, $depth: Int) {{
  tree(kind: "Deployment", name: "web", namespace: $n, depth: $depth) {{ {NODE} children {{ depth }} }} }}"""
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
CRASHED = {
    "phase": "Running",
    "conditions": [{"type": "Ready", "status": "False"}],
    "containerStatuses": [
        {
            "name": "main",
            "image": "i",
            "imageID": "",
            "ready": False,
            "restartCount": 2,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        }
    ],
}


def owner(of: dict[str, Any], kind: str, api_version: str = "apps/v1") -> dict[str, Any]:
    metadata = of["metadata"]
    return {"apiVersion": api_version, "kind": kind, "name": metadata["name"], "uid": metadata["uid"]}


def create_pod(
    api: API, namespace: str, name: str, owners: list[dict[str, Any]], status: Any
) -> dict[str, Any]:
    body = pod(name, labels={"app": "web"})
    body["metadata"]["ownerReferences"] = owners
    created = api.create(core("pods", namespace), body)
    api.merge(core("pods", namespace, name, "status"), {"status": status})
    return created


@pytest.fixture
def replica_set(backend: Backend, namespace: str) -> dict[str, Any]:
    """The replica set ``web-1`` of the deployment ``web``, with the pods ``web-1-a`` and ``web-1-b``."""
    api = backend.api()
    web = api.get(grouped("apps/v1", "deployments", namespace, "web"))
    template = deployment("web", replicas=2)["spec"]
    body = {
        "metadata": {
            "name": "web-1",
            "labels": {"app": "web"},
            "ownerReferences": [owner(web, "Deployment")],
        },
        "spec": template,
    }
    created = api.create(grouped("apps/v1", "replicasets", namespace), body)
    for name in ("web-1-b", "web-1-a"):
        create_pod(api, namespace, name, [owner(created, "ReplicaSet")], READY)
    return created


def shape(nodes: list[dict[str, Any]]) -> list[tuple[int, str, str]]:
    return [(node["depth"], node["object"]["kind"], node["object"]["metadata"]["name"]) for node in nodes]


WHOLE = [
    (0, "Deployment", "web"),
    (1, "ReplicaSet", "web-1"),
    (2, "Pod", "web-1-a"),
    (2, "Pod", "web-1-b"),
]


@pytest.mark.usefixtures("replica_set")
async def test_the_tree_of_a_deployment(gateway: GatewayProcess, backend: Backend, namespace: str) -> None:
    backend.api().merge(core("pods", namespace, "web-1-b", "status"), {"status": CRASHED})
    nodes = (await gateway.data(QUERY, {"n": namespace}))["tree"]
    assert shape(nodes) == WHOLE
    uids = [node["object"]["metadata"]["uid"] for node in nodes]
    assert [node["parentUid"] for node in nodes] == [None, uids[0], uids[1], uids[1]]
    assert [node["health"]["status"] for node in nodes[2:]] == ["CURRENT", "FAILED"]
    assert [node["worst"] for node in nodes] == ["FAILED", "FAILED", "CURRENT", "FAILED"]
    assert nodes[3]["health"]["reason"] == "CrashLoopBackOff"
    assert [len(node["children"]) for node in nodes] == [1, 2, 0, 0]


@pytest.mark.usefixtures("replica_set")
@pytest.mark.parametrize("depth", [0, 1, 2])
async def test_the_depth_is_limited(gateway: GatewayProcess, namespace: str, depth: int) -> None:
    nodes = (await gateway.data(QUERY, {"n": namespace, "depth": depth}))["tree"]
    assert shape(nodes) == [item for item in WHOLE if item[0] <= depth]


@pytest.mark.usefixtures("replica_set")
async def test_a_selection_with_resolvers_gives_the_same_tree(
    gateway: GatewayProcess, namespace: str
) -> None:
    query = """query($n: String!, $yaml: Boolean!) { tree(kind: "Deployment", name: "web", namespace: $n) {
      __typename d: depth worst h: health { s: status __typename }
      o: object { yaml @include(if: $yaml) metadata { name } ... on Pod { spec { containers { name } } } }
      children { worst o: object { kind } children { depth } } } }"""
    compiled, executed = [
        (await gateway.data(query, {"n": namespace, "yaml": yaml}))["tree"] for yaml in (False, True)
    ]
    for node in executed:
        assert f"name: {node['o']['metadata']['name']}" in node["o"].pop("yaml")
    assert compiled == executed
    assert compiled[2]["o"]["spec"]["containers"][0] == {"name": "main"}


async def test_owners_that_own_each_other_appear_once(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    api, path = backend.api(), core("configmaps", namespace)
    maps = [api.create(path, {"metadata": {"name": name}}) for name in ("a", "b")]
    for own, other in (maps, maps[::-1]):
        references = [owner(other, "ConfigMap", "v1"), owner(own, "ConfigMap", "v1")]
        api.merge(f"{path}/{own['metadata']['name']}", {"metadata": {"ownerReferences": references}})
    query = f"""query($n: String!) {{
      tree(apiVersion: "v1", kind: "ConfigMap", name: "b", namespace: $n) {{ {NODE} }} }}"""
    nodes = (await gateway.data(query, {"n": namespace}))["tree"]
    assert shape(nodes) == [(0, "ConfigMap", "b"), (1, "ConfigMap", "a")]


async def test_mistakes(gateway: GatewayProcess, namespace: str) -> None:
    async def code(arguments: str) -> str:
        error = await gateway.error(f"{{ tree({arguments}) {{ depth }} }}")
        return str(error["extensions"]["code"])

    assert await code(f'kind: "Deployment", name: "absent", namespace: "{namespace}"') == "NOT_FOUND"
    assert await code('kind: "Nothing", name: "x"') == "BAD_REQUEST"
    assert await code('kind: "Pod", apiVersion: "apps/v1", name: "x"') == "BAD_REQUEST"
    assert await code('kind: "Pod", name: "x", depth: -1') == "BAD_REQUEST"


@pytest.mark.usefixtures("replica_set")
async def test_each_kind_is_listed_once_at_most(tapped_gateway: TappedGateway, namespace: str) -> None:
    query = """query($n: String!) { tree(kind: "Deployment", name: "web", namespace: $n) {
      worst object { metadata { name } } } }"""
    tapped_gateway.tap.requests.clear()
    nodes = (await tapped_gateway.gateway.data(query, {"n": namespace}))["tree"]
    assert len(nodes) == 4
    targets = [request.target for request in tapped_gateway.tap.requests]
    lists = [target for target in targets if f"/namespaces/{namespace}/" in target]
    assert len(lists) == len(set(lists))
    accept = {request.target.rpartition("/")[2]: request.accept for request in tapped_gateway.tap.requests}
    assert "PartialObjectMetadata" in accept["secrets"]
    assert "PartialObjectMetadata" not in accept["pods"]
    assert not any(target.endswith("/events") for target in targets)


@pytest.mark.usefixtures("replica_set")
async def test_a_subscription_follows_the_tree(
    gateway: GatewayProcess, backend: Backend, namespace: str, replica_set: dict[str, Any]
) -> None:
    api = backend.api()
    query = f"""subscription($n: String!) {{
      tree(kind: "Deployment", name: "web", namespace: $n) {{ {NODE} }} }}"""
    async with gateway.subscribe(query, {"n": namespace}) as events:

        async def nodes() -> list[dict[str, Any]]:
            result = await events.result()
            assert "errors" not in result
            found: list[dict[str, Any]] = result["data"]["tree"]
            return found

        assert shape(await nodes()) == WHOLE
        # neither changes the answer: an unrelated object, and a field that is not selected
        api.create(core("configmaps", namespace), {"metadata": {"name": "unrelated"}})
        api.merge(core("pods", namespace, "web-1-a"), {"metadata": {"labels": {"some": "label"}}})
        api.merge(core("pods", namespace, "web-1-a", "status"), {"status": CRASHED})
        changed = await nodes()
        assert shape(changed) == WHOLE
        assert changed[0]["worst"] == "FAILED"
        create_pod(api, namespace, "web-1-c", [owner(replica_set, "ReplicaSet")], READY)
        while (grown := await nodes()) and grown[-1]["health"]["status"] != "CURRENT":
            assert shape(grown)[-1] == (2, "Pod", "web-1-c")
        assert shape(grown) == [*WHOLE, (2, "Pod", "web-1-c")]
        api.delete(core("pods", namespace, "web-1-c"))
        while len(shape(shrunk := await nodes())) > len(WHOLE):
            pass
        assert shape(shrunk) == WHOLE


async def test_a_subscription_to_a_root_that_does_not_exist_yet(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    query = """subscription($n: String!) { tree(kind: "ConfigMap", name: "later", namespace: $n) {
      object { yaml } } }"""
    async with gateway.subscribe(query, {"n": namespace}) as events:
        assert (await events.result())["data"]["tree"] == []
        backend.api().create(core("configmaps", namespace), {"metadata": {"name": "later"}})
        assert "name: later" in (await events.result())["data"]["tree"][0]["object"]["yaml"]


@pytest.fixture
def callers(backend: Backend, tmp_path: Path, namespace: str) -> Iterator[GatewayProcess]:
    """A gateway that acts as its callers; bob may read the namespace's deployments, replica sets and pods."""
    if not backend.is_real:
        pytest.skip("the demo has no RBAC")
    api = backend.api()
    name, verbs = f"bob-{namespace}", ["get", "list", "watch"]
    rule = {
        "apiGroups": ["", "apps"],
        "resources": ["deployments", "replicasets", "pods"],
        "verbs": verbs,
    }
    grant(api, name, "bob", rule, namespace=namespace)
    path = core("pods", namespace)
    wait_until(lambda: backend.api("bob").request("GET", path).is_success, "bob's role to take effect")
    with start_gateway(tmp_path, "--kubeconfig", str(backend.kubeconfig), "--auth", "passthrough") as started:
        yield started


@pytest.mark.usefixtures("replica_set")
async def test_kinds_that_the_caller_may_not_list_are_left_out_and_named(
    callers: GatewayProcess, namespace: str
) -> None:
    answer = await callers.execute(QUERY, {"n": namespace}, headers=bearer("bob"))
    assert "errors" not in answer
    assert shape(answer["data"]["tree"]) == WHOLE
    left_out = {
        (item["apiVersion"], item["kind"]): item["code"] for item in answer["extensions"]["leftOut"]["tree"]
    }
    assert left_out["v1", "Secret"] == "FORBIDDEN"
    assert not {("apps/v1", "Deployment"), ("apps/v1", "ReplicaSet"), ("v1", "Pod")} & left_out.keys()


async def test_a_root_that_the_caller_may_not_read(callers: GatewayProcess, namespace: str) -> None:
    error = await callers.error(QUERY, {"n": namespace}, headers=bearer("alice"))
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert error["path"] == ["tree"]


@pytest.mark.usefixtures("replica_set")
async def test_a_subscription_with_the_rights_of_the_caller(
    callers: GatewayProcess, backend: Backend, namespace: str
) -> None:
    query = f"""subscription($n: String!) {{
      tree(kind: "Deployment", name: "web", namespace: $n) {{ {NODE} }} }}"""
    async with callers.subscribe(query, {"n": namespace}, headers=bearer("alice")) as events:
        assert (await events.errors())[0]["extensions"]["code"] == "FORBIDDEN"
    async with callers.subscribe(query, {"n": namespace}, headers=bearer("bob")) as events:
        first = await events.result()
        assert shape(first["data"]["tree"]) == WHOLE
        assert "Secret" in [item["kind"] for item in first["extensions"]["leftOut"]["tree"]]
        backend.api().merge(core("pods", namespace, "web-1-a", "status"), {"status": CRASHED})
        assert (await events.result())["data"]["tree"][0]["worst"] == "FAILED"
