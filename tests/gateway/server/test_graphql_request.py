from collections.abc import Sequence
from typing import Any

import pytest
from cross_web import HTTPException
from starlette.requests import ClientDisconnect, Request
from strawberry.http import GraphQLRequestData

from gateway.resolvers.limits import Limits
from gateway.server.documents import Documents
from gateway.server.graphql_request import (
    accept_of,
    answers_with_json,
    body_of,
    content_type_of,
    request_data,
    without_empty,
)

MULTIPART = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0"
APOLLO = f"{MULTIPART},application/graphql-response+json,application/json"
EVENTS = "text/event-stream"


def request(messages: Sequence[dict[str, Any]] = (), **headers: str) -> Request:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    remaining = list(messages)

    async def receive() -> dict[str, Any]:
        return remaining.pop(0)

    return Request({"type": "http", "method": "POST", "headers": fields}, receive)


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_the_parameters_are_those_of_the_body() -> None:
    body = {
        "query": "query a { a }",
        "operationName": "a",
        "variables": {"x": 1},
        "extensions": {"trace": True},
    }
    assert request_data(body, Documents(), "http") == GraphQLRequestData(
        query="query a { a }",
        operation_name="a",
        variables={"x": 1},
        extensions={"trace": True},
        protocol="http",
    )


def test_null_means_absent() -> None:
    body = {"query": "{ a }", "operationName": None, "variables": None, "extensions": None}
    assert request_data(body, Documents(), "http") == request_data({"query": "{ a }"}, Documents(), "http")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ([{"query": "{ a }"}], "batching is not served: send one operation per request"),
        ("{ a }", "the body has to be one JSON object"),
        (None, "the body has to be one JSON object"),
        ({"query": 1}, "query has to be a string or null"),
        ({"query": "{ a }", "operationName": []}, "operationName has to be a string or null"),
        ({"query": "{ a }", "variables": "{}"}, "variables has to be an object or null"),
        ({"query": "{ a }", "extensions": [1]}, "extensions has to be an object or null"),
    ],
)
def test_other_types_are_refused(parameters: Any, words: str) -> None:
    with pytest.raises(HTTPException) as refused:
        request_data(parameters, Documents(), "http")
    assert (refused.value.status_code, refused.value.reason) == (400, words)


def test_an_empty_parameter_of_a_query_string_is_a_missing_one() -> None:
    assert without_empty({"query": "{ a }", "variables": "", "extensions": {}}) == {
        "query": "{ a }",
        "extensions": {},
    }


async def test_a_body_in_parts_can_be_read_again() -> None:
    sent = request([part(b'{"query"', more=True), part(b"", more=True), part(b': "{ a }"}')])
    assert await body_of(sent) == b'{"query": "{ a }"}'
    assert await body_of(sent) == b'{"query": "{ a }"}'


async def test_a_client_that_goes_in_the_middle_of_a_body_is_noted() -> None:
    with pytest.raises(ClientDisconnect):
        await body_of(request([part(b'{"query"', more=True), {"type": "http.disconnect"}]))


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        (" text/plain ;x=1", "text/plain"),
    ],
)
def test_a_content_type_is_compared_without_parameters(content_type: str, expected: str) -> None:
    assert content_type_of(request(content_type=content_type)) == expected


def test_a_request_may_lack_its_headers() -> None:
    assert content_type_of(request()) == ""
    assert accept_of(request()) is None
    assert accept_of(request(accept=APOLLO)) == APOLLO


@pytest.mark.parametrize(
    ("protocol", "accept", "query", "expected"),
    [
        ("multipart-subscription", APOLLO, "{ a }", True),
        ("multipart-subscription", APOLLO, "mutation { a }", True),
        ("multipart-subscription", APOLLO, "subscription { a }", False),
        ("multipart-subscription", MULTIPART, "{ a }", False),
        ("graphql-sse", f"application/json, {EVENTS}", "{ a }", True),
        ("graphql-sse", f"{EVENTS}, application/json", "{ a }", False),
        ("graphql-sse", f"application/json, {EVENTS}", "subscription { a }", False),
        ("graphql-sse", EVENTS, "{ a }", False),
    ],
)
def test_json_answers_queries_and_mutations_of_clients_that_prefer_it(
    protocol: str, accept: str, query: str, expected: bool
) -> None:
    data = GraphQLRequestData(query=query, variables=None, operation_name=None, extensions=None)
    assert answers_with_json(protocol, accept, data, Limits()) is expected
