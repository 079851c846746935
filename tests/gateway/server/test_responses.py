"""Content negotiation, and responses to requests that are not executed."""

import json

import pytest

from gateway.errors import BadArgument, CallerUnauthenticated, QueryTooComplex
from gateway.server.responses import (
    GRAPHQL_RESPONSE,
    JSON,
    accepts_page,
    error_response,
    negotiate,
    prefers_json,
    refusal,
)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*;q=0.1", JSON),
        ("application/json", JSON),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
        (f"{JSON}, {GRAPHQL_RESPONSE}", GRAPHQL_RESPONSE),
        (f"{JSON}, {GRAPHQL_RESPONSE};q=0.9", JSON),
        (f"{JSON};q=0, */*", JSON),
        ("APPLICATION/JSON; charset=utf-8", JSON),
        ("text/html", None),
        (f"{JSON};q=0", None),
        (f"{JSON};q=x", None),
    ],
)
def test_the_header_decides_between_the_json_types(accept: str | None, media_type: str | None) -> None:
    assert negotiate(accept) == media_type


@pytest.mark.parametrize(
    ("accept", "prefers"),
    [
        (None, True),
        ("text/event-stream", False),
        ("text/event-stream, application/json", False),
        ("application/json, text/event-stream", True),
        ("application/json;q=0.5, text/event-stream", False),
        ("text/event-stream;q=0.5, */*", True),
        ("text/event-stream;q=0", True),
        ("text/html, text/event-stream", False),
    ],
)
def test_the_first_of_equals_is_preferred(accept: str | None, prefers: bool) -> None:
    assert prefers_json(accept) is prefers


@pytest.mark.parametrize(
    ("accept", "is_browser"),
    [("text/html,*/*;q=0.8", True), ("*/*", False), ("text/html;q=0", False), (None, False)],
)
def test_only_a_browser_names_html(accept: str | None, is_browser: bool) -> None:
    assert accepts_page(accept) is is_browser


def test_a_refusal_has_the_status_of_its_code() -> None:
    response = refusal(CallerUnauthenticated("who?"), media_type=GRAPHQL_RESPONSE)
    assert response.status_code == 401
    assert response.media_type == GRAPHQL_RESPONSE
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert [refusal(item).status_code for item in (BadArgument("a"), QueryTooComplex("b"))] == [400, 413]


def test_an_error_response_has_no_data_and_is_not_cached() -> None:
    response = error_response(405, "no", "BAD_REQUEST", headers={"Allow": "POST"})
    assert json.loads(bytes(response.body)) == {
        "errors": [{"message": "no", "extensions": {"code": "BAD_REQUEST"}}]
    }
    assert (response.headers["allow"], response.headers["cache-control"]) == ("POST", "no-store")
