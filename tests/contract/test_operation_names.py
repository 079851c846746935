"""Which of several operations runs: the one that is named, else none (GraphQL, 6.1, GetOperation)."""

import asyncio
from typing import Any

import pytest

from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.protocols import PROTOCOLS, TOKEN, Opening, shared_events
from tests.fixtures.waiting import DEADLINE

UNNAMED = "Must provide operation name if query contains multiple operations."
DOCUMENT = """
    subscription A { pods(namespace: "nowhere") { type } }
    subscription B { configMaps(namespace: "nowhere") { type } }
"""
QUERIES = "query A { __typename } query B { version { gitVersion } }"
JSON, GRAPHQL_RESPONSE = "application/json", "application/graphql-response+json"

REFUSED = pytest.mark.parametrize(
    ("name", "message"),
    [(None, UNNAMED), ("C", 'Unknown operation named "C".')],
    ids=["no name", "a name that none has"],
)


def request(document: str, name: str | None) -> dict[str, Any]:
    return {"query": document} if name is None else {"query": document, "operationName": name}


def refusal(message: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": "BAD_REQUEST"}}]}


@REFUSED
@pytest.mark.parametrize(("media_type", "status"), [(JSON, 200), (GRAPHQL_RESPONSE, 400)])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_none_runs_in_one_request(
    gateway: GatewayProcess, method: str, media_type: str, status: int, name: str | None, message: str
) -> None:
    how = "params" if method == "GET" else "json"
    arguments: dict[str, Any] = {how: request(QUERIES, name), "headers": {"accept": media_type}}
    response = await gateway.request(method, "/graphql", **arguments)
    assert (response.status_code, response.json()) == (status, refusal(message))


@REFUSED
@pytest.mark.parametrize("opening", [item for item in PROTOCOLS if item is not shared_events])
async def test_none_runs_in_any_protocol(
    gateway: GatewayProcess, opening: Opening, name: str | None, message: str
) -> None:
    async with asyncio.timeout(DEADLINE), opening(gateway, request(DOCUMENT, name)) as results:
        answer = await anext(results)
    assert answer["errors"] == refusal(message)["errors"]
    assert answer.get("data") is None


@REFUSED
async def test_none_runs_in_single_connection_mode(
    gateway: GatewayProcess, name: str | None, message: str
) -> None:
    token = {TOKEN: (await gateway.request("PUT", "/graphql")).text}
    body = {**request(DOCUMENT, name), "extensions": {"operationId": "1"}}
    response = await gateway.request("POST", "/graphql", json=body, headers=token)
    assert (response.status_code, response.json()) == (400, refusal(message))


@pytest.mark.parametrize("opening", PROTOCOLS)
async def test_the_one_that_is_named_runs(gateway: GatewayProcess, opening: Opening) -> None:
    async with asyncio.timeout(DEADLINE), opening(gateway, request(DOCUMENT, "B")) as results:
        assert await anext(results) == {"data": {"configMaps": {"type": "SYNCED"}}}


async def test_the_only_one_needs_no_name(gateway: GatewayProcess) -> None:
    assert await gateway.data("query Only { __typename } ") == {"__typename": "Query"}


async def test_a_document_without_any_runs_nothing(gateway: GatewayProcess) -> None:
    answer = await gateway.execute("fragment F on Query { __typename }")
    assert answer == refusal("Must provide an operation.")


async def test_what_multipart_responses_do_not_carry_is_the_clients_mistake(gateway: GatewayProcess) -> None:
    parts = PROTOCOLS[-1]
    async with asyncio.timeout(DEADLINE), parts(gateway, {"query": "{ __typename }"}) as results:
        assert (await anext(results))["errors"] == refusal("queries are not allowed")["errors"]
