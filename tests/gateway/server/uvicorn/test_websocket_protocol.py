"""Batched writes: all messages, in order, in few writes to the socket."""

import json

import pytest
from websockets.exceptions import ConnectionClosedError

from gateway.server.uvicorn.websocket_protocol import LARGEST_BATCH_BYTES, BatchingWriteProtocol
from tests.fixtures.graphql_ws import Socket, open_socket
from tests.gateway.server.conftest import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of the batch at each flush, in bytes."""
    sizes: list[int] = []
    flush = BatchingWriteProtocol._flush

    def counting(self: BatchingWriteProtocol) -> None:
        sizes.append(self._batched_bytes)
        flush(self)

    monkeypatch.setattr(BatchingWriteProtocol, "_flush", counting)
    return sizes


async def test_messages_of_one_turn_share_a_write(local: Served, written: list[int]) -> None:
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        stream = await socket.subscribe("subscription { count(to: 500) }")
        numbers = [(await stream.result())["data"]["count"] for _ in range(500)]

    assert numbers == list(range(500))
    assert sum(size > 0 for size in written) < 100


async def test_a_full_batch_is_flushed_within_the_turn(local: Served, written: list[int]) -> None:
    many = 4 * LARGEST_BATCH_BYTES // 50
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        stream = await socket.subscribe(f"subscription {{ count(to: {many}) }}")
        for number in range(many):
            assert (await stream.result())["data"] == {"count": number}

    assert max(written) < LARGEST_BATCH_BYTES + 200


async def test_a_close_frame_follows_the_batched_messages(local: Served) -> None:
    received: list[str | bytes] = []
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        request = {"query": "subscription { count(to: 40) }"}
        await socket.send({"id": "1", "type": "subscribe", "payload": request})
        await socket.send({"type": "nothing"})
        with pytest.raises(ConnectionClosedError) as closed:
            await read_all(socket, received)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4400
    messages = map(json.loads, received)
    numbers = [item["payload"]["data"]["count"] for item in messages if item["type"] == "next"]
    assert numbers == list(range(len(numbers)))


async def read_all(socket: Socket, received: list[str | bytes]) -> None:
    while True:
        received.append(await socket.connection.recv())


async def test_a_message_after_a_disconnect_is_not_logged_as_an_error(
    local: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        await socket.subscribe("subscription { count(to: 10000) }")
        socket.connection.transport.abort()

    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        stream = await socket.subscribe("subscription { count(to: 1) }")
        assert (await stream.result())["data"] == {"count": 0}
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
