"""GraphQL over HTTP: media types, statuses, methods, bodies."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.identity import Local
from tests.gateway.server.conftest import Served, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRAPHQL = "application/graphql-response+json"


async def post(served: Served, query: str, *, accept: str = GRAPHQL, **body: Any) -> httpx.Response:
    return await served.http.post("/graphql", json={"query": query, **body}, headers={"Accept": accept})


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (GRAPHQL, GRAPHQL),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        (f"application/json, {GRAPHQL}", GRAPHQL),
        (f"application/json, {GRAPHQL};q=0.5", "application/json"),
        (f"{GRAPHQL};q=0, */*;q=0.1", "application/json"),
        ("text/plain, application/*", "application/json"),
    ],
)
async def test_the_media_type_is_negotiated(local: Served, accept: str, answered: str) -> None:
    response = await post(local, "{ square(of: 3) }", accept=accept)
    assert (response.status_code, response.headers["content-type"]) == (200, answered)
    assert response.json() == {"data": {"square": 9}}


async def test_an_unsupported_accept_header_is_a_406_with_the_supported_types(local: Served) -> None:
    response = await post(local, "{ __typename }", accept="text/csv")
    assert response.status_code == 406
    assert GRAPHQL in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("query", ["{", "{ nothing }", "query ($of: Int!) { square(of: $of) }"])
async def test_a_request_error_has_no_data(local: Served, query: str) -> None:
    strict, legacy = await post(local, query), await post(local, query, accept="application/json")
    assert (strict.status_code, legacy.status_code) == (400, 200)
    assert list(strict.json()) == list(legacy.json()) == ["errors"]


async def test_a_field_error_is_part_of_a_result(local: Served) -> None:
    response = await post(local, "{ broken square(of: 2) }")
    assert response.status_code == 200
    assert response.json()["data"] == {"broken": None, "square": 4}
    assert response.json()["errors"][0]["path"] == ["broken"]


async def test_a_query_can_be_sent_by_get(local: Served) -> None:
    response = await local.http.get(
        "/graphql", params={"query": "query Q($of: Int!) { square(of: $of) }", "variables": '{"of": 4}'}
    )
    assert response.json() == {"data": {"square": 16}}


async def test_empty_query_parameters_are_ignored(local: Served) -> None:
    response = await local.http.get(
        "/graphql", params={"query": "{ __typename }", "variables": "", "operationName": ""}
    )
    assert response.json() == {"data": {"__typename": "Query"}}


async def test_a_mutation_by_get_is_refused(local: Served) -> None:
    response = await local.http.get("/graphql", params={"query": 'mutation { remember(word: "a") }'})
    assert 400 <= response.status_code < 500
    assert "data" not in response.json()


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS"])
async def test_other_methods_are_refused(local: Served, method: str) -> None:
    response = await local.http.request(method, "/graphql")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST, PUT, DELETE")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_content_types_of_html_forms_are_refused(local: Served, content_type: str) -> None:
    response = await local.http.post(
        "/graphql", content=b'{"query": "{ __typename }"}', headers={"Content-Type": content_type}
    )
    assert response.status_code == 415
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 100_000, b"1", b'"text"', b"[]", b'{"query": 1}', b'{"query": ""}', b"{}"],
)
async def test_a_malformed_body_is_a_400(local: Served, body: bytes) -> None:
    response = await local.http.post("/graphql", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("name", ["variables", "operationName", "extensions"])
@pytest.mark.parametrize("value", [1, ["x"], True])
async def test_a_parameter_of_the_wrong_type_is_a_400(local: Served, name: str, value: Any) -> None:
    response = await post(local, "{ __typename }", **{name: value})
    assert response.status_code == 400


async def test_a_deeply_nested_query_is_an_error(local: Served) -> None:
    response = await post(local, "{ a" * 5000 + "}" * 5000)
    assert response.status_code == 400
    assert response.json()["errors"]


async def test_results_can_be_sent_as_server_sent_events(local: Served) -> None:
    headers = {"Accept": "text/event-stream"}
    body = {"query": "subscription { count(to: 2) }"}
    async with local.http.stream("POST", "/graphql", json=body, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line async for line in response.aiter_lines() if line.startswith(("event", "data: {"))]
    assert lines == [
        "event: next",
        'data: {"data":{"count":0}}',
        "event: next",
        'data: {"data":{"count":1}}',
        "event: complete",
    ]


async def test_health_checks_answer_and_the_root_redirects_to_graphiql(local: Served) -> None:
    for path in ("/livez", "/readyz"):
        response = await local.http.get(path)
        assert (response.status_code, response.text) == (200, "ok")
    assert (await local.http.get("/")).headers["location"] == "graphql"


APOLLO = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"


@pytest.mark.parametrize(
    "accept",
    [
        APOLLO,
        'application/json, multipart/mixed;subscriptionSpec="1.0"',
        "application/json, text/event-stream",
        "text/event-stream;q=0.5, application/json",
        "*/*, text/event-stream;q=0.1",
        "application/graphql-response+json, application/json, text/event-stream, multipart/mixed",
    ],
)
@pytest.mark.parametrize("query", ["{ square(of: 3) }", 'mutation { remember(word: "subscription") }'])
async def test_a_query_is_answered_with_json_though_a_stream_is_acceptable(
    local: Served, accept: str, query: str
) -> None:
    response = await post(local, query, accept=accept)
    assert response.status_code == 200
    assert response.headers["content-type"] in ("application/json", GRAPHQL)
    assert "data" in response.json()


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (APOLLO, "multipart/mixed"),
        ("application/json, multipart/mixed;subscriptionSpec=1.0", "multipart/mixed"),
        ("application/json, text/event-stream", "text/event-stream"),
    ],
)
async def test_a_subscription_is_answered_with_the_acceptable_stream(
    local: Served, accept: str, answered: str
) -> None:
    response = await post(local, "subscription { count(to: 1) }", accept=accept)
    assert response.headers["content-type"].partition(";")[0] == answered


async def test_an_event_stream_answers_a_query_of_a_client_that_prefers_it(local: Served) -> None:
    response = await post(local, "{ square(of: 3) }", accept="text/event-stream, application/json")
    assert response.headers["content-type"] == "text/event-stream"


async def test_a_batch_is_refused_with_the_reason(local: Served) -> None:
    response = await local.http.post("/graphql", json=[{"query": "{ __typename }"}])
    assert response.status_code == 400
    assert "batching is not served" in response.json()["errors"][0]["message"]


async def pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1000):
        yield b" " * 1000


@pytest.mark.asyncio(loop_scope="function")
async def test_a_large_body_is_refused_while_it_is_read() -> None:
    async with running(Local, max_body=10_000) as served:
        headers = {"Content-Type": "application/json"}
        declared = await served.http.post("/graphql", content=b" " * 10_001, headers=headers)
        streamed = await served.http.post("/graphql", content=pieces(1_000_000), headers=headers)
        for response in (declared, streamed):
            assert response.status_code == 413
            (error,) = response.json()["errors"]
            assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
            assert "10000 bytes, the limit (--max-body)" in error["message"]
        assert (await served.http.post("/graphql", json={"query": "{ __typename }"})).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        '{"query": "{ __typename }", "variables": {"a": ' + "9" * 5000 + "}}",
        '{"query": "{ __typename }", "operationName": "\\ud800"}',
        '{"query": "{ __typename }", "variables": {"a": "\\uDFFF"}}',
    ],
    ids=["integer of 5,000 digits", "lone surrogate in operationName", "lone surrogate in a variable"],
)
async def test_a_body_with_a_value_that_cannot_be_converted_is_a_400(local: Served, body: str) -> None:
    response = await local.http.post(
        "/graphql", content=body, headers={"Accept": GRAPHQL, "Content-Type": "application/json"}
    )
    assert response.status_code == 400
    assert response.json()["errors"]


async def test_a_surrogate_pair_is_a_character(local: Served) -> None:
    body = '{"query": "{ __typename }", "variables": {"a": "\\ud83d\\ude00"}}'
    response = await local.http.post(
        "/graphql", content=body, headers={"Accept": GRAPHQL, "Content-Type": "application/json"}
    )
    assert response.status_code == 200
