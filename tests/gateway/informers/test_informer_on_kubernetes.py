"""The informers against a real kube-apiserver."""

import json
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from gateway.informers import InformerRegistry, Limits, Scope, Timing
from gateway.kube.client import KubeClient
from gateway.kube.config.loading import load_config
from tests.fixtures.control_plane import ControlPlane
from tests.fixtures.tap import Tap, tapped
from tests.fixtures.waiting import eventually
from tests.gateway.informers.reading import ManualClock, Reader, reading
from tests.gateway.informers.script import REAL_MISHAPS, VIEWERS, Step, random_steps, run_script
from tests.gateway.informers.worlds import ClusterWorld

pytestmark = pytest.mark.cluster
NUMBERS = count()


@pytest.fixture(scope="module", params=["real_cluster", "cluster_without_watch_list"])
def cluster(request: pytest.FixtureRequest) -> ControlPlane:
    """Each informer begins with a WatchList on the first, with LIST + WATCH on the second."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, ControlPlane)
    return found


@pytest.fixture
async def client(cluster: ControlPlane) -> AsyncIterator[KubeClient]:
    async with KubeClient.connect(load_config(cluster.kubeconfig, "admin")) as client:
        yield client


@pytest.fixture
def tap(cluster: ControlPlane) -> Iterator[Tap]:
    trust = ssl.create_default_context(cafile=str(cluster.certificate_authority))
    with tapped("127.0.0.1", cluster.port, trust) as tap:
        yield tap


@pytest.fixture
async def tapped_client(cluster: ControlPlane, tap: Tap) -> AsyncIterator[KubeClient]:
    config = replace(load_config(cluster.kubeconfig, "admin"), server=tap.url)
    async with KubeClient.connect(config) as client:
        yield client


@pytest.fixture
async def registry() -> AsyncIterator[InformerRegistry]:
    registry = InformerRegistry()
    yield registry
    await registry.aclose()


@pytest.fixture
async def world(cluster: ControlPlane, tap: Tap, client: KubeClient) -> AsyncIterator[ClusterWorld]:
    """A namespace of its own; kube-apiserver runs again at the end."""
    name = f"informers-{next(NUMBERS)}"
    world = ClusterWorld(cluster, tap, client, name)
    await world.send("POST", "api/v1/namespaces", namespace(name))
    yield world
    await world.recover()


def namespace(name: str) -> dict[str, Any]:
    return {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}


def scope_of(world: ClusterWorld) -> Scope:
    return Scope(world.path.split("/")[3])


async def test_it_begins_as_the_api_server_can_and_there_is_one_watch_after_changing_over(
    world: ClusterWorld, cluster: ControlPlane, tapped_client: KubeClient, registry: InformerRegistry
) -> None:
    await world.put("a", "x")
    scope = scope_of(world)
    async with reading(registry, tapped_client, scope, metadata_only=True) as slim:
        await slim.until_synced()
        async with reading(registry, tapped_client, scope, reader=Reader(complete=True)) as whole:
            await whole.until_synced()

            async def watched() -> bool:
                return len(world.tap.open_watches("configmaps")) == 1

            await eventually(watched, "one watch")
            await world.put("a", "y")
            await whole.until(lambda item: len(item.events) == 3)
            await slim.until(lambda item: len(item.events) == 3)
    lists = [item for item in world.tap.requests if not item.is_watch_of("configmaps")]
    refused = [item for item in world.tap.requests if "sendInitialEvents" in item.target]
    assert (len(lists), len(refused)) == ((2, 1) if cluster.flags else (0, 2))


async def test_a_kube_apiserver_that_is_killed_loses_nothing_and_repeats_nothing(
    world: ClusterWorld, client: KubeClient, registry: InformerRegistry
) -> None:
    script = random_steps(120, 1, mishaps=())
    script[40:40] = [Step("stop"), Step("look"), Step("start")]
    script[80:80] = [Step("stop"), Step("start")]
    await run_script(world, registry, client, scope_of(world), script)


@pytest.mark.parametrize(
    ("cluster", "seed"),
    [("real_cluster", 0), ("real_cluster", 1), ("cluster_without_watch_list", 2)],
    indirect=["cluster"],
)
async def test_folded_events_equal_the_state_of_kube_apiserver_after_any_script(
    world: ClusterWorld, tapped_client: KubeClient, seed: int
) -> None:
    # so that watches are renewed, too
    timing = Timing(renewal=(1.0, 2.0), steady=0.5, longest_backoff=1.0)
    registry = InformerRegistry(timing=timing, limits=Limits(objects=3))
    try:
        last = [Step("start"), Step("leave", reader=VIEWERS - 1), Step("put", "a", "x"), Step("forget")]
        script = [*random_steps(200, seed, REAL_MISHAPS), *last, Step("put", "b", "x")]
        await run_script(world, registry, tapped_client, scope_of(world), script)
        # something was too long ago, and there is one watch after all of it
        assert registry.counters.relists > 0
        assert len(world.tap.open_watches("configmaps")) <= 1
    finally:
        await registry.aclose()


async def test_changes_before_the_watch_cache_of_a_restarted_kube_apiserver_arrive_after_410(
    world: ClusterWorld, client: KubeClient
) -> None:
    clock = ManualClock()
    registry = InformerRegistry(clock=clock)
    for name in ("same", "changed", "deleted", "replaced"):
        await world.put(name, "")
    async with reading(registry, client, scope_of(world)) as reader:
        await reader.until_synced()
        initial = len(reader.events)
        # a revision of another resource: the new watch cache begins after the informer's version
        await world.send("POST", "api/v1/namespaces", namespace(f"{scope_of(world).namespace}-other"))
        await world.mishap("stop")
        await world.mishap("start")
        await world.put("changed", "x")
        await world.delete("deleted")
        await world.delete("replaced")
        await world.put("replaced", "")

        async def is_right() -> bool:
            clock.advance(1.0)
            expected = {key: version for key, (version, _) in (await world.state()).items()}
            return expected == {
                key: item["metadata"]["resourceVersion"] for key, item in reader.objects.items()
            }

        await eventually(is_right, "what changed")
        space = scope_of(world).namespace
        assert sorted(reader.told[initial:]) == [
            ("ADDED", f"{space}/replaced"),
            ("DELETED", f"{space}/deleted"),
            ("DELETED", f"{space}/replaced"),
            ("MODIFIED", f"{space}/changed"),
        ]
        assert registry.counters.relists == 1
    await registry.aclose()


async def test_slow_readers_of_a_real_watch_are_ended_and_resume(
    world: ClusterWorld, client: KubeClient
) -> None:
    registry = InformerRegistry(limits=Limits(objects=2))
    try:
        await run_script(world, registry, client, scope_of(world), random_steps(200, 2, mishaps=()))
    finally:
        await registry.aclose()


async def test_an_object_that_leaves_the_selection_is_deleted_as_the_api_server_does_it(
    world: ClusterWorld, client: KubeClient, registry: InformerRegistry
) -> None:
    """The same watch, filtered here (by label) and by the API server (by a selector of its own informer)."""
    await world.put("a", "x")
    async with (
        reading(registry, client, scope_of(world), label_selector="app=x") as reader,
        client.stream(
            world.path, {"watch": "true", "labelSelector": "app=x", "timeoutSeconds": "30"}
        ) as upstream,
    ):
        await reader.until_synced()
        await world.put("a", "y")
        await reader.until(lambda item: len(item.events) == 3)
        lines = b""
        async for chunk in upstream:
            lines += chunk
            if lines.count(b"\n") == 2:
                break
        deleted = json.loads(lines.splitlines()[1])
        assert deleted["type"] == "DELETED"
        assert json.loads(reader.events[-1].object or b"") == deleted["object"]
        assert reader.resource_version == deleted["object"]["metadata"]["resourceVersion"]
