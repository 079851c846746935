"""Single connection mode of graphql-sse with requests that reach different workers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from gateway.identity import Local, Passthrough
from gateway.server import Siblings
from gateway.server.transports.reservations import STREAM_HEADER
from tests.fixtures.waiting import DEADLINE, eventually
from tests.gateway.server.conftest import Served, running

ALICE = {"Authorization": "Bearer alice"}
BOB = {"Authorization": "Bearer bob"}
EVENTS = {"Accept": "text/event-stream"}
FOREVER = {"query": "subscription { forever }", "extensions": {"operationId": "1"}}
GONE = "there is no such event stream"


@dataclass(frozen=True, slots=True)
class Workers:
    """Two workers of one gateway: ``one`` owns the streams, the requests reach ``two``."""

    one: Served
    two: Served


@asynccontextmanager
async def two_workers(directory: Path, identity: type[Local | Passthrough] = Local) -> AsyncIterator[Workers]:
    async with AsyncExitStack() as stack:
        started = [
            await stack.enter_async_context(running(identity, Siblings(index, 2, str(directory))))
            for index in range(2)
        ]
        yield Workers(*started)


@pytest_asyncio.fixture
async def workers(short_path: Path) -> AsyncIterator[Workers]:
    async with two_workers(short_path) as started:
        yield started


async def reserve(served: Served, headers: dict[str, str] | None = None) -> str:
    response = await served.http.put("/graphql", headers=headers)
    assert response.status_code == 201
    return response.text


async def read_until(chunks: AsyncIterator[str], words: str) -> None:
    text = ""
    async with asyncio.timeout(DEADLINE):
        async for chunk in chunks:
            text += chunk
            if words in text:
                return
    raise AssertionError(f"no {words!r} in {text!r}")


async def test_each_request_of_a_stream_can_reach_another_worker(workers: Workers) -> None:
    token = {STREAM_HEADER: await reserve(workers.one)}
    async with workers.two.http.stream("GET", "/graphql", headers={**EVENTS, **token}) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert len(response.headers.get_list("date")) == 1
        chunks = response.aiter_text()
        started = await workers.two.http.post("/graphql", json=FOREVER, headers=token)
        assert (started.status_code, started.content) == (202, b"")
        await read_until(chunks, '"begun"')
        assert (await workers.one.http.post("/graphql", json=FOREVER, headers=token)).status_code == 409
        params = {"operationId": "1", "token": token[STREAM_HEADER]}
        assert (await workers.two.http.delete("/graphql", params=params)).status_code == 200
        assert (await workers.two.http.post("/graphql", json=FOREVER, headers=token)).status_code == 202
        await read_until(chunks, '"begun"')


async def test_body_and_query_string_are_relayed_unchanged(workers: Workers) -> None:
    token = await reserve(workers.one)
    headers = {**EVENTS, STREAM_HEADER: token}
    word = "ä€" + "x" * 100_000
    body = {
        "query": "mutation($word: String!) { remember(word: $word) }",
        "variables": {"word": word},
        "extensions": {"operationId": "/?&= %"},
    }
    async with workers.two.http.stream("GET", "/graphql", headers=headers) as response:
        answer = await workers.two.http.post("/graphql", params={"token": token}, json=body)
        assert answer.status_code == 202
        await read_until(
            response.aiter_text(), f'{{"id":"/?&= %","payload":{{"data":{{"remember":"{word}"}}}}}}'
        )


async def test_an_error_response_is_relayed_unchanged(workers: Workers) -> None:
    headers = {STREAM_HEADER: await reserve(workers.one)}
    direct = await workers.one.http.post("/graphql", json={}, headers=headers)
    relayed = await workers.two.http.post("/graphql", json={}, headers=headers)
    assert relayed.status_code == 400
    assert (relayed.status_code, relayed.content) == (direct.status_code, direct.content)
    assert relayed.headers["content-length"] == direct.headers["content-length"]


async def test_a_stream_is_accessible_to_its_owner_only_through_any_worker(short_path: Path) -> None:
    async with two_workers(short_path, Passthrough) as workers:
        token = {STREAM_HEADER: await reserve(workers.one, ALICE)}
        for headers, expected in (({}, 401), (BOB, 404), (ALICE, 202)):
            response = await workers.two.http.post("/graphql", json=FOREVER, headers={**token, **headers})
            assert response.status_code == expected
        for headers, expected in (({}, 401), (BOB, 404)):
            response = await workers.two.http.get("/graphql", headers={**token, **headers})
            assert response.status_code == expected
        async with workers.two.http.stream("GET", "/graphql", headers={**token, **ALICE}) as response:
            await read_until(response.aiter_text(), '"begun"')


async def test_a_foreign_origin_is_refused_on_the_public_and_the_private_socket(
    workers: Workers, short_path: Path
) -> None:
    token = {STREAM_HEADER: await reserve(workers.one)}
    foreign = {**token, "Origin": "http://evil.example"}
    assert (await workers.two.http.get("/graphql", headers=foreign)).status_code == 403
    transport = httpx.AsyncHTTPTransport(uds=str(short_path / "0.sock"))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as beside:
        assert (await beside.get("/graphql", headers=foreign)).status_code == 403


async def test_a_disconnect_from_the_relay_ends_the_stream_at_its_owner(workers: Workers) -> None:
    token = {STREAM_HEADER: await reserve(workers.one)}
    async with workers.two.http.stream("GET", "/graphql", headers={**EVENTS, **token}) as response:
        await workers.one.http.post("/graphql", json=FOREVER, headers=token)
        await read_until(response.aiter_text(), '"begun"')

    async def ended() -> bool:
        answer = await workers.one.http.delete("/graphql", params={"operationId": "1"}, headers=token)
        return answer.status_code == 404

    await eventually(ended, "the stream to end")


async def test_the_exit_of_the_owner_aborts_the_relayed_stream(
    short_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        running(Local, Siblings(1, 2, str(short_path))) as other,
        running(Local, Siblings(0, 2, str(short_path))) as owner,
    ):
        token = {STREAM_HEADER: await reserve(owner)}
        async with other.http.stream("GET", "/graphql", headers={**EVENTS, **token}) as response:
            await owner.http.post("/graphql", json=FOREVER, headers=token)
            chunks = response.aiter_text()
            await read_until(chunks, '"begun"')
            owner.stop.set()
            with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
                await read_until(chunks, "an end")
        await owner.ended.wait()
        late = await other.http.post("/graphql", json=FOREVER, headers=token)
        assert late.status_code == 404
        assert GONE in late.text
        assert (await other.http.post("/graphql", json={"query": "{ square(of: 2) }"})).status_code == 200
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


UNKNOWN_TOKENS = ("0.unknown", "1.unknown", "2.x", "-1.x", "1", ".", "٣.x", "9" * 5000 + ".x")


@pytest.mark.parametrize("token", UNKNOWN_TOKENS, ids=lambda token: token[:10])
async def test_an_unknown_token_is_a_404(workers: Workers, token: str) -> None:
    response = await workers.two.http.get("/graphql", params={"token": token})
    assert response.status_code == 404
    assert GONE in response.text


async def test_a_new_stream_belongs_to_the_worker_that_received_the_request(workers: Workers) -> None:
    token = await reserve(workers.one)
    assert token.startswith("0.")
    assert (await reserve(workers.two, {STREAM_HEADER: token})).startswith("1.")
