"""The kernel closes connections of clients whose host is gone."""

import asyncio
import socket
import sys

import pytest
import uvloop

from gateway.identity import Local
from gateway.server.uvicorn import listener
from tests.fixtures.waiting import eventually
from tests.gateway.server.conftest import Served, running

EVENTS = {"Accept": "text/event-stream"}
FOREVER = {"query": "subscription { forever }"}
FLOOD = {"query": f"subscription {{ {'long' * 500}: count(to: 1000000000) }}"}
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has TCP_USER_TIMEOUT")

FACTORIES = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


async def options_of_an_accepted_connection() -> dict[str, int]:
    async with running(Local) as served, served.http.stream("POST", "/graphql", json=FOREVER, headers=EVENTS):
        (connection,) = served.listener.server_state.connections
        accepted = connection.transport.get_extra_info("socket")
        return {
            "keep alive": accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            "idle": accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
            "interval": accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
            "bound": accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
        }


@on_linux
@pytest.mark.parametrize("name", FACTORIES)
def test_accepted_connections_inherit_the_socket_options(name: str) -> None:
    """The options are set on the listening socket; every event loop accepts sockets with them."""
    with asyncio.Runner(loop_factory=FACTORIES[name]) as runner:
        found = runner.run(options_of_an_accepted_connection())
    assert found == {"keep alive": 1, "idle": 30, "interval": 10, "bound": 60_000}


@on_linux
async def test_a_client_that_does_not_read_is_dropped_after_the_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Like a vanished host: sent data stays unacknowledged."""
    monkeypatch.setattr(listener, "_UNACKNOWLEDGED_TIMEOUT_SECONDS", 1)
    async with running(Local) as served, served.http.stream("POST", "/graphql", json=FLOOD, headers=EVENTS):
        await eventually(lambda: stuck(served), "the connection to be full")
        await eventually(lambda: dropped(served), "the connection to be dropped")


async def stuck(served: Served) -> bool:
    return any(item.transport.get_write_buffer_size() for item in served.listener.server_state.connections)


async def dropped(served: Served) -> bool:
    return not served.listener.server_state.connections
