"""Unsolicited incidents happen, and the same ones for the same seed."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from gateway.demo import DemoSettings, run_demo
from gateway.demo.cluster.timeline import Timeline
from tests.gateway.demo.demo_client import connect


async def test_unsolicited_incidents_happen() -> None:
    async with run_demo(settings=DemoSettings(speed=50, seed=1)) as demo, connect(demo) as cluster:
        async with cluster.watch("/api/v1/pods", resourceVersion=demo.storage.revision) as events:
            restarts = 0
            while not restarts:
                statuses = (await anext(events))["object"]["status"].get("containerStatuses", [])
                restarts = sum(item["restartCount"] for item in statuses)
        warnings = await cluster.eventually(
            "/api/v1/events", lambda found: bool(found["items"]), fieldSelector="type=Warning"
        )
        assert warnings["items"][0]["involvedObject"]["kind"] == "Pod"


@pytest.mark.parametrize("is_fast", [False, True], ids=["the same clock", "a clock that is far ahead"])
async def test_a_seed_makes_the_same_things_happen_each_time(
    is_fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lived(count: int) -> list[str]:
        async with run_demo(settings=DemoSettings(seed=3, speed=200)) as demo, connect(demo) as cluster:
            start = demo.storage.revision
            await cluster.until(lambda: len(demo.storage.since("pods", start)) >= count)
            changes = demo.storage.since("pods", start)[:count]
            return [f"{item.type} {item.new.key}" for item in changes]

    first = await lived(100)
    if is_fast:
        readings = itertools.count()
        began = datetime.now(UTC)
        monkeypatch.setattr(Timeline, "now", lambda _: began + timedelta(seconds=next(readings)))
    assert await lived(100) == first
