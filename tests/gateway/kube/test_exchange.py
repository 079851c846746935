import asyncio
from itertools import count

import pytest

from gateway.errors import Forbidden, TooManyRequests, Unauthenticated, UpstreamError
from gateway.kube.config.cluster_config import UserConfig
from gateway.kube.exchange import MAX_ATTEMPTS, MAX_RETRY_DELAY_SECONDS, Retries
from gateway.kube.upstream_errors import failed_status, may_have_arrived
from tests.gateway.kube.conftest import Connect
from tests.gateway.kube.loopback import Reply, Request, json_reply, serve, status_reply


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
async def test_too_many_requests_is_retried_for_every_verb(connect: Connect, method: str) -> None:
    asked = count()

    async def answer(request: Request) -> Reply:
        if next(asked) < 2:
            return status_reply(429, "TooManyRequests", retry_after="0")
        return json_reply({})

    async with serve(answer) as server:
        client = connect(server.url)
        assert (await client.request(method, "api", body=b"same")).status == 200
    assert [request.body for request in server.requests] == [b"same"] * 3


async def test_unavailable_with_retry_after_is_retried(connect: Connect) -> None:
    asked = count()

    async def answer(request: Request) -> Reply:
        if next(asked) == 0:
            return status_reply(503, "ServiceUnavailable", retry_after="0")
        return json_reply({})

    async with serve(answer) as server:
        client = connect(server.url)
        async with client.stream("api", {}) as stream:
            assert b"".join([chunk async for chunk in stream]) == b"{}"
    assert len(server.requests) == 2


async def test_attempts_are_bounded(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        return status_reply(429, "TooManyRequests", retry_after="0")

    async with serve(answer) as server:
        client = connect(server.url)
        with pytest.raises(TooManyRequests) as caught:
            await client.get("api")
    assert len(server.requests) == MAX_ATTEMPTS
    assert caught.value.status.retry_after_seconds == 0


def test_total_retry_delay_is_bounded() -> None:
    retries = Retries(repeatable=True)
    asks_for_six = failed_status(429, {"retry-after": "6"}, b"")
    assert retries.delay(asks_for_six) == 6
    assert retries.delay(asks_for_six) is None
    assert (
        Retries(repeatable=True).delay(
            failed_status(429, {"retry-after": str(int(MAX_RETRY_DELAY_SECONDS) + 1)}, b"")
        )
        is None
    )


@pytest.mark.parametrize(
    ("code", "headers"),
    [(403, {"retry-after": "0"}), (404, {"retry-after": "0"}), (500, {}), (429, {}), (503, {})],
)
def test_other_failures_are_final(code: int, headers: dict[str, str]) -> None:
    assert Retries(repeatable=True).delay(failed_status(code, headers, b"")) is None


def test_a_server_failure_is_final_for_a_write() -> None:
    unavailable = failed_status(503, {"retry-after": "0"}, b"")
    assert Retries(repeatable=False).delay(unavailable) is None
    assert Retries(repeatable=True).delay(unavailable) == 0


async def test_forbidden_is_final(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        return status_reply(403, "Forbidden", retry_after="0")

    async with serve(answer) as server:
        client = connect(server.url, user=UserConfig(token="t"))
        with pytest.raises(Forbidden):
            await client.get("api")
    assert len(server.requests) == 1


async def test_unauthenticated_with_nothing_to_refresh_is_final(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        return status_reply(401, "Unauthorized")

    async with serve(answer) as server:
        client = connect(server.url, user=UserConfig(token="t"))
        for sender in (client, client.as_bearer("alice")):
            with pytest.raises(Unauthenticated):
                await sender.get("api")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("method", "repeatable", "broken", "attempts"),
    [("GET", False, 3, 4), ("PATCH", True, 1, 2), ("POST", False, 1, 1), ("GET", False, 9, 4)],
)
async def test_connection_broken_before_the_response_is_retried_for_repeatable_requests(
    connect: Connect, method: str, repeatable: bool, broken: int, attempts: int
) -> None:
    accepted = 0

    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        await reader.readuntil(b"\r\n\r\n")
        if accepted > broken:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(break_off, "127.0.0.1", 0)
    client = connect(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    if attempts > broken:
        assert (await client.request(method, "api", repeatable=repeatable)).body == b"{}"
    else:
        with pytest.raises(UpstreamError) as failed:
            await client.request(method, "api", repeatable=repeatable)
        assert may_have_arrived(failed.value)
    server.close()
    assert accepted == attempts
