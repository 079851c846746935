"""Other people's clients and audits, run by Node."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.requirements import unavailable
from tests.gateway.server.conftest import Served

CLIENTS = Path(__file__).parents[2] / "clients"

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(autouse=True, scope="module")
def _clients_installed() -> None:
    if shutil.which("node") is None:
        unavailable("node", "Node is not installed", "apt-get install nodejs npm")
    if not (CLIENTS / "node_modules" / "graphql-http").is_dir():
        unavailable("node", "the npm packages are not installed", "npm ci --prefix tests/clients")


async def node(script: str, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        "node", CLIENTS / script, *arguments, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(90):
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_every_audit_of_graphql_http_passes(local: Served) -> None:
    _, output = await node("audit.mjs", f"http://127.0.0.1:{local.port}/graphql")
    results: list[dict[str, Any]] = json.loads(output)
    assert len(results) == 61
    assert [each for each in results if each["status"] != "ok"] == []


async def test_graphql_ws_subscribes(local: Served) -> None:
    status, output = await node("subscribe.mjs", local.websocket_url, "subscription { count(to: 3) }")
    expected = [json.dumps({"data": {"count": each}}, separators=(",", ":")) for each in range(3)]
    assert (status, output.splitlines()) == (0, [*expected, "complete"])


async def test_graphql_ws_sends_the_token_in_connection_init(passthrough: Served) -> None:
    params = json.dumps({"Authorization": "Bearer alice"})
    status, output = await node("subscribe.mjs", passthrough.websocket_url, "{ caller }", params)
    assert status == 0
    assert passthrough.client.as_bearer("alice").identity in output


async def test_graphql_ws_is_told_that_a_token_is_missing(passthrough: Served) -> None:
    status, output = await node("subscribe.mjs", passthrough.websocket_url, "{ caller }")
    assert status == 1
    assert json.loads(output)["code"] == 4403
