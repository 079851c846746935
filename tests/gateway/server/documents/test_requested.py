"""The document of a request: by text, by id, by digest; over every transport."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.errors import BadArgument, GatewayError, PersistedQueryNotFound
from gateway.identity import Local
from gateway.server import RequestPolicy
from gateway.server.documents import Documents, load_trusted
from gateway.server.documents.trusted import sha256
from tests.fixtures.graphql_ws import open_socket
from tests.gateway.server.conftest import Served, running

in_module_loop = pytest.mark.asyncio(loop_scope="module")

SQUARE = "query Square($of: Int!) { square(of: $of) }"
COUNT = "subscription { count(to: 2) }"
NOT_FOUND = {
    "errors": [{"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}]
}
NOT_SUPPORTED = {
    "errors": [
        {"message": "PersistedQueryNotSupported", "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"}}
    ]
}


def by_digest(text: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256(text)}}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trusting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A server that runs two trusted documents only."""
    folder = tmp_path_factory.mktemp("operations")
    (folder / "manifest.json").write_text(json.dumps({"square": SQUARE, "count": COUNT}), encoding="utf-8")
    policy = RequestPolicy(Documents(load_trusted(folder), only_trusted=True))
    async with running(Local, policy=policy) as served:
        yield served


@in_module_loop
@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_a_persisted_query_is_sent_once(local: Served, accept: str) -> None:
    text, headers = f"{SQUARE} # {accept}", {"Accept": accept}
    body = {"variables": {"of": 3}, **by_digest(text)}
    unknown = await local.http.post("/graphql", json=body, headers=headers)
    assert (unknown.status_code, unknown.json()) == (200, NOT_FOUND)
    assert unknown.headers["cache-control"] == "no-store"
    assert unknown.headers["content-type"] == accept
    for request in ({**body, "query": text}, body):
        response = await local.http.post("/graphql", json=request, headers=headers)
        assert response.json() == {"data": {"square": 9}}


@in_module_loop
async def test_a_persisted_query_can_be_sent_by_get(local: Served) -> None:
    text = f"{SQUARE} # by get"
    parameters = {"variables": '{"of": 4}', "extensions": json.dumps(by_digest(text)["extensions"])}
    assert (await local.http.get("/graphql", params=parameters)).json() == NOT_FOUND
    response = await local.http.get("/graphql", params={**parameters, "query": text})
    assert response.json() == {"data": {"square": 16}}
    assert (await local.http.get("/graphql", params=parameters)).json() == {"data": {"square": 16}}


@in_module_loop
async def test_a_persisted_mutation_does_not_run_by_get(local: Served) -> None:
    text = 'mutation { remember(word: "persisted") }'
    response = await local.http.post("/graphql", json={"query": text, **by_digest(text)})
    assert response.json() == {"data": {"remember": "persisted"}}
    parameters = {"extensions": json.dumps(by_digest(text)["extensions"])}
    response = await local.http.get("/graphql", params=parameters)
    assert response.status_code == 400
    assert "data" not in response.json()


@in_module_loop
async def test_a_text_with_another_digest_is_refused(local: Served) -> None:
    response = await local.http.post("/graphql", json={"query": "{ __typename }", **by_digest("{ other }")})
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"] == "provided sha does not match query"
    assert (await local.http.post("/graphql", json=by_digest("{ other }"))).json() == NOT_FOUND


@pytest.mark.parametrize(
    "persisted",
    [
        1,
        [],
        {},
        {"version": 2, "sha256Hash": "a"},
        {"version": 1},
        {"version": 1, "sha256Hash": 5},
        {"version": 1, "sha256Hash": ""},
    ],
)
def test_a_malformed_extension_is_refused(persisted: Any) -> None:
    with pytest.raises(BadArgument):
        Documents().resolve({"extensions": {"persistedQuery": persisted}})
    with pytest.raises(BadArgument):
        Documents().resolve({"query": "{ a }", "extensions": {"persistedQuery": persisted}})


def test_the_least_recently_used_persisted_queries_are_evicted() -> None:
    documents = Documents(persisted_bytes=1_000)
    first, second, third = (f"{{ {letter * 100} }}" for letter in "abc")
    for text in (first, second, third):
        documents.resolve({"query": text, **by_digest(text)})
        if text is second:
            documents.resolve(by_digest(first))
    assert documents.resolve(by_digest(first)) == first
    assert documents.resolve(by_digest(third)) == third
    with pytest.raises(PersistedQueryNotFound):
        documents.resolve(by_digest(second))


def test_a_persisted_query_over_the_bound_is_not_kept() -> None:
    documents = Documents(persisted_bytes=1_000)
    text = f"{{ {'a' * 2_000} }}"
    assert documents.resolve({"query": text, **by_digest(text)}) == text
    with pytest.raises(PersistedQueryNotFound):
        documents.resolve(by_digest(text))


