"""Third-party clients and audits, run by Node."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.identity import Local
from gateway.server import RequestPolicy
from gateway.server.documents import Documents, load_trusted
from tests.fixtures.clients import check_clients, run_script
from tests.gateway.server.conftest import Served, running

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


async def persisted(url: str, *arguments: str) -> list[dict[str, Any]]:
    """The runs of ``persisted.mjs``: requests, data and error."""
    status, output = await run_script("persisted.mjs", *arguments[:1], url, *arguments[1:])
    assert status == 0
    runs: list[dict[str, Any]] = json.loads(output)
    return runs


def sent(run: dict[str, Any]) -> list[str]:
    return [f"{request['method']} {request['sends']}" for request in run["requests"]]


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("client", ["Apollo, HTTP", "urql, HTTP"])
async def test_a_persisted_query_is_sent_once_by_each_client(local: Served, client: str, method: str) -> None:
    query = f"query {client[0]}{method}($of: Int!) {{ square(of: $of) }}"
    url = f"http://127.0.0.1:{local.port}/graphql"
    first, second = await persisted(url, client, query, '{"of": 3}', method)
    assert (first["data"], second["data"]) == ({"square": 9}, {"square": 9})
    assert sent(second) == [f"{method} digest"]
    assert len(first["requests"]) == 2
    assert [request["sends"] for request in first["requests"]] == ["digest", "both"]


@pytest.mark.parametrize("client", ["Apollo, HTTP", "urql, HTTP"])
async def test_a_persisted_mutation_is_posted(local: Served, client: str) -> None:
    url = f"http://127.0.0.1:{local.port}/graphql"
    query = f"mutation {client[0]}($word: String!) {{ remember(word: $word) }}"
    first, second = await persisted(url, client, query, '{"word": "a"}', "GET")
    assert (first["data"], second["data"]) == ({"remember": "a"}, {"remember": "a"})
    assert sent(second) == ["POST digest"]


@pytest.mark.parametrize("client", ["Apollo, graphql-ws", "urql, graphql-ws"])
async def test_a_persisted_subscription_runs_over_a_websocket(local: Served, client: str) -> None:
    url = f"http://127.0.0.1:{local.port}/graphql"
    query = f"subscription {client[0]}($to: Int!) {{ count(to: $to) }}"
    runs = await persisted(url, client, query, '{"to": 1}', "POST")
    assert [run["data"] for run in runs] == [{"count": 0}, {"count": 0}]
    assert runs[1]["requests"][-1]["sends"] == ("both" if client.startswith("Apollo") else "digest")


@pytest.mark.parametrize("client", ["Apollo, HTTP", "urql, HTTP"])
async def test_clients_send_the_text_where_persisted_queries_are_off(client: str) -> None:
    policy = RequestPolicy(Documents(persisted_bytes=0))
    async with running(Local, policy=policy) as served:
        url = f"http://127.0.0.1:{served.port}/graphql"
        first, _ = await persisted(url, client, "query Q { square(of: 2) }", "{}", "GET")
    assert (first["data"], first["error"]) == ({"square": 4}, None)
    assert sent(first)[0] == "GET digest"
    assert sent(first)[1].endswith("text")


@pytest.mark.parametrize("client", ["Apollo, HTTP", "urql, HTTP"])
async def test_clients_run_trusted_documents_only(client: str, tmp_path: Path) -> None:
    (tmp_path / "square.graphql").write_text("query Q { square(of: 2) }", encoding="utf-8")
    policy = RequestPolicy(Documents(load_trusted(tmp_path), only_trusted=True))
    async with running(Local, policy=policy) as served:
        url = f"http://127.0.0.1:{served.port}/graphql"
        trusted, _ = await persisted(url, client, "query Q { square(of: 2) }", "{}", "POST")
        refused, _ = await persisted(url, client, "query Q { square(of: 3) }", "{}", "POST")
    assert (trusted["data"], trusted["error"]) == ({"square": 4}, None)
    assert refused["data"] is None
    assert refused["error"]


async def test_graphql_ws_receives_the_close_code_for_a_missing_token(passthrough: Served) -> None:
    status, output = await run_script("subscribe.mjs", passthrough.websocket_url, "{ caller }")
    assert status == 1
    assert json.loads(output)["code"] == 4403
