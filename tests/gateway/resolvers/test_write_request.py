"""A write whose answer is lost is reported as unknown, unless a second one changes nothing more."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.errors import Conflict, OutcomeUnknown, UpstreamUnavailable
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.resolvers.context import Info, RequestContext
from gateway.resolvers.write_request import Write, send_until_no_conflict, send_write
from tests.gateway.kube.loopback import (
    LoopbackServer,
    Reply,
    Request,
    json_reply,
    served_client,
    status_reply,
)

CREATE = Write("POST", "api/v1/namespaces/a/pods", {"kind": "Pod"}, "application/json")
APPLY = Write("PATCH", "api/v1/pods", {}, "application/apply-patch+yaml", repeatable=True)
DRY_RUN = Write("POST", "api/v1/pods", {}, "application/json", {"dryRun": "All"})
DELETE = Write("DELETE", "api/v1/pods/a", {}, "application/json")


class Losing:
    """An API server whose first ``lost`` answers never arrive."""

    def __init__(self) -> None:
        self.lost = 1
        self.refusal: Reply | None = None

    async def answer(self, request: Request) -> Reply:
        self.lost -= 1
        if self.lost >= 0:
            request.connection.transport.abort()
            await asyncio.sleep(0)
        return self.refusal or json_reply({"kind": "Pod"})


@pytest.fixture
def losing() -> Losing:
    return Losing()


@pytest.fixture
async def served(losing: Losing) -> AsyncIterator[tuple[KubeClient, LoopbackServer]]:
    async with served_client(losing.answer) as served:
        yield served


@pytest.fixture
def server(served: tuple[KubeClient, LoopbackServer]) -> LoopbackServer:
    return served[1]


@pytest.fixture
def info(served: tuple[KubeClient, LoopbackServer]) -> Info:
    return info_of(served[0])


def info_of(client: KubeClient) -> Info:
    context: Any = RequestContext(client, InformerRegistry())
    return cast("Info", SimpleNamespace(context=context))


@pytest.mark.parametrize("write", [CREATE, DELETE], ids=lambda write: write.method)
async def test_a_lost_answer_means_that_the_outcome_is_unknown(
    info: Info, server: LoopbackServer, write: Write
) -> None:
    with pytest.raises(OutcomeUnknown, match=f"{write.method} {write.path}.*read the"):
        await send_write(info, write)
    assert len(server.requests) == 1


@pytest.mark.parametrize("write", [APPLY, DRY_RUN], ids=["apply", "dry run"])
async def test_a_write_that_changes_nothing_more_is_repeated(
    info: Info, server: LoopbackServer, write: Write
) -> None:
    assert await send_write(info, write) == {"kind": "Pod"}
    assert len(server.requests) == 2


async def test_a_timeout_of_the_api_server_leaves_the_outcome_unknown(info: Info, losing: Losing) -> None:
    losing.lost, losing.refusal = 0, status_reply(504, "Timeout", "request did not complete")
    with pytest.raises(OutcomeUnknown, match="request did not complete") as unknown:
        await send_write(info, CREATE)
    assert unknown.value.status is not None
    assert unknown.value.status.code == 504


async def test_a_refused_connection_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    async with KubeClient.connect(ClusterConfig(server="http://127.0.0.1:1")) as client:
        with pytest.raises(UpstreamUnavailable):
            await send_write(info_of(client), CREATE)


@pytest.mark.parametrize(("retries", "requests"), [(0, 1), (2, 3)])
async def test_conflicts_are_retried_as_often_as_asked(
    info: Info, losing: Losing, server: LoopbackServer, retries: int, requests: int
) -> None:
    losing.lost, losing.refusal = 0, status_reply(409, "Conflict")
    with pytest.raises(Conflict):
        await send_until_no_conflict(info, CREATE, retries)
    assert len(server.requests) == requests