def test_where_persisted_queries_are_off_the_text_still_runs() -> None:
    documents = Documents(persisted_bytes=0)
    with pytest.raises(GatewayError, match=r"^PersistedQueryNotSupported$"):
        documents.resolve(by_digest("{ a }"))
    assert documents.resolve({"query": "{ a }", **by_digest("{ a }")}) == "{ a }"


@in_module_loop
@pytest.mark.parametrize(
    "named",
    [
        {"documentId": "square"},
        {"doc_id": "square"},
        {"id": "square"},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "square"}}},
        {"query": f"{SQUARE} # with a comment"},
        {"query": SQUARE, **by_digest(SQUARE)},
    ],
    ids=["documentId", "doc_id", "id", "persistedQuery", "text", "text and digest"],
)
async def test_a_trusted_document_runs(trusting: Served, named: dict[str, Any]) -> None:
    body = {"variables": {"of": 5}, **named}
    assert (await trusting.http.post("/graphql", json=body)).json() == {"data": {"square": 25}}
    parameters = {key: value if isinstance(value, str) else json.dumps(value) for key, value in body.items()}
    assert (await trusting.http.get("/graphql", params=parameters)).json() == {"data": {"square": 25}}


@in_module_loop
async def test_only_trusted_refuses_other_documents(trusting: Served) -> None:
    for text in ("{ square(of: 1) }", "{ __schema { types { name } } }", f"{SQUARE} query B {{ caller }}"):
        for body in ({"query": text}, {"query": text, **by_digest(text)}):
            response = await trusting.http.post("/graphql", json=body)
            assert response.status_code == 403
            assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
            assert "data" not in response.json()
        assert (await trusting.http.post("/graphql", json=by_digest(text))).json() == NOT_SUPPORTED
        assert (await trusting.http.get("/graphql", params={"query": text})).status_code == 403
    unknown = await trusting.http.post("/graphql", json={"documentId": "unknown"})
    assert unknown.json() == NOT_FOUND


@in_module_loop
@pytest.mark.parametrize("accept", ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0"])
async def test_a_trusted_subscription_streams(trusting: Served, accept: str) -> None:
    headers = {"Accept": accept}
    response = await trusting.http.post("/graphql", json={"documentId": "count"}, headers=headers)
    assert response.headers["content-type"].partition(";")[0] == accept.partition(";")[0]
    assert '{"data":{"count":1}}' in response.text
    body = {"query": "subscription { forever }"}
    refused = await trusting.http.post("/graphql", json=body, headers=headers)
    assert (refused.status_code, "data" in refused.json()) == (403, False)


@in_module_loop
async def test_the_single_connection_mode_runs_trusted_documents_only(trusting: Served) -> None:
    token = (await trusting.http.put("/graphql")).text
    headers = {"X-GraphQL-Event-Stream-Token": token}
    extensions = {"operationId": "1"}
    body = {"query": "{ square(of: 1) }", "extensions": extensions}
    assert (await trusting.http.post("/graphql", json=body, headers=headers)).status_code == 403
    body = {"documentId": "count", "extensions": extensions}
    assert (await trusting.http.post("/graphql", json=body, headers=headers)).status_code == 202


@in_module_loop
async def test_a_websocket_runs_trusted_documents_only(trusting: Served) -> None:
    async with open_socket(trusting.websocket_url) as socket:
        await socket.initialise()
        await socket.send({"id": "1", "type": "subscribe", "payload": {"query": "{ square(of: 1) }"}})
        refused = await socket.receive()
        assert (refused["type"], refused["payload"][0]["extensions"]) == ("error", {"code": "FORBIDDEN"})
        payload = {"documentId": "square", "variables": {"of": 6}}
        await socket.send({"id": "2", "type": "subscribe", "payload": payload})
        assert await socket.receive() == {"id": "2", "type": "next", "payload": {"data": {"square": 36}}}


@in_module_loop
async def test_a_websocket_takes_persisted_queries(local: Served) -> None:
    text = f"{SQUARE} # websocket"
    payload = {"variables": {"of": 7}, **by_digest(text)}
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        await socket.send({"id": "1", "type": "subscribe", "payload": payload})
        assert await socket.receive() == {"id": "1", "type": "error", "payload": NOT_FOUND["errors"]}
        await socket.send({"id": "2", "type": "subscribe", "payload": {**payload, "query": text}})
        assert (await socket.receive())["payload"] == {"data": {"square": 49}}
        assert (await socket.receive())["type"] == "complete"
        await socket.send({"id": "3", "type": "subscribe", "payload": payload})
        assert (await socket.receive())["payload"] == {"data": {"square": 49}}
