"""``--introspection``: who may ask for the schema. The demo accepts every token."""

from collections.abc import Iterator

import pytest

from tests.fixtures.api import bearer
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway

SCHEMA = "{ __schema { queryType { name } } }"
ONE_TYPE = '{ __typename ...F } fragment F on Query { __type(name: "Pod") { name } }'
MISTAKE = "{ pos { kind } }"
MENTION = '{ version { gitVersion } pods(labelSelector: "a!=my__schema") { items { kind } } }'


@pytest.fixture(scope="module", params=["on", "authenticated", "off"])
def gateway(
    request: pytest.FixtureRequest, demo_cluster: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, GatewayProcess]]:
    directory = tmp_path_factory.mktemp(request.param)
    options = ["--kubeconfig", str(demo_cluster.kubeconfig), "--auth", "passthrough"]
    with start_gateway(directory, *options, "--introspection", request.param) as started:
        yield request.param, started


async def test_introspection_follows_the_setting(gateway: tuple[str, GatewayProcess]) -> None:
    mode, process = gateway
    for query in (SCHEMA, ONE_TYPE):
        answer = await process.execute(query, headers=bearer("alice"))
        codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
        assert codes == (["FORBIDDEN"] if mode == "off" else [])
        assert ("data" in answer) is (mode != "off")
        async with process.socket(params=bearer("alice")) as socket:
            message = await socket.message((await socket.subscribe(query)).id)
            assert message["type"] == ("error" if mode == "off" else "next")


async def test_only_introspection_is_public_and_only_if_it_is_on(gateway: tuple[str, GatewayProcess]) -> None:
    mode, process = gateway
    for headers in ({}, bearer("mallory"), {"authorization": "Basic YTpi"}):
        for query in (SCHEMA, ONE_TYPE):
            response = await process.request("POST", "/graphql", json={"query": query}, headers=headers)
            assert response.status_code == (200 if mode == "on" else 401)
            assert ("data" in response.json()) is (mode == "on")
        for query in ("{ __typename }", MISTAKE, f"{{ version {{ major }} {SCHEMA[1:]}", "{ __schema {"):
            response = await process.request("POST", "/graphql", json={"query": query}, headers=headers)
            assert response.status_code == 401, query
            assert "data" not in response.json()
    response = await process.request("GET", "/graphql", params={"query": SCHEMA})
    assert response.status_code == (200 if mode == "on" else 401)


async def test_suggestions_reveal_names_unless_it_is_off(gateway: tuple[str, GatewayProcess]) -> None:
    mode, process = gateway
    error = await process.error(MISTAKE, headers=bearer("alice"))
    assert error["message"].startswith("Cannot query field 'pos' on type 'Query'.")
    assert ("Did you mean" in error["message"]) is (mode != "off")


async def test_a_mention_of_the_schema_is_no_introspection(gateway: tuple[str, GatewayProcess]) -> None:
    assert (await gateway[1].data(MENTION, headers=bearer("alice")))["version"]["gitVersion"]


async def test_the_schema_file_follows_the_setting(gateway: tuple[str, GatewayProcess]) -> None:
    mode, process = gateway
    expected = {"on": (200, 200, 200), "authenticated": (200, 401, 401), "off": (403, 403, 401)}[mode]
    statuses = [
        (await process.request("GET", "/schema.graphql", headers=headers)).status_code
        for headers in (bearer("alice"), bearer("mallory"), {})
    ]
    assert tuple(statuses) == expected
