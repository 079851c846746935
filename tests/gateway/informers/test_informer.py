"""The histogram of lag, and which events have one."""

import time

import pytest

from gateway.informers import LAG_BOUNDS, InformerRegistry, Lag, Scope
from gateway.kube.client import KubeClient
from tests.gateway.informers.scripted_server import CONFIG_MAPS, ScriptedServer


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, 0), (0.001, 0), (0.0011, 1), (10.0, 12), (11.0, 13)])
def test_a_value_is_in_the_first_bucket_that_it_fits(seconds: float, bucket: int) -> None:
    lag = Lag()
    lag.observe(seconds)
    assert lag.buckets == [int(item == bucket) for item in range(len(LAG_BOUNDS) + 1)]
    assert lag.total == seconds


async def test_changes_carry_an_arrival_time_and_initial_events_none(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("first", v=0)
    began = time.monotonic()
    async with registry.subscribe(client, CONFIG_MAPS, Scope()) as events:
        assert [(await anext(events)).received, (await anext(events)).received] == [0.0, 0.0]
        await server.update("first", v=1)
        change = await anext(events)
        assert began < change.received <= time.monotonic()


async def test_replayed_events_have_no_lag(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("first", v=0)
    async with registry.subscribe(client, CONFIG_MAPS, Scope()) as events:
        await anext(events)
        position = (await anext(events)).resource_version
        await server.update("first", v=1)
        await anext(events)
        async with registry.subscribe(client, CONFIG_MAPS, Scope(), resource_version=position) as resumed:
            await anext(resumed)
            assert (await anext(resumed)).received == 0.0
