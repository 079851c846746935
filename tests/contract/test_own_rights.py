"""The caller and its rights: ``whoAmI``, ``can`` and ``canAll``."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.api import bearer, bearer_token, core, fetch_token
from tests.fixtures.backends import Backend, TappedGateway, write_kubeconfig
from tests.fixtures.gateways import start_gateway

WHO = "{ whoAmI { username groups uid extra } }"
CAN_ALL = "query($checks: [AccessCheck!]!) { canAll(checks: $checks) }"
PODS = [{"verb": verb, "resource": "pods", "namespace": "team-1"} for verb in ("list", "watch", "create")]


@pytest.fixture
def passthrough(backend: Backend, tmp_path: Path) -> Iterator[TappedGateway]:
    with backend.tapped() as tap:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", tap.url)
        options = ("--kubeconfig", str(kubeconfig), "--auth", "passthrough", "--max-upstream-requests", "5")
        with start_gateway(tmp_path / "gateway", *options) as gateway:
            yield TappedGateway(gateway, tap)


async def test_the_caller_is_the_user_of_the_token(passthrough: TappedGateway, backend: Backend) -> None:
    caller = (await passthrough.gateway.data(WHO, headers=bearer("bob")))["whoAmI"]
    assert caller["username"] == "bob"
    assert "system:authenticated" in caller["groups"]
    if backend.is_real:
        assert caller["uid"] == "bob"
    error = await passthrough.gateway.error(WHO, headers=bearer("mallory"))
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.cluster
async def test_the_caller_has_what_the_authenticator_adds(seeded_cluster: Backend, tmp_path: Path) -> None:
    api = seeded_cluster.api()
    api.create(core("serviceaccounts", "team-1"), {"metadata": {"name": "curious"}})
    token = fetch_token(api, "team-1", "curious")
    options = ("--kubeconfig", str(seeded_cluster.kubeconfig), "--auth", "passthrough")
    with start_gateway(tmp_path, *options) as gateway:
        caller = (await gateway.data(WHO, headers=bearer_token(token)))["whoAmI"]
    assert caller["username"] == "system:serviceaccount:team-1:curious"
    assert "authentication.kubernetes.io/credential-id" in caller["extra"]


async def test_many_checks_are_answered_in_their_order(passthrough: TappedGateway, backend: Backend) -> None:
    checks = [*PODS, PODS[0], {"verb": "delete", "group": "apps", "resource": "deployments", "name": "a"}]
    answer = await passthrough.gateway.data(CAN_ALL, {"checks": checks}, headers=bearer("bob"))
    expected = [True, True, False, True, False] if backend.is_real else [True] * 5
    assert answer["canAll"] == expected
    assert (await passthrough.gateway.data(CAN_ALL, {"checks": []}, headers=bearer("bob")))["canAll"] == []


async def test_an_empty_verb_is_answered_as_by_can(passthrough: TappedGateway) -> None:
    can = '{ can(verb: "", resource: "pods") { allowed } }'
    allowed = (await passthrough.gateway.data(can, headers=bearer("bob")))["can"]["allowed"]
    checks = [{"verb": "", "resource": "pods"}]
    answer = await passthrough.gateway.data(CAN_ALL, {"checks": checks}, headers=bearer("bob"))
    assert answer["canAll"] == [allowed]


def reviews(passthrough: TappedGateway) -> int:
    """The access reviews so far; the first request of a caller causes one that checks its token."""
    return len([item for item in passthrough.tap.requests if "accessreviews" in item.target])


async def test_equal_and_recent_checks_cause_no_review(passthrough: TappedGateway) -> None:
    await passthrough.gateway.data("{ __typename }", headers=bearer("admin"))
    before = reviews(passthrough)
    for _ in range(3):
        answer = await passthrough.gateway.data(CAN_ALL, {"checks": PODS * 50}, headers=bearer("admin"))
        assert answer["canAll"] == [True] * 150
    assert reviews(passthrough) == before + 3


async def test_checks_count_as_upstream_requests(passthrough: TappedGateway) -> None:
    await passthrough.gateway.data("{ __typename }", headers=bearer("admin"))
    before = reviews(passthrough)
    checks = [{"verb": "get", "resource": "pods", "name": f"pod-{number}"} for number in range(6)]
    answer = await passthrough.gateway.execute(CAN_ALL, {"checks": checks}, headers=bearer("admin"))
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["QUERY_TOO_COMPLEX"]
    assert reviews(passthrough) == before


async def test_a_check_that_fails_is_an_error(passthrough: TappedGateway) -> None:
    error = await passthrough.gateway.error(CAN_ALL, {"checks": PODS}, headers=bearer("mallory"))
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
