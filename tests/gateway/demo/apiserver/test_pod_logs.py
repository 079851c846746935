"""The log of a container: its lines, its parameters, and its end when the server stops."""

import asyncio

import httpx

from gateway.demo import run_demo
from tests.gateway.demo.demo_client import DEADLINE, DemoCluster


async def test_a_log_has_lines(still: DemoCluster) -> None:
    name = (await still.get("/api/v1/namespaces/shop/pods"))["items"][0]["metadata"]["name"]
    path = f"/api/v1/namespaces/shop/pods/{name}/log"
    log = (await still.client.get(path, params={"tailLines": 3, "timestamps": "true"})).text
    assert len(log.splitlines()) == 3
    # a line may follow between the two requests
    assert log.splitlines()[-1].partition(" ")[2] in (await still.client.get(path)).text.splitlines()[-2:]
    refused = await still.client.get(path, params={"container": "other"})
    assert (refused.status_code, refused.json()["reason"]) == (400, "BadRequest")


async def test_it_ends_with_a_log_followed() -> None:
    async with asyncio.timeout(DEADLINE), httpx.AsyncClient(timeout=DEADLINE, verify=False) as client:
        async with run_demo(living=False) as demo:
            path = f"{demo.url}/api/v1/namespaces/media/pods/postgres-0/log"
            query = {"follow": "true", "tailLines": "1"}
            response = await client.send(client.build_request("GET", path, params=query), stream=True)
            lines = response.aiter_lines()
            assert "level=info" in await anext(lines)
        assert [line async for line in lines if "level=info" not in line] == []
