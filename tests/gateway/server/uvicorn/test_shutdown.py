"""Requests in flight at shutdown."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from gateway.server.uvicorn.shutdown import InFlight

START: Message = {"type": "http.response.start", "status": 200, "headers": []}


class App:
    """Waits before or after the start of its response until the test continues it."""

    def __init__(self, *, starts: bool) -> None:
        self.starts = starts
        self.waits, self.goes_on = asyncio.Event(), asyncio.Event()

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        if self.starts:
            await send(START)
        self.waits.set()
        await self.goes_on.wait()


async def receive() -> Message:
    return {"type": "http.disconnect"}


def begin(layer: InFlight, scope_type: str = "http") -> tuple[asyncio.Task[None], list[Message]]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": scope_type}

    async def call() -> None:
        await layer(scope, receive, send)

    return asyncio.create_task(call()), sent


async def test_a_request_without_a_response_gets_a_503() -> None:
    app = App(starts=False)
    layer = InFlight(app)
    task, sent = begin(layer)
    await app.waits.wait()
    assert layer.count == 1
    layer.end()
    await task
    assert (sent[0]["status"], layer.count) == (503, 0)


@pytest.mark.parametrize("scope_type", ["http", "websocket"])
async def test_a_started_response_and_a_websocket_are_left_alone(scope_type: str) -> None:
    app = App(starts=scope_type == "http")
    layer = InFlight(app)
    task, sent = begin(layer, scope_type)
    await app.waits.wait()
    assert layer.count == 0
    layer.end()
    app.goes_on.set()
    await task
    assert 503 not in [message.get("status") for message in sent]


async def test_a_client_that_disconnects_is_not_answered() -> None:
    app = App(starts=False)
    layer = InFlight(app)
    task, sent = begin(layer)
    await app.waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (sent, layer.count) == ([], 0)
