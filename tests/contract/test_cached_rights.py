"""Cached reads show nobody what the API server would not: one identity's informer, and its own rights."""

from collections.abc import Iterator

import pytest

from tests.fixtures.api import API, core, grouped, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.waiting import eventually, wait_until

WATCH = "subscription($n: String) { pods(namespace: $n) { type object { spec { nodeName } } } }"
CACHED = 'query($n: String) { pods(namespace: $n, resourceVersion: "0") { items { metadata { name } } } }'
RBAC = "rbac.authorization.k8s.io"


def bearer(user: str) -> dict[str, dict[str, str]]:
    return {"headers": {"authorization": f"Bearer {user}-token"}}


@pytest.fixture(scope="module")
def passthrough(
    seeded_cluster: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    directory = tmp_path_factory.mktemp("passthrough")
    options = ("--kubeconfig", str(seeded_cluster.kubeconfig), "--auth", "passthrough")
    with start_gateway(directory, *options) as started:
        yield started


@pytest.mark.cluster
async def test_nobody_reads_from_the_informer_of_somebody_else(passthrough: GatewayProcess) -> None:
    async with passthrough.subscribe(WATCH, **bearer("admin")) as stream:
        await stream.until(lambda event: event["type"] == "SYNCED")

        mine = await passthrough.data(CACHED, **bearer("admin"))
        of_bob = await passthrough.data(CACHED, {"n": "team-1"}, **bearer("bob"))
        for user, namespace in (("alice", "team-1"), ("bob", "team-0"), ("bob", None)):
            error = await passthrough.error(CACHED, {"n": namespace}, **bearer(user))
            assert error["extensions"]["code"] == "FORBIDDEN"
            assert user in error["message"]

    assert len(mine["pods"]["items"]) >= 10
    assert len(of_bob["pods"]["items"]) == 5


def let_alice_see(api: API, namespace: str) -> str:
    """Alice may see the pods of the namespace; the path of what lets her."""
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    api.create(grouped(f"{RBAC}/v1", "roles", namespace), {"metadata": {"name": "sees"}, "rules": [rule]})
    binding = {
        "metadata": {"name": "alice-sees"},
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "sees"},
        "subjects": [{"kind": "User", "name": "alice", "apiGroup": RBAC}],
    }
    api.create(grouped(f"{RBAC}/v1", "rolebindings", namespace), binding)
    return grouped(f"{RBAC}/v1", "rolebindings", namespace, "alice-sees")


@pytest.mark.cluster
async def test_a_right_that_is_revoked_ends_cached_reads_though_the_watch_goes_on(
    seeded_cluster: Backend, passthrough: GatewayProcess
) -> None:
    api, namespace = seeded_cluster.api(), "revoked"
    api.create(core("namespaces"), {"metadata": {"name": namespace}})
    api.create(core("pods", namespace), pod("seen", labels={}))
    binding = let_alice_see(api, namespace)
    pods = core("pods", namespace)
    wait_until(lambda: seeded_cluster.api("alice").request("GET", pods).is_success, "alice's role")
    async with passthrough.subscribe(WATCH, {"n": namespace}, **bearer("alice")) as stream:
        await stream.until(lambda event: event["type"] == "SYNCED")
        data = await passthrough.data(CACHED, {"n": namespace}, **bearer("alice"))
        assert [item["metadata"]["name"] for item in data["pods"]["items"]] == ["seen"]

        api.delete(binding)

        async def refused() -> bool:
            answer = await passthrough.execute(CACHED, {"n": namespace}, **bearer("alice"))
            return [error["extensions"]["code"] for error in answer.get("errors", [])] == ["FORBIDDEN"]

        await eventually(refused, "the revoked right to be noticed")
