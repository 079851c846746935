import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.execution.live import Follower, Pacing
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from schema.resources import GroupVersionKind, GroupVersionResource, Resource
from tests.fixtures.waiting import eventually
from tests.gateway.informers.scripted_server import ScriptedServer, failure, running_server

CRDS = Resource(
    gvr=GroupVersionResource("apiextensions.k8s.io", "v1", "customresourcedefinitions"),
    kind=GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
    namespaced=False,
    singular="customresourcedefinition",
    preferred=True,
    verbs=frozenset(("list", "watch")),
)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with running_server() as server:
        yield server


async def test_a_refused_watch_of_the_definitions_is_tried_again_at_each_poll(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    caplog.set_level("INFO")
    reloads = 0

    async def reload(_: bool) -> bool:
        nonlocal reloads
        reloads += 1
        return False

    async def polled() -> bool:
        return reloads >= 3

    async def watched() -> bool:
        # the server sees the watch before the follower does
        return server.open_watches > 0 and "customresourcedefinitions can be watched again" in caplog.text

    server.on_request = lambda _: failure(403, "Forbidden", "not yet")
    registry = InformerRegistry()
    pacing = Pacing(quiet=0.001, most=0.01, settle=(), poll=0.01)
    async with KubeClient.connect(ClusterConfig(server=server.url)) as client:
        following = asyncio.create_task(Follower(client, registry, reload, pacing).run([CRDS]))
        await eventually(polled, "several polls")
        assert caplog.text.count("cannot be watched: not yet; polling discovery every 0.01 s") == 1
        server.on_request = lambda _: None
        await eventually(watched, "the watch")
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await registry.aclose()
