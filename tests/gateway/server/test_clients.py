"""Third-party clients and audits, run by Node."""

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
    assert [audit for audit in results if audit["status"] != "ok"] == []


COUNT = "subscription { count(to: 3) }"
NUMBERS = [{"count": number} for number in range(3)]
CALLER = "subscription { caller }"


@dataclass(frozen=True)
class Client:
    """A client of one protocol: its script, arguments and URL scheme."""

    script: str
    arguments: tuple[str, ...]
    scheme: str

    async def run(self, served: Served, query: str, credentials: dict[str, str] | None = None) -> "Outcome":
        url = f"{self.scheme}://127.0.0.1:{served.port}/graphql"
        before = [item for item in self.arguments if item in TRANSPORTS]
        after = [item for item in self.arguments if item not in TRANSPORTS]
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
        """The data of all results of a completed subscription."""
        assert (self.status, self.lines[-1:]) == (0, ["complete"]), self.lines
        results = map(json.loads, self.lines[:-1])
        return [result.get("data", result) for result in results]


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
async def test_a_subscription_delivers_its_results_and_completes(local: Served, client: Client) -> None:
    assert (await client.run(local, COUNT)).results == NUMBERS


@each_client
async def test_a_subscription_runs_as_the_token_s_identity(passthrough: Served, client: Client) -> None:
    (result,) = (await client.run(passthrough, CALLER, {"Authorization": "Bearer alice"})).results
    assert result == {"caller": passthrough.client.as_bearer("alice").identity}


@each_client
async def test_a_missing_token_is_an_error(passthrough: Served, client: Client) -> None:
    outcome = await client.run(passthrough, CALLER)
    assert outcome.status == 1
    assert "complete" not in outcome.lines


@each_client
async def test_an_invalid_operation_is_an_error(local: Served, client: Client) -> None:
    outcome = await client.run(local, "subscription { nothing }")
    assert "Cannot query field 'nothing'" in "".join(outcome.lines)
    assert '"data"' not in "".join(outcome.lines)


async def test_graphql_ws_receives_the_close_code_for_a_missing_token(passthrough: Served) -> None:
    status, output = await run_script("subscribe.mjs", passthrough.websocket_url, "{ caller }")
    assert status == 1
    assert json.loads(output)["code"] == 4403
