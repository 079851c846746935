"""Single connection mode of graphql-sse, request by request; test_clients runs its npm client."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.identity import Local
from gateway.server.transports import reservations
from gateway.server.transports.reservations import STREAM_HEADER
from tests.fixtures.waiting import DEADLINE, eventually
from tests.gateway.server.conftest import Served, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = "subscription { count(to: 2) }"
FOREVER = "subscription { forever }"
BEGUN = ("next", {"id": "1", "payload": {"data": {"forever": "begun"}}})
ALICE = {"Authorization": "Bearer alice"}
BOB = {"Authorization": "Bearer bob"}


class Events:
    """An open stream, and the requests with its token."""

    def __init__(self, http: httpx.AsyncClient, token: str, lines: AsyncIterator[str]) -> None:
        self.token = token
        self._http = http
        self._lines = lines

    async def start(self, query: str, operation_id: Any = "1", **headers: str) -> httpx.Response:
        body = {"query": query, "extensions": {"operationId": operation_id}}
        return await self._http.post("/graphql", json=body, headers={STREAM_HEADER: self.token, **headers})

    async def stop(self, operation_id: str) -> httpx.Response:
        params = {"operationId": operation_id}
        return await self._http.delete("/graphql", params=params, headers={STREAM_HEADER: self.token})

    async def event(self) -> tuple[str, Any]:
        name = ""
        async with asyncio.timeout(DEADLINE):
            async for line in self._lines:
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    return name, json.loads(line.removeprefix("data: "))
        raise AssertionError("the stream has ended")


async def reserve(served: Served, headers: dict[str, str] | None = None) -> str:
    response = await served.http.put("/graphql", headers=headers)
    assert (response.status_code, response.headers["content-type"].split(";")[0]) == (201, "text/plain")
    return response.text


@asynccontextmanager
async def opened(served: Served) -> AsyncIterator[Events]:
    token = await reserve(served)
    headers = {"Accept": "text/event-stream"}
    async with served.http.stream("GET", "/graphql", params={"token": token}, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Events(served.http, token, response.aiter_lines())


async def test_one_stream_carries_the_results_of_all_operations(local: Served) -> None:
    async with opened(local) as events:
        assert (await events.start(FOREVER)).status_code == 202
        assert await events.event() == BEGUN
        assert (await events.start(COUNT, "2")).status_code == 202
        assert [await events.event() for _ in range(3)] == [
            ("next", {"id": "2", "payload": {"data": {"count": 0}}}),
            ("next", {"id": "2", "payload": {"data": {"count": 1}}}),
            ("complete", {"id": "2"}),
        ]
        assert (await events.start("{ square(of: 3) }", "3")).status_code == 202
        assert await events.event() == ("next", {"id": "3", "payload": {"data": {"square": 9}}})
        assert await events.event() == ("complete", {"id": "3"})


async def test_a_stopped_operation_sends_no_message_and_frees_its_id(local: Served) -> None:
    async with opened(local) as events:
        await events.start(FOREVER)
        assert await events.event() == BEGUN
        assert (await events.start(FOREVER)).status_code == 409
        assert (await events.stop("1")).status_code == 200
        assert (await events.stop("1")).status_code == 200
        assert (await events.start(FOREVER)).status_code == 202
        assert await events.event() == BEGUN


async def test_an_operation_can_start_before_the_stream_is_opened(local: Served) -> None:
    token = await reserve(local)
    body = {"query": FOREVER, "extensions": {"operationId": "1"}}
    assert (await local.http.post("/graphql", json=body, headers={STREAM_HEADER: token})).status_code == 202
    async with local.http.stream("GET", "/graphql", headers={STREAM_HEADER: token}) as response:
        assert await Events(local.http, token, response.aiter_lines()).event() == BEGUN


@pytest.mark.parametrize(
    "query",
    [
        "{ nothing }",
        "{",
        "",
        "fragment F on Query { caller }",
        "query($of: Int!) { square(of: $of) }",
        # large documents are parsed and validated in a thread
        "{ nothing }" + " " * 2000,
        "{" + " " * 2000,
        "query($of: Int!) { square(of: $of) }" + " " * 2000,
    ],
)
async def test_an_invalid_operation_is_refused_and_sends_no_message(local: Served, query: str) -> None:
    async with opened(local) as events:
        refused = await events.start(query)
        assert (refused.status_code, list(refused.json())) == (400, ["errors"])
        assert refused.headers["content-type"] == "application/json"
        # the id is free: the next event belongs to a second operation with it
        assert (await events.start(FOREVER)).status_code == 202
        assert await events.event() == BEGUN


async def test_an_execution_error_is_sent_in_the_stream(local: Served) -> None:
    async with opened(local) as events:
        assert (await events.start("{ broken }")).status_code == 202
        name, data = await events.event()
        assert (name, data["id"], data["payload"]["data"]) == ("next", "1", {"broken": None})
        assert await events.event() == ("complete", {"id": "1"})


async def test_a_request_is_answered_before_its_operation_has_a_result(local: Served) -> None:
    async with opened(local) as events:
        assert (await events.start("{ never }")).status_code == 202
        assert (await events.start("{ never }")).status_code == 409


@pytest.mark.parametrize("operation_id", [None, 1, ""])
async def test_an_operation_without_a_string_id_is_refused(local: Served, operation_id: Any) -> None:
    async with opened(local) as events:
        assert (await events.start(COUNT, operation_id)).status_code == 400


async def test_a_malformed_request_is_a_400(local: Served) -> None:
    headers = {STREAM_HEADER: await reserve(local), "Content-Type": "application/json"}
    for body in (b"{", b"[]", b"{}"):
        assert (await local.http.post("/graphql", content=body, headers=headers)).status_code == 400
    assert (await local.http.delete("/graphql", headers=headers)).status_code == 400


async def test_a_reservation_cannot_be_opened_twice(local: Served) -> None:
    async with opened(local) as events:
        response = await local.http.get("/graphql", params={"token": events.token})
        assert response.status_code == 409


async def test_the_end_of_a_stream_ends_its_token_and_its_operations() -> None:
    async with running(Local) as served:
        async with opened(served) as events:
            await events.start(FOREVER)
            assert await events.event() == BEGUN
        async with asyncio.timeout(DEADLINE):
            while (await events.start(FOREVER, "2")).status_code != 404:
                pass
        left = [task for task in asyncio.all_tasks() if task.get_name() == "operation of an event stream"]
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*left, return_exceptions=True)


async def test_an_unopened_reservation_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reservations, "_OPEN_TIMEOUT_SECONDS", 0.05)
    async with running(Local) as served:
        token = await reserve(served)

        async def expired() -> bool:
            response = await served.http.delete(
                "/graphql", params={"operationId": "1"}, headers={STREAM_HEADER: token}
            )
            return response.status_code == 404

        await eventually(expired, "the reservation to end")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_unknown_token_is_a_404(local: Served, method: str) -> None:
    for token in ("", "made up"):
        response = await local.http.request(
            method, "/graphql", headers={STREAM_HEADER: token}, params={"token": "x"}
        )
        assert response.status_code == 404


async def test_a_stream_is_accessible_to_its_owner_only(passthrough: Served) -> None:
    token = await reserve(passthrough, ALICE)
    body = {"query": COUNT, "extensions": {"operationId": "1"}}
    for headers, expected in (({}, 401), (BOB, 404), (ALICE, 202)):
        response = await passthrough.http.post(
            "/graphql", json=body, headers={STREAM_HEADER: token, **headers}
        )
        assert response.status_code == expected
    for headers, expected in (({}, 401), (BOB, 404)):
        response = await passthrough.http.get("/graphql", headers={STREAM_HEADER: token, **headers})
        assert response.status_code == expected
    assert (await passthrough.http.put("/graphql")).status_code == 401
