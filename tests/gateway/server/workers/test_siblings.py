"""The other workers: names that they issue, and requests to them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.server.workers.siblings import SiblingGone, Siblings


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("0.x", 0),
        ("2.x", 2),
        ("1.x", None),
        ("3.x", None),
        ("x.y", None),
        ("0", None),
        ("00.x", None),
        ("-1.x", None),
    ],
)
def test_a_name_leads_to_the_sibling_that_issued_it(name: str, owner: int | None) -> None:
    siblings = Siblings(1, 3, "/d")
    assert siblings.owner(name) == owner
    assert list(siblings.others) == [0, 2]
    assert Siblings(0, 3, "/d").owner(f"{siblings.mark}x") == 1


@asynccontextmanager
async def worker(siblings: Siblings, reply: bytes) -> AsyncIterator[list[bytes]]:
    """Worker 0, which answers each request with these bytes and closes the connection."""
    requests: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(connected, siblings.path(0))
    try:
        yield requests
    finally:
        server.close()


async def ask(siblings: Siblings) -> tuple[int, bytes]:
    async with siblings.ask(0, "GET", b"/metrics", [(b"accept", b"*/*")]) as answer:
        return answer.status, b"".join([piece async for piece in answer.body()])


async def test_a_response_is_read_to_its_end(tmp_path: Path) -> None:
    siblings = Siblings(1, 2, str(tmp_path))
    async with worker(siblings, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") as requests:
        assert await ask(siblings) == (200, b"ok")
    assert requests[0].startswith(b"GET /metrics HTTP/1.1\r\naccept: */*\r\n")
    assert b"x-kube-graphql-relayed: 1\r\n" in requests[0]


@pytest.mark.parametrize(
    "reply",
    [b"", b"no HTTP at all\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok"],
    ids=["nothing", "another protocol", "a part of the body"],
)
async def test_an_incomplete_response_is_a_worker_that_is_gone(tmp_path: Path, reply: bytes) -> None:
    siblings = Siblings(1, 2, str(tmp_path))
    async with worker(siblings, reply):
        with pytest.raises(SiblingGone):
            await ask(siblings)


async def test_a_worker_that_does_not_run_is_gone(tmp_path: Path) -> None:
    with pytest.raises(SiblingGone, match="worker 0 is not running"):
        await ask(Siblings(1, 2, str(tmp_path)))


def test_a_socket_of_an_exited_predecessor_is_replaced(tmp_path: Path) -> None:
    siblings = Siblings(1, 2, str(tmp_path))
    for _ in range(2):
        siblings.bind().close()
    assert Path(siblings.path(1)).is_socket()
