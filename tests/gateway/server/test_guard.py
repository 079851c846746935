"""Access over HTTP and websockets, and the identity that operations run as.

Covers ``gateway/server/app.py``.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any

import graphql
import pytest
from strawberry.schema import schema as strawberry_schema
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.typing import Origin, Subprotocol

from gateway.identity import Passthrough
from tests.gateway.kube.loopback import Reply, Request, status_reply
from tests.gateway.server.conftest import STRANGER, Served, review, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUBPROTOCOLS = [Subprotocol("graphql-transport-ws")]
WHOAMI = {"query": "{ caller }"}


def dial(served: Served, origin: str | None = None, **headers: str) -> connect:
    return connect(
        served.websocket_url,
        subprotocols=SUBPROTOCOLS,
        origin=None if origin is None else Origin(origin),
        additional_headers=headers,
    )


async def send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def receive(socket: ClientConnection) -> Any:
    frame = await socket.recv()
    assert isinstance(frame, str), "a binary frame: clients fail on it"
    return json.loads(frame)


async def ask_caller(socket: ClientConnection) -> str:
    await send(socket, id="1", type="subscribe", payload=WHOAMI)
    answer, complete = await receive(socket), await receive(socket)
    assert complete == {"id": "1", "type": "complete"}
    caller: str = answer["payload"]["data"]["caller"]
    return caller


async def test_local_requests_run_as_the_kubeconfigs_identity(local: Served) -> None:
    response = await local.http.post("/graphql", json=WHOAMI)
    assert response.json() == {"data": {"caller": local.client.identity}}


@pytest.mark.parametrize(
    "path", ["/graphql", "/livez", "/", "/graphiql/page.js", "/examples/pods-dashboard/"]
)
async def test_a_foreign_host_is_refused_on_every_path(local: Served, path: str) -> None:
    response = await local.http.get(path, headers={"Host": f"evil.example:{local.port}"})
    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_post_from_another_origin_is_refused(local: Served) -> None:
    headers = {"Origin": "http://localhost:3000"}
    assert (await local.http.post("/graphql", json=WHOAMI, headers=headers)).status_code == 403


async def test_two_host_headers_are_refused(local: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", local.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
    assert b" 403 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("origin", "host"), [("http://evil.example", None), (None, "evil.example"), ("null", None)]
)
async def test_a_websocket_from_another_origin_is_refused_at_the_handshake(
    local: Served, origin: str | None, host: str | None
) -> None:
    headers = {} if host is None else {"Host": host}
    with pytest.raises(InvalidStatus) as refused:
        async with dial(local, origin, **headers):
            pass
    assert refused.value.response.status_code in (400, 403)


async def test_a_page_of_the_same_origin_can_open_a_websocket(local: Served) -> None:
    async with dial(local, f"http://localhost:{local.port}") as socket:
        await send(socket, type="connection_init")
        assert await receive(socket) == {"type": "connection_ack"}
        assert await ask_caller(socket) == local.client.identity


@pytest.mark.parametrize("payload", [{}, {"Authorization": "Bearer a"}, None])
async def test_local_mode_accepts_any_connection_init(local: Served, payload: Any) -> None:
    async with dial(local) as socket:
        await send(socket, type="connection_init", payload=payload)
        assert await receive(socket) == {"type": "connection_ack"}
        assert await ask_caller(socket) == local.client.identity


@pytest.mark.parametrize(
    "query", ["{ caller }", "{ __schema { queryType { name } } }", "{ __typename }", "{"]
)
async def test_a_request_without_a_token_is_refused(passthrough: Served, query: str) -> None:
    response = await passthrough.http.post("/graphql", json={"query": query})
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    assert "data" not in response.json()


async def test_an_event_stream_without_a_token_is_refused(passthrough: Served) -> None:
    headers = {"Accept": "text/event-stream"}
    response = await passthrough.http.post("/graphql", json={"query": "{ caller }"}, headers=headers)
    assert response.status_code == 401


async def test_each_request_runs_as_its_token_s_identity(passthrough: Served) -> None:
    callers = [
        (
            await passthrough.http.post("/graphql", json=WHOAMI, headers={"Authorization": f"Bearer {token}"})
        ).json()["data"]["caller"]
        for token in ("alice", "bob", "alice")
    ]
    expected = [passthrough.client.as_bearer(token).identity for token in ("alice", "bob", "alice")]
    assert callers == expected
    assert passthrough.client.identity not in callers


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "Bearer a b", ""])
async def test_a_malformed_token_is_refused(passthrough: Served, value: str) -> None:
    response = await passthrough.http.post("/graphql", json=WHOAMI, headers={"Authorization": value})
    assert response.status_code == 401


async def test_pages_and_health_require_no_token(passthrough: Served) -> None:
    page = await passthrough.http.get("/graphql", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (await passthrough.http.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    "payload", [{"Authorization": "Bearer alice"}, {"headers": {"authorization": "Bearer alice"}}]
)
async def test_connection_init_carries_the_token(passthrough: Served, payload: Any) -> None:
    async with dial(passthrough) as socket:
        await send(socket, type="connection_init", payload=payload)
        assert await receive(socket) == {"type": "connection_ack"}
        assert await ask_caller(socket) == passthrough.client.as_bearer("alice").identity


async def test_connection_init_overrides_the_handshake_s_token(passthrough: Served) -> None:
    for payload, expected in ((None, "alice"), ({"authorization": "Bearer bob"}, "bob")):
        async with dial(passthrough, Authorization="Bearer alice") as socket:
            await send(socket, type="connection_init", payload=payload)
            assert await receive(socket) == {"type": "connection_ack"}
            assert await ask_caller(socket) == passthrough.client.as_bearer(expected).identity


@pytest.mark.parametrize("payload", [None, {}, {"Authorization": "alice"}, {"Authorization": 1}])
async def test_a_connection_without_a_token_is_closed(passthrough: Served, payload: Any) -> None:
    async with dial(passthrough) as socket:
        await send(socket, type="connection_init", payload=payload)
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


async def test_an_operation_before_connection_init_closes_the_connection(passthrough: Served) -> None:
    async with dial(passthrough, Authorization="Bearer alice") as socket:
        await send(socket, id="1", type="subscribe", payload=WHOAMI)
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


async def test_a_second_connection_init_closes_the_connection(passthrough: Served) -> None:
    async with dial(passthrough) as socket:
        await send(socket, type="connection_init", payload={"Authorization": "Bearer alice"})
        assert await receive(socket) == {"type": "connection_ack"}
        await send(socket, type="connection_init", payload={"Authorization": "Bearer bob"})
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4429


ASSERTED = [
    ("X-Remote-User", "admin"),
    ("x-remote-group", "system:masters"),
    ("X-Remote-Extra-Scopes", "all"),
    ("Impersonate-User", "admin"),
    ("IMPERSONATE-GROUP", "system:masters"),
]


@pytest.mark.parametrize(("name", "value"), ASSERTED)
@pytest.mark.parametrize("mode", ["local", "passthrough"])
async def test_a_header_that_asserts_an_identity_is_refused_on_every_path(
    mode: str, name: str, value: str, request: pytest.FixtureRequest
) -> None:
    served: Served = request.getfixturevalue(mode)
    headers = {name: value, "Authorization": "Bearer alice"}
    for path in (
        "/graphql",
        "/livez",
        "/readyz",
        "/metrics",
        "/schema.graphql",
        "/",
        "/graphiql/page.js",
        "/none",
    ):
        assert (await served.http.get(path, headers=headers)).status_code == 403
    for accept in ("application/json", "text/event-stream", "multipart/mixed;subscriptionSpec=1.0"):
        accepting = {**headers, "Accept": accept}
        assert (await served.http.post("/graphql", json=WHOAMI, headers=accepting)).status_code == 403
    assert (await served.http.put("/graphql", headers=headers)).status_code == 403
    with pytest.raises(InvalidStatus) as refused:
        async with dial(served, **headers):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("payload", [{"X-Remote-User": "admin"}, {"headers": {"Impersonate-User": "admin"}}])
@pytest.mark.parametrize("mode", ["local", "passthrough"])
async def test_an_identity_in_connection_init_closes_the_connection(
    mode: str, payload: Any, request: pytest.FixtureRequest
) -> None:
    served: Served = request.getfixturevalue(mode)
    async with dial(served, Authorization="Bearer alice") as socket:
        await send(socket, type="connection_init", payload=payload)
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


@pytest.mark.parametrize("trailer", [b"X-Remote-User: admin", b"Authorization: Bearer bob"])
async def test_a_trailer_is_no_header(passthrough: Served, trailer: bytes) -> None:
    body = json.dumps(WHOAMI).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", passthrough.port)
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer alice\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
        b"%x\r\n%s\r\n0\r\n%s\r\n\r\n" % (len(body), body, trailer)
    )
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert passthrough.client.as_bearer("alice").identity.encode() in answer


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents that the gateway parses."""
    documents: list[str] = []
    parse = graphql.parse

    def record(query: str, **options: Any) -> graphql.DocumentNode:
        documents.append(query)
        return parse(query, **options)

    monkeypatch.setattr(strawberry_schema, "parse", record)
    return documents


