"""Results streamed over HTTP: their frames, their signs of life, their end."""

import logging
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.identity import Local
from tests.fixtures.waiting import DEADLINE
from tests.gateway.server.conftest import Served, running

COUNT = {"query": "subscription { count(to: 1) }"}
FOREVER = {"query": "subscription { forever }"}
EVENTS = {"Accept": "text/event-stream"}
PARTS = {"Accept": "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"}
in_module_loop = pytest.mark.asyncio(loop_scope="module")


@in_module_loop
async def test_events_end_their_lines_with_lf(local: Served) -> None:
    response = await local.http.post("/graphql", json=COUNT, headers=EVENTS)
    assert response.text == 'event: next\ndata: {"data":{"count":0}}\n\nevent: complete\ndata: \n\n'


@in_module_loop
async def test_a_query_can_be_answered_as_events_too(local: Served) -> None:
    response = await local.http.post("/graphql", json={"query": "{ square(of: 3) }"}, headers=EVENTS)
    assert response.text.startswith('event: next\ndata: {"data":{"square":9}}\n\n')


@in_module_loop
async def test_parts_begin_with_a_sign_of_life_and_end_with_the_last_boundary(local: Served) -> None:
    response = await local.http.post("/graphql", json=COUNT, headers=PARTS)
    assert response.headers["content-type"].startswith(
        "multipart/mixed;boundary=graphql;subscriptionSpec=1.0"
    )
    bodies = [each.partition("\r\n\r\n")[2].strip() for each in response.text.split("--graphql")]
    assert [each for each in bodies if each] == ["{}", '{"payload":{"data":{"count":0}}}']
    assert response.text.endswith("--graphql--\r\n")


@in_module_loop
async def test_parts_without_the_specification_are_not_what_we_have(local: Served) -> None:
    headers = {"Accept": "multipart/mixed; deferSpec=20220824"}
    assert (await local.http.post("/graphql", json=COUNT, headers=headers)).status_code == 406


@in_module_loop
async def test_a_stream_of_parts_needs_a_token(passthrough: Served) -> None:
    assert (await passthrough.http.post("/graphql", json=COUNT, headers=PARTS)).status_code == 401


@pytest.mark.parametrize("headers", [EVENTS, PARTS], ids=["events", "parts"])
async def test_at_the_end_of_the_process_a_stream_is_broken_off(
    headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """So that the client knows that there is more to come, and asks again, elsewhere."""
    text = ""

    async def read(served: Served, chunks: AsyncIterator[str]) -> None:
        nonlocal text
        async for chunk in chunks:
            text += chunk
            if "begun" in text:
                served.stop.set()

    async with (
        running(Local) as served,
        httpx.AsyncClient(base_url=str(served.http.base_url), timeout=DEADLINE) as http,
        http.stream("POST", "/graphql", json=FOREVER, headers=headers) as response,
    ):
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            await read(served, response.aiter_text())
    assert "begun" in text
    assert "event: complete" not in text
    assert "--graphql--" not in text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
