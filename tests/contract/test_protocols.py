"""The same subscription in every protocol: the same events, and nothing left of a client that has gone."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.fixtures.api import core, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.waiting import DEADLINE, eventually

QUERY = "subscription($n: String) { pods(namespace: $n) { type object { metadata { name } } } }"
PARTS = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"
TOKEN = "X-GraphQL-Event-Stream-Token"

Results = AsyncIterator[dict[str, Any]]
Opening = Callable[[GatewayProcess, dict[str, Any]], AbstractAsyncContextManager[Results]]


@asynccontextmanager
async def transport_ws(gateway: GatewayProcess, request: dict[str, Any]) -> AsyncIterator[Results]:
    async with gateway.subscribe(request["query"], request["variables"]) as stream:

        async def results() -> Results:
            while True:
                yield await stream.result()

        yield results()


@asynccontextmanager
async def legacy_ws(gateway: GatewayProcess, request: dict[str, Any]) -> AsyncIterator[Results]:
    async with connect(gateway.socket_url, subprotocols=[Subprotocol("graphql-ws")]) as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        await socket.send(json.dumps({"type": "start", "id": "1", "payload": request}))

        async def results() -> Results:
            async for frame in socket:
                message = json.loads(frame)
                if message["type"] == "data":
                    yield message["payload"]

        yield results()


@asynccontextmanager
async def opened(
    gateway: GatewayProcess, method: str, **arguments: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, AsyncIterator[str]]]:
    async with (
        httpx.AsyncClient(base_url=gateway.url, timeout=DEADLINE, trust_env=False) as http,
        http.stream(method, "/graphql", **arguments) as response,
    ):
        yield http, response.aiter_lines()


@asynccontextmanager
async def events(gateway: GatewayProcess, request: dict[str, Any]) -> AsyncIterator[Results]:
    accept = {"Accept": "text/event-stream"}
    async with opened(gateway, "POST", json=request, headers=accept) as (_, lines):
        yield (json.loads(line[6:]) async for line in lines if line.startswith("data: {"))


@asynccontextmanager
async def shared_events(gateway: GatewayProcess, request: dict[str, Any]) -> AsyncIterator[Results]:
    token = {TOKEN: (await gateway.request("PUT", "/graphql")).text}
    async with opened(gateway, "GET", headers=token) as (_, lines):
        body = {**request, "extensions": {"operationId": "1"}}
        assert (await gateway.request("POST", "/graphql", json=body, headers=token)).status_code == 202
        yield (json.loads(line[6:])["payload"] async for line in lines if line.startswith("data: {"))


@asynccontextmanager
async def parts(gateway: GatewayProcess, request: dict[str, Any]) -> AsyncIterator[Results]:
    async with opened(gateway, "POST", json=request, headers={"Accept": PARTS}) as (_, lines):
        yield (json.loads(line)["payload"] async for line in lines if line.startswith('{"payload"'))


PROTOCOLS = [transport_ws, legacy_ws, events, shared_events, parts]


async def subscribers(gateway: GatewayProcess) -> float:
    text = (await gateway.request("GET", "/metrics")).text
    families = {each.name: each for each in text_string_to_metric_families(text)}
    return float(families["kube_graphql_subscribers"].samples[0].value)


@pytest.mark.parametrize("opening", PROTOCOLS)
async def test_every_protocol_brings_the_same_events_and_forgets_who_leaves(
    gateway: GatewayProcess, backend: Backend, namespace: str, opening: Opening
) -> None:
    pods = core("pods", namespace)
    backend.api().create(pods, pod("first", labels={}))
    before = await subscribers(gateway)
    request = {"query": QUERY, "variables": {"n": namespace}}
    async with asyncio.timeout(DEADLINE), opening(gateway, request) as results:
        assert await anext(results) == added("first")
        assert await anext(results) == {"data": {"pods": {"type": "SYNCED", "object": None}}}
        assert await subscribers(gateway) >= 1
        backend.api().create(pods, pod("second", labels={}))
        assert await anext(results) == added("second")

    async def forgotten() -> bool:
        return await subscribers(gateway) <= before

    await eventually(forgotten, "the subscription to end with its client")


@pytest.mark.parametrize("query", ["{ nothing }", "{", "subscription { pods(nothing: 1) { type } }"])
async def test_what_cannot_be_run_is_refused_in_single_connection_mode(
    gateway: GatewayProcess, query: str
) -> None:
    token = {TOKEN: (await gateway.request("PUT", "/graphql")).text}
    body = {"query": query, "extensions": {"operationId": "1"}}
    refused = await gateway.request("POST", "/graphql", json=body, headers=token)
    assert refused.status_code == 400
    assert [each["extensions"]["code"] for each in refused.json()["errors"]] == ["BAD_REQUEST"]


def added(name: str) -> dict[str, Any]:
    return {"data": {"pods": {"type": "ADDED", "object": {"metadata": {"name": name}}}}}