async def test_a_refused_token_costs_one_review_and_no_work(passthrough: Served, parsed: list[str]) -> None:
    passthrough.upstream.requests.clear()
    headers = {"Authorization": f"Bearer {STRANGER}"}
    response = await passthrough.http.post("/graphql", json=WHOAMI, headers=headers)

    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    assert len(passthrough.upstream.requests) == 1
    assert parsed == []

    await passthrough.http.post("/graphql", json=WHOAMI, headers={"Authorization": "Bearer alice"})
    assert parsed == [WHOAMI["query"]]


async def test_the_body_of_a_refused_token_is_not_awaited(passthrough: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", passthrough.port)
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %s\r\nContent-Length: 1000000\r\n\r\n" % STRANGER.encode()
    )
    assert b" 401 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_an_accepted_token_is_reviewed_once_in_ten_seconds(passthrough: Served) -> None:
    passthrough.upstream.requests.clear()
    for _ in range(3):
        await passthrough.http.post("/graphql", json=WHOAMI, headers={"Authorization": "Bearer carol"})
    assert len(passthrough.upstream.requests) == 1


@pytest.mark.parametrize("subprotocol", ["graphql-transport-ws", "graphql-ws"])
async def test_a_refused_token_closes_the_connection(passthrough: Served, subprotocol: str) -> None:
    async with connect(passthrough.websocket_url, subprotocols=[Subprotocol(subprotocol)]) as socket:
        await send(socket, type="connection_init", payload={"Authorization": f"Bearer {STRANGER}"})
        assert await close_code_of(socket) == 4403


