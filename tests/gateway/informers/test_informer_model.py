"""Random scripts of changes, outages and change-overs: the folded events equal the server's state."""

import pytest
from hypothesis import HealthCheck, given, settings

from gateway.demo import DemoSettings, WatchSettings, run_demo
from gateway.informers import InformerRegistry, Limits, Scope
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from tests.fixtures.properties import examples
from tests.gateway.informers.reading import InstantClock
from tests.gateway.informers.script import Step, random_steps, run_script, steps
from tests.gateway.informers.scripted_server import running_server
from tests.gateway.informers.worlds import DemoWorld, ScriptedWorld


@settings(deadline=None, max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow])
@given(steps())
async def test_folded_events_equal_the_state_of_the_server_after_any_script(
    script: list[Step],
) -> None:
    await play(script, watch_list=True)


@settings(deadline=None, max_examples=examples(75), suppress_health_check=[HealthCheck.too_slow])
@given(steps())
async def test_the_same_holds_with_list_and_watch(script: list[Step]) -> None:
    await play(script, watch_list=False)


async def play(script: list[Step], *, watch_list: bool) -> None:
    async with running_server() as server:
        server.watch_list = watch_list
        registry = InformerRegistry(clock=InstantClock(), limits=Limits(objects=3))
        async with KubeClient.connect(ClusterConfig(server=server.url)) as client:
            try:
                await run_script(ScriptedWorld(server), registry, client, Scope("default"), script)
            finally:
                await registry.aclose()


@pytest.mark.parametrize("watch_list", [True, False])
@pytest.mark.parametrize("seed", range(3))
async def test_the_same_holds_against_the_demo(watch_list: bool, seed: int) -> None:
    settings = DemoSettings(watch=WatchSettings(watch_list=watch_list))
    mishaps = ("disconnect", "forget", "renew")
    async with (
        run_demo(living=False, controllers=False, planted=False, settings=settings) as demo,
        KubeClient.connect(ClusterConfig(server=demo.url)) as client,
    ):
        registry = InformerRegistry(clock=InstantClock(), limits=Limits(objects=3))
        try:
            script = random_steps(300, seed, mishaps)
            await run_script(DemoWorld(demo, client, "default"), registry, client, Scope("default"), script)
        finally:
            await registry.aclose()
