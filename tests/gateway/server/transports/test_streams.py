"""Result streams over HTTP: frames, keep-alives, and the end of a stream."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.identity import Local
from gateway.server.transports.streams import LiveResponse, MultipartStream
from tests.fixtures.waiting import DEADLINE
from tests.gateway.server.conftest import Served, running

COUNT = {"query": "subscription { count(to: 1) }"}
FOREVER = {"query": "subscription { forever }"}
EVENTS = {"Accept": "text/event-stream"}
PARTS = {"Accept": "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"}
in_module_loop = pytest.mark.asyncio(loop_scope="module")


@in_module_loop
async def test_server_sent_events_have_lf_line_ends(local: Served) -> None:
    response = await local.http.post("/graphql", json=COUNT, headers=EVENTS)
    assert response.text == 'event: next\ndata: {"data":{"count":0}}\n\nevent: complete\ndata: \n\n'


@in_module_loop
async def test_a_query_can_be_answered_with_server_sent_events(local: Served) -> None:
    response = await local.http.post("/graphql", json={"query": "{ square(of: 3) }"}, headers=EVENTS)
    assert response.text.startswith('event: next\ndata: {"data":{"square":9}}\n\n')


@in_module_loop
async def test_a_multipart_stream_starts_with_a_keep_alive_and_ends_with_the_closing_delimiter(
    local: Served,
) -> None:
    response = await local.http.post("/graphql", json=COUNT, headers=PARTS)
    assert response.headers["content-type"] == 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
    bodies = [part.partition("\r\n\r\n")[2].strip() for part in response.text.split("--graphql")]
    assert [body for body in bodies if body] == ["{}", '{"payload":{"data":{"count":0}}}']
    assert response.text.startswith("--graphql\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql\r\n")
    assert response.text.endswith("--graphql--\r\n")


@in_module_loop
async def test_multipart_without_the_subscription_specification_is_not_acceptable(local: Served) -> None:
    headers = {"Accept": "multipart/mixed; deferSpec=20220824"}
    assert (await local.http.post("/graphql", json=COUNT, headers=headers)).status_code == 406


@in_module_loop
async def test_a_multipart_stream_requires_a_token(passthrough: Served) -> None:
    assert (await passthrough.http.post("/graphql", json=COUNT, headers=PARTS)).status_code == 401


@pytest.mark.parametrize("headers", [EVENTS, PARTS], ids=["events", "parts"])
async def test_shutdown_aborts_a_stream(headers: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """A normal end would mean a completed subscription; the client must reconnect instead."""
    text = ""

    async def read(served: Served, chunks: AsyncIterator[str]) -> None:
        nonlocal text
        async for chunk in chunks:
            text += chunk
            if "begun" in text:
                served.stop.set()

    async with (
        running(Local) as served,
        httpx.AsyncClient(base_url=str(served.http.base_url), timeout=DEADLINE, verify=False) as http,
        http.stream("POST", "/graphql", json=FOREVER, headers=headers) as response,
    ):
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            await read(served, response.aiter_text())
    assert "begun" in text
    assert "event: complete" not in text
    assert "--graphql--" not in text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_no_keep_alive_follows_the_closing_message() -> None:
    sent: list[bytes] = []

    async def send(message: Any) -> None:
        # a slow client: keep-alives are due while a message is sent
        for _ in range(5):
            await asyncio.sleep(0)
        sent.append(message.get("body", b""))

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def messages() -> AsyncGenerator[str, None]:
        for number in range(3):
            yield str(number)

    transport = MultipartStream()
    transport.heartbeat_interval = 0.0
    await LiveResponse(messages(), transport, "ka", closing="end")({}, receive, send)

    assert [body for body in sent if body not in (b"", b"ka")] == [b"0", b"1", b"2", b"end"]
    assert b"ka" in sent
    assert sent[-1] == b"end"
