"""Paging: ``allPages`` follows the continue tokens, and an expired token brings a new one."""

from typing import Any

import pytest

from tests.fixtures.api import core, pod
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.gateways import GatewayProcess

TEAM_0 = 'namespace: "team-0"'
PAGE = """query($token: String) { pods(namespace: "team-0", limit: 2, continue: $token) {
  metadata { continue resourceVersion } items { metadata { name } } } }"""
SELECTED = "{ items { metadata { name } } }"
NAMES = ["app-0-00000", "app-0-00004", "app-0-00008", "app-2-00002", "app-2-00006"]


def names(answer: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in answer["items"]]


@pytest.mark.parametrize("limit", ["", ", limit: 2", ", limit: 0", ", limit: 1000"])
@pytest.mark.parametrize(
    "selection", ["metadata { name }", "metadata { name } spec { nodeName }", "json metadata { name }"]
)
async def test_all_pages_are_joined_into_one_list(
    gateway: GatewayProcess, limit: str, selection: str
) -> None:
    query = "{ pods(%s) { kind metadata { resourceVersion continue remainingItemCount } items { %s } } }"
    answer = (await gateway.data(query % (f"{TEAM_0}, allPages: true{limit}", selection)))["pods"]
    whole = (await gateway.data(query % (TEAM_0, selection)))["pods"]

    assert names(answer) == NAMES
    assert answer["items"] == whole["items"]
    assert answer["kind"] == "PodList"
    assert answer["metadata"]["continue"] is None
    assert answer["metadata"]["remainingItemCount"] is None
    assert int(answer["metadata"]["resourceVersion"]) > 0


async def test_limit_is_the_page_size_of_all_pages(tapped_gateway: TappedGateway) -> None:
    query = f"{{ pods({TEAM_0}, allPages: true, limit: 2) {{ items {{ status {{ phase }} }} }} }}"
    await tapped_gateway.gateway.data(query)
    pages = [request.target for request in tapped_gateway.tap.requests if "/team-0/pods" in request.target]
    assert len(pages) == 3
    assert all("limit=2" in page for page in pages)
    assert ["continue=" in page for page in pages] == [False, True, True]


def expire_tokens(backend: Backend, namespace: str) -> None:
    """Write an object and compact the older revisions, as kube-apiserver does every five minutes."""
    backend.api().create(core("pods", namespace), pod("later", labels={}))
    backend.forget()


async def test_an_expired_token_is_gone_with_a_fresh_one(
    backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    first = (await gateway.data(PAGE))["pods"]
    expired = first["metadata"]["continue"]
    expire_tokens(backend, namespace)

    error = await gateway.error(PAGE, {"token": expired})

    assert error["extensions"]["code"] == "GONE"
    assert error["extensions"]["kubernetes"]["reason"] == "Expired"
    assert "too old" in error["message"]
    assert "extensions.continue" in error["message"]
    fresh = error["extensions"]["continue"]
    query = f"query($t: String) {{ pods({TEAM_0}, continue: $t, allPages: true, limit: 2) {SELECTED} }}"
    rest = (await gateway.data(query, {"t": fresh}))["pods"]
    assert [*names(first), *names(rest)] == NAMES
    # a token from the caller is not replaced silently, not even with allPages
    assert (await gateway.error(query, {"t": expired}))["extensions"]["code"] == "GONE"
