"""Cached reads need the caller's own rights: identities do not share informers."""

from collections.abc import Iterator

import pytest

from tests.fixtures.api import bearer, core, let_see_pods, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.waiting import eventually, wait_until

WATCH = "subscription($n: String) { pods(namespace: $n) { type object { spec { nodeName } } } }"
CACHED = 'query($n: String) { pods(namespace: $n, resourceVersion: "0") { items { metadata { name } } } }'


@pytest.fixture(scope="module")
def passthrough(
    seeded_cluster: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    directory = tmp_path_factory.mktemp("passthrough")
    options = ("--kubeconfig", str(seeded_cluster.kubeconfig), "--auth", "passthrough")
    with start_gateway(directory, *options) as started:
        yield started


@pytest.mark.cluster
async def test_an_informer_serves_its_own_identity_only(passthrough: GatewayProcess) -> None:
    async with passthrough.subscribe(WATCH, headers=bearer("admin")) as stream:
        await stream.until(lambda event: event["type"] == "SYNCED")

        admins = await passthrough.data(CACHED, headers=bearer("admin"))
        bobs = await passthrough.data(CACHED, {"n": "team-1"}, headers=bearer("bob"))
        for user, namespace in (("alice", "team-1"), ("bob", "team-0"), ("bob", None)):
            error = await passthrough.error(CACHED, {"n": namespace}, headers=bearer(user))
            assert error["extensions"]["code"] == "FORBIDDEN"
            assert user in error["message"]

    assert len(admins["pods"]["items"]) >= 10
    assert len(bobs["pods"]["items"]) == 5


@pytest.mark.cluster
async def test_a_revoked_right_ends_cached_reads_while_the_watch_continues(
    seeded_cluster: Backend, passthrough: GatewayProcess
) -> None:
    api, namespace = seeded_cluster.api(), "revoked"
    api.create(core("namespaces"), {"metadata": {"name": namespace}})
    api.create(core("pods", namespace), pod("seen", labels={}))
    binding = let_see_pods(api, "alice", namespace)
    pods = core("pods", namespace)
    wait_until(
        lambda: seeded_cluster.api("alice").request("GET", pods).is_success, "alice's role to take effect"
    )
    async with passthrough.subscribe(WATCH, {"n": namespace}, headers=bearer("alice")) as stream:
        await stream.until(lambda event: event["type"] == "SYNCED")
        data = await passthrough.data(CACHED, {"n": namespace}, headers=bearer("alice"))
        assert [item["metadata"]["name"] for item in data["pods"]["items"]] == ["seen"]

        api.delete(binding)

        async def refused() -> bool:
            answer = await passthrough.execute(CACHED, {"n": namespace}, headers=bearer("alice"))
            return [error["extensions"]["code"] for error in answer.get("errors", [])] == ["FORBIDDEN"]

        await eventually(refused, "the revocation to take effect")
