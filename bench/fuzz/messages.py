"""Messages on a websocket of their own, and the answer that their protocol defines for each."""

import json
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from bench.fuzz.inputs import STARTS

__all__ = ["Unanswered", "has_no_answer", "send_message"]

_SILENT = {"graphql-transport-ws": ("complete", "pong"), "graphql-ws": ("stop",)}
"""The types of messages whose protocol defines no answer."""
_INTERNAL_ERROR = 1011
_BARRIER = '"barrier"'


class Unanswered(Exception):
    """The gateway broke the protocol: close code 1011, or another message than the awaited one."""


def has_no_answer(subprotocol: str, message: str | bytes) -> bool:
    """Whether the protocol defines no answer to the message: all others lead to one, or to a close."""
    with suppress(ValueError):
        value = json.loads(message)
        return isinstance(value, dict) and value.get("type") in _SILENT[subprotocol]
    return False


async def send_message(url: str, subprotocol: str, message: str | bytes) -> bytes:
    """The first answer to the message, empty if it closes the connection.

    A message without an answer is followed by an operation, which has one. Waits without a limit.
    """
    answer = ""
    async with connect(url, subprotocols=[Subprotocol(subprotocol)], compression=None, proxy=None) as socket:
        await socket.send('{"type": "connection_init"}')
        if json.loads(await socket.recv())["type"] != "connection_ack":
            raise Unanswered("no connection_ack")
        with suppress(ConnectionClosed):
            await socket.send(message)
            if has_no_answer(subprotocol, message):
                await socket.send(_operation(subprotocol))
                answer = await _operation_answer(socket)
            else:
                answer = str(await _received(socket))
    if socket.close_code == _INTERNAL_ERROR:
        raise Unanswered(f"close code {_INTERNAL_ERROR}")
    return answer.encode("utf-8", "surrogatepass")


def _operation(subprotocol: str) -> str:
    payload = '{"query": "{ __typename }"}'
    return f'{{"type": "{STARTS[subprotocol]}", "id": {_BARRIER}, "payload": {payload}}}'


async def _operation_answer(socket: ClientConnection) -> str:
    answer = str(await _received(socket))
    if _BARRIER not in answer:
        raise Unanswered(f"an answer to a message that has none: {answer[:300]}")
    return answer


async def _received(socket: ClientConnection) -> str | bytes:
    """The next message that is no keep-alive of the legacy protocol."""
    while (message := await socket.recv()) == '{"type":"ka"}':
        pass
    return message
