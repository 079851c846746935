"""A client that is gone while something is sent to it, before anything says so."""

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
from tests.gateway.server.conftest import SmallGateway

START = {"graphql-transport-ws": "subscribe", "graphql-ws": "start"}
DATA = ("next", "data")


class Vanished:
    """The other side of the application: it fails to send data, as uvicorn does when the peer is gone."""

    def __init__(self, subprotocol: str) -> None:
        request = {
            "id": "1",
            "type": START[subprotocol],
            "payload": {"query": "subscription { count(to: 9) }"},
        }
        self.gone = asyncio.Event()
        self._coming: list[dict[str, Any]] = [
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
        if self._coming:
            return self._coming.pop(0)
        await self.gone.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if json.loads(message.get("text", "{}")).get("type") in DATA:
            self.gone.set()
            raise OSError("the peer is gone")


@pytest.mark.parametrize("subprotocol", START)
async def test_a_client_that_is_gone_is_no_error(subprotocol: str, caplog: pytest.LogCaptureFixture) -> None:
    client = KubeClient.connect(ClusterConfig(server="http://127.0.0.1:1"))
    app = build_app(SmallGateway(), Local(client))
    peer = Vanished(subprotocol)
    with caplog.at_level(logging.DEBUG):
        await asyncio.wait_for(app(peer.scope, peer.receive, peer.send), DEADLINE)
    await client.aclose()
    assert peer.gone.is_set()
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []
