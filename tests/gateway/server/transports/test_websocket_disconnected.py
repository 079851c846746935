"""A client disconnects while a message is being sent to it."""

import asyncio
import json
import logging
from collections.abc import MutableMapping
from typing import Any

import pytest

from gateway.identity import Local
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.server import build_app
from tests.fixtures.waiting import DEADLINE
from tests.gateway.server.conftest import SmallAPI

START = {"graphql-transport-ws": "subscribe", "graphql-ws": "start"}
DATA = ("next", "data")


class DisconnectedPeer:
    """The ASGI server's side: sending data fails, like in uvicorn after the peer has disconnected."""

    def __init__(self, subprotocol: str) -> None:
        request = {
            "id": "1",
            "type": START[subprotocol],
            "payload": {"query": "subscription { count(to: 9) }"},
        }
        self.disconnected = asyncio.Event()
        self._incoming: list[dict[str, Any]] = [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": '{"type": "connection_init"}'},
            {"type": "websocket.receive", "text": json.dumps(request)},
        ]
        self.scope = {
            "type": "websocket",
            "path": "/graphql",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1")],
            "subprotocols": [subprotocol],
            "extensions": {},
        }

    async def receive(self) -> dict[str, Any]:
        if self._incoming:
            return self._incoming.pop(0)
        await self.disconnected.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if json.loads(message.get("text", "{}")).get("type") in DATA:
            self.disconnected.set()
            raise OSError("the peer has disconnected")


@pytest.mark.parametrize("subprotocol", START)
async def test_a_disconnect_during_a_send_is_not_logged_as_an_error(
    subprotocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = KubeClient.connect(ClusterConfig(server="http://127.0.0.1:1"))
    app = build_app(SmallAPI(), Local(client))
    peer = DisconnectedPeer(subprotocol)
    with caplog.at_level(logging.DEBUG):
        await asyncio.wait_for(app(peer.scope, peer.receive, peer.send), DEADLINE)
    await client.aclose()
    assert peer.disconnected.is_set()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