@pytest.mark.parametrize("subprotocol", ["graphql-transport-ws", "graphql-ws"])
async def test_a_review_that_fails_is_a_refusal_for_the_moment(subprotocol: str) -> None:
    async with running(Passthrough) as served:
        served.upstream.handler = unavailable
        response = await served.http.post("/graphql", json=WHOAMI, headers={"Authorization": "Bearer a"})
        assert response.status_code == 503
        assert response.json()["errors"][0]["extensions"] == {"code": "UPSTREAM_UNAVAILABLE"}
        async with connect(served.websocket_url, subprotocols=[Subprotocol(subprotocol)]) as socket:
            await send(socket, type="connection_init", payload={"Authorization": "Bearer a"})
            assert await close_code_of(socket) == 1013

        served.upstream.handler = review
        response = await served.http.post("/graphql", json=WHOAMI, headers={"Authorization": "Bearer a"})
        assert response.status_code == 200


async def close_code_of(socket: ClientConnection) -> int | None:
    """The code of the close; no acknowledgement precedes it."""
    with suppress(ConnectionClosedError):
        async for frame in socket:
            assert json.loads(frame)["type"] == "connection_error"
    return socket.close_code


async def unavailable(request: Request) -> Reply:
    del request
    return status_reply(503, "ServiceUnavailable")
