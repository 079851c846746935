"""A bare demo API server, and one with a cluster in it, each with a client."""

from collections.abc import AsyncIterator

import pytest

from gateway.demo import DemoSettings, WatchSettings, run_demo
from tests.gateway.demo.demo_client import DemoCluster, connect

QUICK = DemoSettings(watch=WatchSettings(bookmark_interval=0.1), freshness=0.2, speed=20, seed=7)


@pytest.fixture
async def bare() -> AsyncIterator[DemoCluster]:
    """A server without objects and without controllers."""
    bare = run_demo(living=False, controllers=False, planted=False, settings=QUICK)
    async with bare as demo, connect(demo) as cluster:
        yield cluster


@pytest.fixture
async def still() -> AsyncIterator[DemoCluster]:
    """The planted cluster with its controllers, twenty times as fast; no incidents."""
    async with run_demo(living=False, settings=QUICK) as demo, connect(demo) as cluster:
        yield cluster
