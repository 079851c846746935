"""Connections end before their token does: websockets with 4440, streams by breaking off."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from gateway.errors import CallerUnauthenticated, Status, StatusError, Unauthenticated, UpstreamUnavailable
from gateway.identity import AccessReviews, Caller, Passthrough
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig, Impersonation
from gateway.server.transports import lifetime
from gateway.server.transports.lifetime import Lifetime
from tests.fixtures.waiting import DEADLINE
from tests.gateway.server.conftest import Served, running

FOREVER = {"query": "subscription { forever }"}


def token(expires_at: float) -> str:
    """An unsigned JWT."""
    part = base64.urlsafe_b64encode(json.dumps({"exp": expires_at}).encode()).decode().rstrip("=")
    return f"e30.{part}.AA"


def bearer(left: float) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(time.time() + left)}"}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with running(Passthrough) as served:
        yield served


PROTOCOLS = {"graphql-transport-ws": "subscribe", "graphql-ws": "start"}


async def messages_until_close(served: Served, protocol: str, left: float) -> tuple[list[Any], int | None]:
    """The messages of a subscription whose token ends after ``left`` seconds, and the close code."""
    received: list[Any] = []
    async with asyncio.timeout(DEADLINE):
        async with connect(served.websocket_url, subprotocols=[Subprotocol(protocol)]) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": bearer(left)}))
            await socket.send(json.dumps({"type": PROTOCOLS[protocol], "id": "1", "payload": FOREVER}))
            try:
                while True:
                    received.append(json.loads(await socket.recv())["type"])
            except ConnectionClosedError as closed:
                return received, closed.rcvd.code if closed.rcvd else None


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_websocket_closes_before_the_token_expires(served: Served, protocol: str) -> None:
    begun = time.time()
    received, code = await messages_until_close(served, protocol, left=2.0)
    assert code == 4440
    assert time.time() < begun + 2.0
    assert received[0] == "connection_ack"
    assert not {"complete", "error"} & set(received)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_an_expired_token_is_refused_at_connection_init(served: Served, protocol: str) -> None:
    received, code = await messages_until_close(served, protocol, left=-1.0)
    assert code == 4403
    assert set(received) <= {"connection_error"}


@pytest.mark.parametrize(
    "accept", ["text/event-stream", 'multipart/mixed;subscriptionSpec="1.0",application/json']
)
async def test_a_stream_breaks_off_before_the_token_expires(served: Served, accept: str) -> None:
    body = json.dumps(FOREVER)
    head = [
        "POST /graphql HTTP/1.1",
        "Host: localhost",
        f"Authorization: {bearer(2.0)['Authorization']}",
        f"Accept: {accept}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    answer = await answer_of(served, head, body)
    assert "begun" in answer
    assert "complete" not in answer
    # neither the end of the chunks nor that of the parts
    assert not answer.rstrip().endswith(("0", "--"))


async def test_the_stream_of_single_connection_mode_breaks_off(served: Served) -> None:
    headers = bearer(3.0)
    reserved = await served.http.put("/graphql", headers=headers)
    head = [
        f"GET /graphql?token={reserved.text} HTTP/1.1",
        "Host: localhost",
        f"Authorization: {headers['Authorization']}",
        "Accept: text/event-stream",
    ]
    answer = await answer_of(served, head)
    assert answer.startswith("HTTP/1.1 200 ")
    assert not answer.rstrip().endswith("0")


async def answer_of(served: Served, head: list[str], body: str = "") -> str:
    """Everything that the server sends until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write("\r\n".join([*head, "", body]).encode())
    async with asyncio.timeout(DEADLINE):
        answer = await reader.read()
    writer.close()
    return answer.decode()


async def test_a_query_is_left_to_the_api_server(served: Served) -> None:
    response = await served.http.post("/graphql", json={"query": "{ __typename }"}, headers=bearer(-1.0))
    assert response.status_code == 200
    stream = {**bearer(-1.0), "Accept": "text/event-stream"}
    assert (await served.http.post("/graphql", json=FOREVER, headers=stream)).status_code == 401


class Reviews(AccessReviews):
    """Each review has the next outcome; the last one repeats."""

    def __init__(self, *outcomes: Exception | None) -> None:
        super().__init__()
        self.outcomes = list(outcomes)
        self.count = 0

    async def expect_authenticated(self, client: KubeClient) -> None:  # noqa: ARG002 (overrides)
        self.count += 1
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if outcome is not None:
            raise outcome


REJECTED: StatusError = Unauthenticated(Status(401, "Unauthorized"))
DOWN = UpstreamUnavailable("down")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifetime, "_REVIEW_INTERVAL_SECONDS", 0.001)
    monkeypatch.setattr(lifetime, "_REVIEW_AGAIN_SECONDS", 0.001)
    monkeypatch.setattr(lifetime, "_REJECTED_SECONDS", 0.02)


@pytest.fixture
async def own() -> AsyncIterator[KubeClient]:
    async with KubeClient.connect(ClusterConfig(server="http://127.0.0.1:1")) as client:
        yield client


@pytest.mark.usefixtures("quick")
async def test_a_rejected_token_ends_the_connection(own: KubeClient) -> None:
    reviews = Reviews(None, REJECTED, DOWN, None, REJECTED)
    reason = await Lifetime(Caller(own.as_bearer("a")), reviews).wait()
    assert "rejects the token" in reason
    assert reviews.count > 5


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("outcome", [None, DOWN])
async def test_other_failures_do_not_end_it(own: KubeClient, outcome: Exception | None) -> None:
    reviews = Reviews(outcome)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(Lifetime(Caller(own.as_bearer("a")), reviews).wait(), 0.2)
    assert reviews.count > 1


@pytest.mark.usefixtures("quick")
async def test_only_tokens_are_reviewed(own: KubeClient) -> None:
    reviews = Reviews(REJECTED)
    for client in (own, own.as_user(Impersonation("jane"))):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(Lifetime(Caller(client), reviews).wait(), 0.05)
    assert reviews.count == 0


@pytest.mark.parametrize(("left", "lasts"), [(3600.0, 3590.0), (20.0, 10.0), (8.0, 4.0), (0.5, 0.25)])
def test_a_connection_ends_ten_seconds_before_its_token(own: KubeClient, left: float, lasts: float) -> None:
    assert Lifetime(Caller(own, 1000.0 + left), AccessReviews(), lambda: 1000.0)._ends_at == 1000.0 + lasts
    with pytest.raises(CallerUnauthenticated, match="has expired"):
        Lifetime(Caller(own, 1000.0), AccessReviews(), lambda: 1000.0)
