"""The same subscription in every protocol: equal events, and the subscriber ends with its client."""

import asyncio
from typing import Any

import pytest

from tests.fixtures.api import core, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.metrics import scrape
from tests.fixtures.protocols import PROTOCOLS, TOKEN, Opening
from tests.fixtures.waiting import DEADLINE, eventually

QUERY = "subscription($n: String) { pods(namespace: $n) { type object { metadata { name } } } }"


async def subscribers(gateway: GatewayProcess) -> float:
    return (await scrape(gateway))["kube_graphql_subscribers"]


@pytest.mark.parametrize("opening", PROTOCOLS)
async def test_every_protocol_has_the_same_events_and_ends_with_its_client(
    gateway: GatewayProcess, backend: Backend, namespace: str, opening: Opening
) -> None:
    pods = core("pods", namespace)
    backend.api().create(pods, pod("first", labels={}))
    before = await subscribers(gateway)
    request = {"query": QUERY, "variables": {"n": namespace}}
    async with asyncio.timeout(DEADLINE), opening(gateway, request) as results:
        assert await anext(results) == added("first")
        assert await anext(results) == {"data": {"pods": {"type": "SYNCED", "object": None}}}
        assert await subscribers(gateway) >= 1
        backend.api().create(pods, pod("second", labels={}))
        assert await anext(results) == added("second")

    async def ended() -> bool:
        return await subscribers(gateway) <= before

    await eventually(ended, "the subscription to end with its client")


@pytest.mark.parametrize("query", ["{ nothing }", "{", "subscription { pods(nothing: 1) { type } }"])
async def test_an_invalid_operation_is_refused_in_single_connection_mode(
    gateway: GatewayProcess, query: str
) -> None:
    token = {TOKEN: (await gateway.request("PUT", "/graphql")).text}
    body = {"query": query, "extensions": {"operationId": "1"}}
    refused = await gateway.request("POST", "/graphql", json=body, headers=token)
    assert refused.status_code == 400
    assert [error["extensions"]["code"] for error in refused.json()["errors"]] == ["BAD_REQUEST"]


def added(name: str) -> dict[str, Any]:
    return {"data": {"pods": {"type": "ADDED", "object": {"metadata": {"name": name}}}}}
