"""Messages that are gathered until the event loop's next turn: all of them, in order, in few writes."""

import json

import pytest
from websockets.exceptions import ConnectionClosedError

from gateway.server.uvicorn.websocket_protocol import MOST_BYTES, GatheringProtocol
from tests.fixtures.graphql_ws import Socket, open_socket
from tests.gateway.server.conftest import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes were gathered each time that something was handed over."""
    sizes: list[int] = []
    hand_over = GatheringProtocol._hand_over

    def counting(self: GatheringProtocol) -> None:
        sizes.append(self._gathered)
        hand_over(self)

    monkeypatch.setattr(GatheringProtocol, "_hand_over", counting)
    return sizes


async def test_what_is_sent_at_once_is_written_together(local: Served, written: list[int]) -> None:
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        stream = await socket.subscribe("subscription { count(to: 500) }")
        numbers = [(await stream.result())["data"]["count"] for _ in range(500)]

    assert numbers == list(range(500))
    assert sum(each > 0 for each in written) < 100


async def test_much_at_once_is_written_in_between(local: Served, written: list[int]) -> None:
    many = 4 * MOST_BYTES // 50
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        stream = await socket.subscribe(f"subscription {{ count(to: {many}) }}")
        for number in range(many):
            assert (await stream.result())["data"] == {"count": number}

    assert max(written) < MOST_BYTES + 200


async def test_a_close_comes_after_what_was_gathered(local: Served) -> None:
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
    numbers = [each["payload"]["data"]["count"] for each in messages if each["type"] == "next"]
    assert numbers == list(range(len(numbers)))


async def read_all(socket: Socket, received: list[str | bytes]) -> None:
    while True:
        received.append(await socket.connection.recv())


async def test_a_message_after_the_client_has_gone_is_no_error(
    local: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        await socket.subscribe("subscription { count(to: 100000) }")
        socket.connection.transport.abort()

    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        stream = await socket.subscribe("subscription { count(to: 1) }")
        assert (await stream.result())["data"] == {"count": 0}
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []
