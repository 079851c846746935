"""Limits hold on every transport: each refusal names the limit and its value, and nothing is executed."""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from graphql import get_introspection_query
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.typing import Subprotocol

from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.protocols import PROTOCOLS, TOKEN, Opening
from tests.fixtures.waiting import DEADLINE, eventually

OPTIONS = [
    *("--max-document", "10000", "--max-tokens", "3000", "--max-depth", "8", "--max-aliases", "20"),
    *("--max-values", "500", "--max-subscriptions-per-identity", "3", "--max-pending-connections", "2"),
    *("--connection-init-timeout", "3"),
]
DOUBLED = " ".join(f"fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(199))
FRAGMENTS = "200 fragments, each spread twice"
HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "10,000 aliases": (
        {"query": "{" + " ".join(f"a{i}: version {{ major }}" for i in range(10_000)) + "}"},
        "the limit is 10000 (--max-document)",
    ),
    "30 aliases": (
        {"query": "{" + " ".join(f"a{i}: version {{ major }}" for i in range(30)) + "}"},
        "the limit is 20 (--max-aliases)",
    ),
    "tokens": ({"query": "{ version { " + "a " * 3001 + "} }"}, "more than 3000 tokens"),
    FRAGMENTS: (
        {"query": "{ ...f0 } " + DOUBLED + " fragment f199 on Query { version { major } }"},
        "the limit (--max-depth)",
    ),
    "2 MB of text": ({"query": "{ version { major } } #" + "x" * 2_000_000}, "the limit is 10000"),
    "2 MB in a string": (
        {"query": '{ node(name: "' + "x" * 2_000_000 + '") { kind } }'},
        "the limit is 10000",
    ),
    "nested fields": ({"query": "{" + " a {" * 9 + " b" + " }" * 10}, "10 levels deep; the limit is 8"),
    "nested literal": ({"query": "{ a(b: " + "[" * 9 + "]" * 9 + ") }"}, "nested more than 8 levels"),
    "nested variable": (
        {"query": "query($v: JSON) { version { major } }", "variables": {"v": json.loads("[" * 9 + "]" * 9)}},
        "a variable is nested more than 8 levels deep, the limit (--max-depth)",
    ),
}


