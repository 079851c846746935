"""The endpoint over HTTP and websockets: GraphiQL, queries and their failures."""

import pytest
from websockets.exceptions import ConnectionClosed

from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.graphql_ws import open_socket

QUERY = '{ pod(name: "app-0-00000", namespace: "team-0") { metadata { name } } }'
ANSWER = {"data": {"pod": {"metadata": {"name": "app-0-00000"}}}}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


async def test_a_browser_gets_graphiql(gateway: GatewayProcess) -> None:
    response = await gateway.request("GET", "/graphql", headers={"accept": BROWSER})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "graphiql" in response.text.lower()


async def test_a_query_by_post(gateway: GatewayProcess) -> None:
    response = await gateway.request("POST", "/graphql", json={"query": QUERY})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/json")
    assert response.json() == ANSWER


async def test_a_query_by_get(gateway: GatewayProcess) -> None:
    response = await gateway.request("GET", "/graphql", params={"query": QUERY})
    assert (response.status_code, response.json()) == (200, ANSWER)


async def test_a_mutation_by_get_is_refused(gateway: GatewayProcess) -> None:
    mutation = (
        'mutation { patchPod(name: "app-0-00000", namespace: "team-0", patch: {metadata: {}}) { kind } }'
    )
    response = await gateway.request("GET", "/graphql", params={"query": mutation})
    assert response.status_code in (400, 405)


async def test_the_response_media_type_is_negotiated(gateway: GatewayProcess) -> None:
    accept = {"accept": "application/graphql-response+json"}
    response = await gateway.request("POST", "/graphql", json={"query": QUERY}, headers=accept)
    assert response.headers["content-type"].startswith("application/graphql-response+json")
    assert response.json() == ANSWER
    response = await gateway.request("POST", "/graphql", json={"query": "{ nonsense"}, headers=accept)
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ('{"query": 1}', "application/json", 400),
        ("query=%7B__typename%7D", "application/x-www-form-urlencoded", 415),
    ],
)
async def test_a_malformed_request_is_refused(
    gateway: GatewayProcess, content: str, media_type: str, status: int
) -> None:
    response = await gateway.request(
        "POST", "/graphql", content=content, headers={"content-type": media_type}
    )
    assert response.status_code == status


@pytest.mark.parametrize(
    "query", ["{ nonsense", "{ nonsense }", "{ pods { items { nonsense } } }", "{ pods }"]
)
async def test_an_invalid_document_has_no_data_and_an_error_code(gateway: GatewayProcess, query: str) -> None:
    answer = await gateway.execute(query)
    assert answer.get("data") is None
    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_variables_and_operation_names(gateway: GatewayProcess) -> None:
    query = """query One($name: String!) { pod(name: $name, namespace: "team-0") { metadata { name } } }
               query Two { version { gitVersion } }"""
    body = {"query": query, "variables": {"name": "app-0-00000"}, "operationName": "One"}
    response = await gateway.request("POST", "/graphql", json=body)
    assert response.json() == ANSWER


async def test_the_health_endpoints_succeed(gateway: GatewayProcess) -> None:
    for path in ("/livez", "/readyz"):
        assert (await gateway.request("GET", path)).status_code == 200


async def test_queries_run_over_a_websocket(gateway: GatewayProcess) -> None:
    async with gateway.subscribe(QUERY) as stream:
        assert await stream.result() == ANSWER


async def test_operations_before_connection_init_close_the_websocket(gateway: GatewayProcess) -> None:
    async with open_socket(gateway.socket_url) as socket:
        await socket.subscribe(QUERY)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


async def test_an_unknown_field_ends_a_websocket_operation_with_an_error(gateway: GatewayProcess) -> None:
    async with gateway.socket() as socket:
        stream = await socket.subscribe("subscription { nonsense { type } }")
        message = await socket.message(stream.id)
        assert message["type"] == "error"
        other = await socket.subscribe(QUERY)
        assert await other.result() == ANSWER
