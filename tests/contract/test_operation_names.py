"""Operation names: only the named operation of a document runs (GraphQL, 6.1, GetOperation).

Covers ``gateway/execution/extensions.py``.
"""

import asyncio
from typing import Any

import pytest

from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.protocols import PROTOCOLS, TOKEN, Opening, shared_events
from tests.fixtures.waiting import DEADLINE

NAME_REQUIRED = "Must provide operation name if query contains multiple operations."
DOCUMENT = """
    subscription A { pods(namespace: "nowhere") { type } }
    subscription B { configMaps(namespace: "nowhere") { type } }
"""
QUERIES = "query A { __typename } query B { version { gitVersion } }"
JSON, GRAPHQL_RESPONSE = "application/json", "application/graphql-response+json"

REFUSED = pytest.mark.parametrize(
    ("name", "message"),
    [(None, NAME_REQUIRED), ("C", 'Unknown operation named "C".')],
    ids=["no name", "unknown name"],
)


def request(document: str, name: str | None) -> dict[str, Any]:
    return {"query": document} if name is None else {"query": document, "operationName": name}


def refusal(message: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": "BAD_REQUEST"}}]}


@REFUSED
@pytest.mark.parametrize(("media_type", "status"), [(JSON, 200), (GRAPHQL_RESPONSE, 400)])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_ambiguous_request_over_http_is_refused(
    gateway: GatewayProcess, method: str, media_type: str, status: int, name: str | None, message: str
) -> None:
    argument = "params" if method == "GET" else "json"
    arguments: dict[str, Any] = {argument: request(QUERIES, name), "headers": {"accept": media_type}}
    response = await gateway.request(method, "/graphql", **arguments)
    assert (response.status_code, response.json()) == (status, refusal(message))


@REFUSED
@pytest.mark.parametrize("opening", [opening for opening in PROTOCOLS if opening is not shared_events])
async def test_an_ambiguous_request_is_refused_in_every_protocol(
    gateway: GatewayProcess, opening: Opening, name: str | None, message: str
) -> None:
    async with asyncio.timeout(DEADLINE), opening(gateway, request(DOCUMENT, name)) as results:
        answer = await anext(results)
    assert answer["errors"] == refusal(message)["errors"]
    assert answer.get("data") is None


@REFUSED
async def test_an_ambiguous_request_is_refused_in_single_connection_mode(
    gateway: GatewayProcess, name: str | None, message: str
) -> None:
    token = {TOKEN: (await gateway.request("PUT", "/graphql")).text}
    body = {**request(DOCUMENT, name), "extensions": {"operationId": "1"}}
    response = await gateway.request("POST", "/graphql", json=body, headers=token)
    assert (response.status_code, response.json()) == (400, refusal(message))


@pytest.mark.parametrize("opening", PROTOCOLS)
async def test_the_named_operation_runs(gateway: GatewayProcess, opening: Opening) -> None:
    async with asyncio.timeout(DEADLINE), opening(gateway, request(DOCUMENT, "B")) as results:
        assert await anext(results) == {"data": {"configMaps": {"type": "SYNCED"}}}


async def test_a_single_operation_needs_no_name(gateway: GatewayProcess) -> None:
    assert await gateway.data("query Only { __typename } ") == {"__typename": "Query"}


async def test_a_document_without_operations_is_refused(gateway: GatewayProcess) -> None:
    answer = await gateway.execute("fragment F on Query { __typename }")
    assert answer == refusal("Must provide an operation.")


async def test_a_query_with_a_multipart_accept_header_is_answered_with_json(gateway: GatewayProcess) -> None:
    headers = {"Accept": 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0",application/json'}
    response = await gateway.request("POST", "/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert response.headers["content-type"].startswith("application/json")
    assert response.json() == {"data": {"__typename": "Query"}}
