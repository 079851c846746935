"""CORS: which pages of other origins may read which responses."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosedError

from gateway.identity import NO_ORIGINS, Local, Origins, Passthrough
from gateway.kube.client import KubeClient
from gateway.server import RequestPolicy
from tests.fixtures.graphql_ws import open_socket
from tests.gateway.server.conftest import STRANGER, Served, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

APP, OTHER = "https://app.example.com", "https://other.example.com"
ALICE = {"Authorization": "Bearer alice"}
QUERY = {"query": "{ caller }"}


def listed(*origins: str) -> tuple[Any, RequestPolicy]:
    allowed = Origins(origins)
    return (lambda client: Passthrough(client, origins=allowed)), RequestPolicy(origins=allowed)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Served]:
    """A server for the pages of one other origin."""
    identity, policy = listed(APP)
    async with running(identity, policy=policy, max_body=1000) as served:
        yield served


async def preflight(served: Served, origin: str, **headers: str) -> Any:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return await served.http.options("/graphql", headers={**asked, **headers})


def cors_headers(response: Any) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.startswith("access-control")}


async def test_without_the_setting_every_other_origin_is_closed(passthrough: Served) -> None:
    assert (await preflight(passthrough, APP)).status_code == 405
    response = await passthrough.http.post("/graphql", json=QUERY, headers={**ALICE, "Origin": APP})
    assert cors_headers(response) == {}


async def test_a_preflight_of_a_listed_origin_is_allowed(shared: Served) -> None:
    response = await preflight(shared, APP)
    assert response.status_code == 204
    assert cors_headers(response) == {
        "access-control-allow-origin": APP,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, POST, PUT, DELETE",
        "access-control-allow-headers": "authorization,content-type",
        "access-control-max-age": "7200",
    }
    assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize(
    "origin", [OTHER, "http://app.example.com", f"{APP}.evil.com", f"{APP}:444", "null", ""]
)
async def test_a_preflight_of_another_origin_is_refused(shared: Served, origin: str) -> None:
    response = await preflight(shared, origin)
    assert response.status_code == 403
    assert cors_headers(response) == {}


async def test_malformed_header_names_are_not_repeated(shared: Served) -> None:
    response = await preflight(shared, APP, **{"Access-Control-Request-Headers": "a b; c"})
    assert "access-control-allow-headers" not in response.headers


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        (ALICE, b'{"query": "{ caller }"}', 200),
        (ALICE, b"{", 400),
        ({}, b'{"query": "{ caller }"}', 401),
        ({"Authorization": f"Bearer {STRANGER}"}, b'{"query": "{ caller }"}', 401),
        ({**ALICE, "Impersonate-User": "root"}, b"{}", 403),
        ({**ALICE, "Accept": "text/csv"}, b"{}", 406),
        (ALICE, b" " * 2000, 413),
        ({**ALICE, "Content-Type": "text/plain"}, b"{}", 415),
    ],
)
async def test_every_response_can_be_read_by_the_listed_origin(
    shared: Served, headers: dict[str, str], content: bytes, status: int
) -> None:
    sent = {"Content-Type": "application/json", "Origin": APP, **headers}
    response = await shared.http.post("/graphql", content=content, headers=sent)
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == APP
    assert "Origin" in response.headers["vary"]
    other = await shared.http.post("/graphql", content=content, headers={**sent, "Origin": OTHER})
    assert other.status_code == status
    assert cors_headers(other) == {}
    assert "Origin" in other.headers["vary"]


async def test_a_failure_of_the_gateway_can_be_read(shared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> None:
        raise AssertionError("planted")

    monkeypatch.setattr("gateway.server.endpoint.expect_authenticated", fail)
    response = await shared.http.post("/graphql", json=QUERY, headers={**ALICE, "Origin": APP})
    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == APP
    assert "planted" not in response.text


@pytest.mark.parametrize("accept", ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0"])
async def test_streams_can_be_read(shared: Served, accept: str) -> None:
    headers = {**ALICE, "Origin": APP, "Accept": accept}
    body = {"query": "subscription { count(to: 1) }"}
    response = await shared.http.post("/graphql", json=body, headers=headers)
    assert response.headers["access-control-allow-origin"] == APP
    assert '"count":0' in response.text


async def test_other_paths_stay_closed(shared: Served) -> None:
    for path in ("/livez", "/metrics", "/graphiql/page.js"):
        assert cors_headers(await shared.http.get(path, headers={"Origin": APP})) == {}


async def test_any_origin_never_has_credentials() -> None:
    identity, policy = listed("*")
    async with running(identity, policy=policy) as served:
        for response in (
            await preflight(served, OTHER),
            await served.http.post("/graphql", json=QUERY, headers={**ALICE, "Origin": OTHER}),
        ):
            assert response.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in response.headers


async def closes(url: str, origin: str) -> int:
    """The close code of a websocket from that origin with a token; 0 if it is accepted."""
    async with open_socket(url, origin=origin) as socket:
        await socket.send({"type": "connection_init", "payload": ALICE})
        try:
            message = await socket.receive()
        except ConnectionClosedError as closed:
            return closed.rcvd.code if closed.rcvd else -1
    return 0 if message["type"] == "connection_ack" else -1


async def test_a_websocket_needs_a_listed_origin(shared: Served) -> None:
    assert await closes(shared.websocket_url, APP) == 0
    assert await closes(shared.websocket_url, f"http://127.0.0.1:{shared.port}") == 0
    for origin in (OTHER, "null", f"http://127.0.0.1:{shared.port + 1}"):
        assert await closes(shared.websocket_url, origin) == 4403


async def test_local_mode_serves_listed_origins() -> None:
    app = "http://localhost:5173"
    for origins, status in ((Origins([app]), 200), (NO_ORIGINS, 403)):

        def local(client: KubeClient, origins: Origins = origins) -> Local:
            return Local(client, origins=origins)

        async with running(local, policy=RequestPolicy(origins=origins)) as served:
            response = await served.http.post("/graphql", json=QUERY, headers={"Origin": app})
            assert response.status_code == status
            assert response.headers.get("access-control-allow-origin") == (app if status == 200 else None)
            if status == 200:
                async with open_socket(served.websocket_url, origin=app) as socket:
                    await socket.initialise()
            refused = await served.http.post("/graphql", json=QUERY, headers={"Origin": OTHER})
            assert refused.status_code == 403
