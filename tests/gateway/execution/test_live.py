import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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


QUICK = Pacing(quiet=0.01, most=0.1, settle=(0.01,) * 7, recheck=(0.01,) * 2, poll=2.0)


@asynccontextmanager
async def following(
    server: ScriptedServer, found: list[bool], *, incomplete: bool = False
) -> AsyncIterator[list[bool]]:
    """Run a follower; yields the patience of each reload. Reload number n finds a change if ``found[n]``."""
    reloads: list[bool] = []

    async def reload(patient: bool) -> bool:
        reloads.append(patient)
        return found.pop(0) if found else False

    registry = InformerRegistry()
    async with KubeClient.connect(ClusterConfig(server=server.url)) as client:
        follower = Follower(client, registry, reload, QUICK, incomplete=incomplete)
        task = asyncio.create_task(follower.run([CRDS]))
        yield reloads
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await registry.aclose()


async def settles_after(reloads: list[bool], number: int) -> None:
    async def reached() -> bool:
        return len(reloads) >= number

    await eventually(reached, f"{number} reloads")
    await asyncio.sleep(0.2)
    assert len(reloads) == number


@pytest.mark.parametrize(
    ("found", "number"),
    [([], 1 + len(QUICK.recheck)), ([True], 1 + len(QUICK.settle))],
    ids=["none", "one"],
)
async def test_the_beginning_of_a_watch_settles_only_if_it_finds_a_change(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, found: list[bool], number: int
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    await server.create("existing")
    async with following(server, list(found)) as reloads:
        await settles_after(reloads, number)


async def test_the_beginning_of_a_watch_settles_if_types_were_missing(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    async with following(server, [], incomplete=True) as reloads:
        await settles_after(reloads, 1 + len(QUICK.settle))


async def test_each_event_of_a_definition_settles(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    async with following(server, []) as reloads:
        await settles_after(reloads, 1 + len(QUICK.recheck))
        await server.create("new")
        await settles_after(reloads, 2 + len(QUICK.recheck) + len(QUICK.settle))


async def test_a_poll_settles_only_if_it_finds_a_change(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    server.on_request = lambda _: failure(403, "Forbidden", "never")
    in_vain = 1 + len(QUICK.recheck)
    async with following(server, [False] * in_vain + [True]) as reloads:
        await settles_after(reloads, in_vain)
        await settles_after(reloads, in_vain + 1 + len(QUICK.settle))
