"""Other people's clients and audits, run by Node."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fixtures.clients import check_clients, run_script
from tests.gateway.server.conftest import Served

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(autouse=True, scope="module")
def _clients_installed() -> None:
    check_clients()


async def test_every_audit_of_graphql_http_passes(local: Served) -> None:
    _, output = await run_script("audit.mjs", f"http://127.0.0.1:{local.port}/graphql")
    results: list[dict[str, Any]] = json.loads(output)
    assert len(results) == 61
    assert [each for each in results if each["status"] != "ok"] == []


COUNT = "subscription { count(to: 3) }"
NUMBERS = [{"count": each} for each in range(3)]
CALLER = "subscription { caller }"


@dataclass(frozen=True)
class Client:
    """A client of one protocol: its script, and how that is told where to go and who asks."""

    script: str
    arguments: tuple[str, ...]
    scheme: str

    async def run(self, served: Served, query: str, credentials: dict[str, str] | None = None) -> "Outcome":
        url = f"{self.scheme}://127.0.0.1:{served.port}/graphql"
        before = [each for each in self.arguments if each in TRANSPORTS]
        after = [each for each in self.arguments if each not in TRANSPORTS]
        status, output = await run_script(
            self.script, *before, url, query, *after, json.dumps(credentials or {})
        )
        return Outcome(status, output.splitlines())


@dataclass(frozen=True)
class Outcome:
    status: int
    lines: list[str]

    @property
    def results(self) -> list[Any]:
        """The data of each result, of a subscription that completed."""
        assert (self.status, self.lines[-1:]) == (0, ["complete"]), self.lines
        results = map(json.loads, self.lines[:-1])
        return [each.get("data", each) for each in results]


TRANSPORTS = ("http", "ws")
CLIENTS_OF_PROTOCOLS = {
    "graphql-ws": Client("subscribe.mjs", (), "ws"),
    "subscriptions-transport-ws": Client("legacy.mjs", (), "ws"),
    "graphql-sse, distinct connections": Client("sse.mjs", ("distinct",), "http"),
    "graphql-sse, single connection": Client("sse.mjs", ("single",), "http"),
    "Apollo, multipart": Client("apollo.mjs", ("http",), "http"),
    "Apollo, graphql-ws": Client("apollo.mjs", ("ws",), "ws"),
    "urql, server-sent events": Client("urql.mjs", ("http",), "http"),
    "urql, graphql-ws": Client("urql.mjs", ("ws",), "ws"),
}
each_client = pytest.mark.parametrize("client", CLIENTS_OF_PROTOCOLS.values(), ids=list(CLIENTS_OF_PROTOCOLS))


@each_client
async def test_a_subscription_arrives_and_completes(local: Served, client: Client) -> None:
    assert (await client.run(local, COUNT)).results == NUMBERS


@each_client
async def test_the_token_is_the_subscribers(passthrough: Served, client: Client) -> None:
    (result,) = (await client.run(passthrough, CALLER, {"Authorization": "Bearer alice"})).results
    assert result == {"caller": passthrough.client.as_bearer("alice").identity}


@each_client
async def test_without_a_token_there_is_an_error(passthrough: Served, client: Client) -> None:
    outcome = await client.run(passthrough, CALLER)
    assert outcome.status == 1
    assert "complete" not in outcome.lines


@each_client
async def test_a_mistake_is_told(local: Served, client: Client) -> None:
    outcome = await client.run(local, "subscription { nothing }")
    assert "Cannot query field 'nothing'" in "".join(outcome.lines)
    assert '"data"' not in "".join(outcome.lines)


async def test_graphql_ws_is_told_that_a_token_is_missing(passthrough: Served) -> None:
    status, output = await run_script("subscribe.mjs", passthrough.websocket_url, "{ caller }")
    assert status == 1
    assert json.loads(output)["code"] == 4403
