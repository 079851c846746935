"""An aggregated API keeps its fields while its server is down, until its APIService is deleted."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.aggregated_api import AggregatedAPI, registered_api
from tests.fixtures.api import CRDS, crd
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.graphql_ws import StreamEnded
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.cluster

GAUGES = "{ gauges { items { reading } } }"
SUBSCRIPTION = "subscription { gauges { type object { reading } } }"


@pytest.fixture
def gauges(seeded_cluster: Backend) -> Iterator[AggregatedAPI]:
    assert seeded_cluster.control_plane is not None
    with registered_api(AggregatedAPI(seeded_cluster.control_plane, seeded_cluster.api())) as aggregated:
        yield aggregated


@pytest.fixture
def gateway(seeded_cluster: Backend, gauges: AggregatedAPI, tmp_path: Path) -> Iterator[GatewayProcess]:
    with start_gateway(tmp_path, "--kubeconfig", str(seeded_cluster.kubeconfig)) as started:
        yield started


async def reload(gateway: GatewayProcess, backend: Backend, kind: str) -> None:
    """Install a kind and wait until the gateway serves it: it has read discovery again."""
    plural = f"{kind.lower()}s"
    definition = crd("reload.example.test", kind, {"type": "object"})
    await asyncio.to_thread(backend.api().create, CRDS, definition)

    async def is_served() -> bool:
        return "errors" not in await gateway.execute(f"{{ {plural} {{ kind }} }}")

    await eventually(is_served, f"{plural} to be served")
    await asyncio.to_thread(backend.api().delete, f"{CRDS}/{plural}.reload.example.test")


async def reading_of(gateway: GatewayProcess) -> dict[str, Any]:
    async def answers() -> dict[str, Any] | None:
        answer = await gateway.execute(GAUGES)
        return None if "errors" in answer else answer["data"]["gauges"]["items"][0]

    return await eventually(answers, "the aggregated API to be served")


async def test_an_aggregated_api_outlasts_its_server(
    seeded_cluster: Backend, gauges: AggregatedAPI, gateway: GatewayProcess
) -> None:
    assert await reading_of(gateway) == {"reading": 1}
    async with gateway.subscribe(SUBSCRIPTION) as stream:
        assert await stream.synced() == [{"type": "ADDED", "object": {"reading": 1}}]
        await asyncio.to_thread(gauges.stop)
        await reload(gateway, seeded_cluster, "While")
        error = await gateway.error(GAUGES)
        assert (error["path"], error["extensions"]["code"]) == (["gauges"], "UPSTREAM_UNAVAILABLE")
        gauges.reading = 2
        await asyncio.to_thread(gauges.start)
        assert await stream.event() == {"type": "MODIFIED", "object": {"reading": 2}}
        assert await reading_of(gateway) == {"reading": 2}
        await asyncio.to_thread(gauges.unregister)
        with pytest.raises(StreamEnded) as ended:
            await stream.event()
    assert [item["extensions"]["code"] for item in ended.value.errors] == ["NOT_FOUND"]

    async def is_gone() -> bool:
        return "Cannot query field" in (await gateway.execute(GAUGES))["errors"][0]["message"]

    await eventually(is_gone, "the field to be removed")
