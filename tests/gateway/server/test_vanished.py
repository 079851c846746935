"""Clients whose host vanishes without a word: the system gives them up, as it is told to."""

import asyncio
import socket
import sys

import pytest
import uvloop

from gateway.identity import Local
from gateway.server.uvicorn import vanished
from tests.fixtures.waiting import eventually
from tests.gateway.server.conftest import Served, running

EVENTS = {"Accept": "text/event-stream"}
FOREVER = {"query": "subscription { forever }"}
FLOOD = {"query": f"subscription {{ {'long' * 500}: count(to: 1000000000) }}"}
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows TCP_USER_TIMEOUT")

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
def test_every_accepted_connection_has_the_bound(name: str) -> None:
    """The listening socket is told, and hands it on; whatever event loop accepts."""
    with asyncio.Runner(loop_factory=FACTORIES[name]) as runner:
        found = runner.run(options_of_an_accepted_connection())
    assert found == {"keep alive": 1, "idle": 30, "interval": 10, "bound": 60_000}


@on_linux
async def test_a_client_that_takes_nothing_is_given_up_after_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one that vanished: what is sent to it is acknowledged by nobody."""
    monkeypatch.setattr(vanished, "BOUND", 1)
    async with running(Local) as served, served.http.stream("POST", "/graphql", json=FLOOD, headers=EVENTS):
        await eventually(lambda: stuck(served), "the connection to be full")
        await eventually(lambda: gone(served), "the connection to be given up")


async def stuck(served: Served) -> bool:
    return any(each.transport.get_write_buffer_size() for each in served.listener.server_state.connections)


async def gone(served: Served) -> bool:
    return not served.listener.server_state.connections