@pytest.fixture(scope="module")
def limited(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    options = ["--kubeconfig", str(backend.kubeconfig), "--auth", "local"]
    with start_gateway(tmp_path_factory.mktemp("limited"), *options, *OPTIONS) as gateway:
        yield gateway


def assert_refused(errors: list[dict[str, Any]], message: str) -> None:
    (error,) = errors
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert message in error["message"]
    assert "(--max-" in error["message"]


@pytest.mark.parametrize("case", HOSTILE)
async def test_post_refuses_a_request_over_a_limit(limited: GatewayProcess, case: str) -> None:
    body, message = HOSTILE[case]
    answer = await limited.execute(**body)
    assert "data" not in answer
    assert_refused(answer["errors"], message)


@pytest.mark.parametrize("case", ["30 aliases", "tokens", "nested fields", "nested variable"])
async def test_get_refuses_a_request_over_a_limit(limited: GatewayProcess, case: str) -> None:
    body, message = HOSTILE[case]
    parameters = {**body, "variables": json.dumps(body.get("variables", {}))}
    response = await limited.request("GET", "/graphql", params=parameters)
    assert_refused(response.json()["errors"], message)


@pytest.mark.parametrize("opening", [opening for opening in PROTOCOLS if opening.__name__ != "shared_events"])
@pytest.mark.parametrize(
    "case", ["10,000 aliases", "30 aliases", "200 fragments, each spread twice", "nested variable"]
)
async def test_streams_and_websockets_refuse_a_request_over_a_limit(
    limited: GatewayProcess, opening: Opening, case: str
) -> None:
    body, message = HOSTILE[case]
    async with asyncio.timeout(DEADLINE), opening(limited, body) as results:
        answer = await anext(results)
    assert not answer.get("data")
    assert_refused(answer["errors"], message)


@pytest.mark.parametrize("case", sorted(set(HOSTILE) - {"tokens", FRAGMENTS}))
async def test_an_operation_of_a_shared_event_stream_is_refused(limited: GatewayProcess, case: str) -> None:
    body, message = HOSTILE[case]
    token = {TOKEN: (await limited.request("PUT", "/graphql")).text}
    body = {**body, "extensions": {"operationId": "1"}}
    refused = await limited.request("POST", "/graphql", json=body, headers=token)
    assert refused.status_code == 400
    assert_refused(refused.json()["errors"], message)


async def test_a_persisted_query_is_refused_like_its_text(limited: GatewayProcess) -> None:
    query, message = HOSTILE["30 aliases"][0]["query"], HOSTILE["30 aliases"][1]
    digest = {"version": 1, "sha256Hash": hashlib.sha256(query.encode()).hexdigest()}
    extensions = {"persistedQuery": digest}
    first = await limited.request("POST", "/graphql", json={"query": query, "extensions": extensions})
    again = await limited.request("POST", "/graphql", json={"extensions": extensions})
    for response in (first, again):
        assert_refused(response.json()["errors"], message)


async def test_trusted_documents_have_the_same_limits(backend: Backend, tmp_path: Any) -> None:
    query, message = HOSTILE["30 aliases"][0]["query"], HOSTILE["30 aliases"][1]
    documents = tmp_path / "operations.graphql"
    documents.write_text(query.replace("{", "query Many {", 1))
    options = ["--kubeconfig", str(backend.kubeconfig), "--auth", "local", "--operations", str(documents)]
    with start_gateway(tmp_path, *options, "--only-trusted", *OPTIONS) as gateway:
        assert_refused((await gateway.execute(documents.read_text()))["errors"], message)


async def test_a_body_of_many_values_is_refused_before_it_is_decoded(limited: GatewayProcess) -> None:
    body = '{"query": "{ version { major } }", "variables": {"v": [' + "{}," * 500 + "{}]}}"
    response = await limited.request(
        "POST", "/graphql", content=body, headers={"content-type": "application/json"}
    )
    assert response.status_code == 413
    assert_refused(response.json()["errors"], "the limit is 500 (--max-values)")
    text = json.dumps({"query": "{ version { major } }", "variables": {"v": "{[,]}," * 300}})
    assert (
        "errors"
        not in (
            await limited.request(
                "POST", "/graphql", content=text, headers={"content-type": "application/json"}
            )
        ).json()
    )


@pytest.mark.parametrize("subprotocol", ["graphql-transport-ws", "graphql-ws"])
async def test_a_message_of_many_values_closes_its_websocket(
    limited: GatewayProcess, subprotocol: str
) -> None:
    async with connect(limited.socket_url, subprotocols=[Subprotocol(subprotocol)]) as socket:
        await socket.send('{"type": "connection_init", "payload": {"v": [' + "{}," * 500 + "{}]}}")
        with pytest.raises(ConnectionClosedError) as closed:
            await asyncio.wait_for(socket.recv(), DEADLINE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        assert "--max-values" in closed.value.rcvd.reason


async def test_introspection_has_a_depth_that_its_limit_does_not_count(limited: GatewayProcess) -> None:
    query = get_introspection_query(input_value_deprecation=True, specified_by_url=True)
    assert (await limited.data(query))["__schema"]["types"]


async def test_subscriptions_of_one_identity_have_a_limit(limited: GatewayProcess) -> None:
    query = "subscription { configMaps { type } }"

    async def refused() -> dict[str, Any] | None:
        async with asyncio.timeout(DEADLINE), PROTOCOLS[2](limited, {"query": query}) as results:
            answer = await anext(results)
        return answer if "data" not in answer else None

    async with AsyncExitStack() as stack:
        for _ in range(3):
            stream = await stack.enter_async_context(limited.subscribe(query))
            await stream.result()
        answer = await refused()
        assert answer is not None
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "TOO_MANY_REQUESTS"
        assert error["message"].startswith("3 subscriptions of this identity are in progress, the limit")
        # queries have a limit of their own
        assert await limited.data("{ version { major } }")

    async def is_free() -> bool:
        return await refused() is None

    await eventually(is_free, "the places of ended subscriptions to be free")


async def test_websockets_before_connection_init_have_a_limit_and_a_time(limited: GatewayProcess) -> None:
    async with AsyncExitStack() as stack:
        protocol = [Subprotocol("graphql-transport-ws")]
        silent = [
            await stack.enter_async_context(connect(limited.socket_url, subprotocols=protocol))
            for _ in range(2)
        ]
        with pytest.raises(InvalidStatus) as denied:
            await stack.enter_async_context(connect(limited.socket_url, subprotocols=protocol))
        assert denied.value.response.status_code == 429
        assert b"2 websockets wait for connection_init, the limit" in denied.value.response.body
        await silent[0].send('{"type": "connection_init"}')
        assert json.loads(await silent[0].recv())["type"] == "connection_ack"
        async with limited.socket():
            pass
        with pytest.raises(ConnectionClosedError) as closed:
            await asyncio.wait_for(silent[1].recv(), DEADLINE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4408
