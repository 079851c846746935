"""The end of a subscription by the gateway, on the wire of each protocol."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.fixtures.backends import TappedGateway
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.tap import Refusal, Request
from tests.fixtures.waiting import DEADLINE

QUERY = "subscription { configMaps { type } }"
BODY = {"query": QUERY}
MULTIPART = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"

Frames = Callable[[GatewayProcess], Awaitable[list[tuple[str, Any]]]]
"""The frames from the end of the initial events on, each with its type and its payload."""


async def socket_frames(gateway: GatewayProcess, protocol: str, start: str) -> list[tuple[str, Any]]:
    frames: list[tuple[str, Any]] = []
    async with connect(gateway.socket_url, subprotocols=[Subprotocol(protocol)]) as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        await socket.send(json.dumps({"type": start, "id": "1", "payload": BODY}))
        while not frames or frames[-1][0] not in ("error", "complete"):
            message = json.loads(await socket.recv())
            if message.get("id") == "1":
                frames.append((message["type"], message.get("payload")))
        # nothing follows the last message
        await socket.send(
            json.dumps({"type": start, "id": "2", "payload": {"query": "{ version { major } }"}})
        )
        while (message := json.loads(await socket.recv())).get("id") != "2":
            assert message["type"] in ("ka", "ping"), message
    return frames


async def transport_ws(gateway: GatewayProcess) -> list[tuple[str, Any]]:
    return await socket_frames(gateway, "graphql-transport-ws", "subscribe")


async def legacy_ws(gateway: GatewayProcess) -> list[tuple[str, Any]]:
    return await socket_frames(gateway, "graphql-ws", "start")


def event_frames(text: str) -> list[tuple[str, Any]]:
    blocks = [block.split("\n") for block in text.split("\n\n") if block.startswith("event: ")]
    return [(event[7:], json.loads(data[6:] or "null")) for event, data in blocks]


async def events(gateway: GatewayProcess) -> list[tuple[str, Any]]:
    response = await gateway.request("POST", "/graphql", json=BODY, headers={"Accept": "text/event-stream"})
    return event_frames(response.text)


async def parts(gateway: GatewayProcess) -> list[tuple[str, Any]]:
    response = await gateway.request("POST", "/graphql", json=BODY, headers={"Accept": MULTIPART})
    *found, last = response.text.split("--graphql")
    assert last == "--\r\n"
    bodies = (json.loads(part.partition("\r\n\r\n")[2]) for part in found if part)
    return [("part", body) for body in bodies if body]


def unavailable(request: Request) -> Refusal | None:
    if "/configmaps" in request.target:
        return Refusal(500, "InternalError", "conversion webhook failed")
    return None


def forbidden(request: Request) -> Refusal | None:
    return Refusal(403, "Forbidden") if "/configmaps" in request.target else None


async def ends(gateway: GatewayProcess) -> dict[str, list[tuple[str, Any]]]:
    """The frames of the same subscription by protocol."""
    openings = (transport_ws, legacy_ws, events, parts)
    async with asyncio.timeout(DEADLINE):
        found = await asyncio.gather(*(opening(gateway) for opening in openings))
    return {opening.__name__: frames for opening, frames in zip(openings, found, strict=True)}


@pytest.mark.parametrize(
    ("refuse", "code", "passes"),
    [(unavailable, "UPSTREAM_UNAVAILABLE", True), (forbidden, "FORBIDDEN", False)],
)
async def test_an_error_that_ends_a_subscription_has_the_form_of_each_protocol(
    shared_tapped_gateway: TappedGateway,
    refuse: Callable[[Request], Refusal | None],
    code: str,
    passes: bool,
) -> None:
    shared_tapped_gateway.tap.refuse = refuse
    frames = await ends(shared_tapped_gateway.gateway)
    ((kind, errors),) = frames["transport_ws"]
    assert (kind, [error["extensions"]["code"] for error in errors]) == ("error", [code])
    (error,) = errors
    assert frames["legacy_ws"] == [("error", error)]
    assert frames["parts"] == [("part", {"payload": None, "errors": [error]})]
    # the protocol has no error event; without "complete" the client subscribes again
    completion = [] if passes else [("complete", None)]
    assert frames["events"] == [("next", {"errors": [error]}), *completion]
