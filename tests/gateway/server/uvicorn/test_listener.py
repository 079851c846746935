"""The listening socket, and shutdown with connected clients."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from gateway.binding import bind
from gateway.errors import ConfigurationError
from gateway.identity import Local
from gateway.server import Listener
from tests.fixtures.waiting import eventually
from tests.gateway.server.conftest import Served, running

SHUTDOWN_LIMIT_SECONDS = 20  # a server that waits for its clients would never end


@pytest_asyncio.fixture
async def local() -> AsyncIterator[Served]:
    async with running(Local) as served:
        yield served


async def end(served: Served) -> None:
    served.stop.set()
    async with asyncio.timeout(SHUTDOWN_LIMIT_SECONDS):
        await served.ended.wait()


async def test_a_port_taken_after_the_bind_is_a_configuration_error() -> None:
    with bind("127.0.0.1", 0) as bound, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(bound.getsockname())
        other.listen()
        listener = Listener(Starlette(), bound, ready=lambda: None)
        with pytest.raises(ExceptionGroup) as failed:
            await listener.run_until(asyncio.Event())
    assert failed.group_contains(ConfigurationError, match="Address already in use")


@pytest.mark.parametrize(
    ("subprotocol", "begin"), [("graphql-transport-ws", "subscribe"), ("graphql-ws", "start")]
)
async def test_websockets_are_closed_with_service_restart(
    local: Served, caplog: pytest.LogCaptureFixture, subprotocol: str, begin: str
) -> None:
    async with connect(local.websocket_url, subprotocols=[Subprotocol(subprotocol)]) as ws:
        await ws.send(json.dumps({"type": "connection_init"}))
        await ws.recv()
        await ws.send(
            json.dumps({"id": "1", "type": begin, "payload": {"query": "subscription { forever }"}})
        )
        while "begun" not in str(await ws.recv()):
            pass
        await end(local)
        with pytest.raises(ConnectionClosedError) as closed:
            await ws.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_an_unanswered_request_gets_a_503(local: Served, caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.TaskGroup() as group:
        request = group.create_task(local.http.post("/graphql", json={"query": "{ never }"}))
        while not local.listener.in_flight.count:  # noqa: ASYNC110 (no event signals an incoming request)
            await asyncio.sleep(0.01)
        await end(local)
    assert request.result().status_code == 503
    assert request.result().json()["errors"][0]["message"] == "the gateway is shutting down"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_stopped_server_accepts_no_connection(local: Served) -> None:
    await end(local)
    with pytest.raises(httpx.ConnectError):
        await local.http.get("/livez")


# a long alias, so that a few thousand messages fill every buffer on the way
FLOOD = {"query": f"subscription {{ {'long' * 500}: count(to: 1000000000) }}"}


async def stuck(served: Served) -> bool:
    """Whether data waits for a client that does not read."""
    return any(item.transport.get_write_buffer_size() for item in served.listener.server_state.connections)


async def test_a_websocket_client_that_does_not_read_does_not_delay_shutdown(local: Served) -> None:
    subprotocols = [Subprotocol("graphql-transport-ws")]
    async with connect(local.websocket_url, subprotocols=subprotocols, close_timeout=0.1) as ws:
        await ws.send(json.dumps({"type": "connection_init"}))
        await ws.recv()
        await ws.send(json.dumps({"id": "1", "type": "subscribe", "payload": FLOOD}))
        await eventually(lambda: stuck(local), "the connection to be full")
        await end(local)


async def test_a_stream_client_that_does_not_read_does_not_delay_shutdown(local: Served) -> None:
    headers = {"Accept": "text/event-stream"}
    async with local.http.stream("POST", "/graphql", json=FLOOD, headers=headers):
        await eventually(lambda: stuck(local), "the connection to be full")
        await end(local)
