"""The pods dashboard with 2,000 pods and 20 changes per second, in Chromium's own trace.

The trace gives the elapsed time and the CPU time of every task. Only the CPU time is asserted: the elapsed
time includes the time in which other processes had the processor.
"""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from gateway.demo import run_demo
from gateway.demo.apiserver.storage import Storage, object_key
from tests.browser.conftest import Browser, Page
from tests.browser.trace import CATEGORIES, Task, main_thread_tasks, read_trace
from tests.fixtures.api import API, core, pod
from tests.fixtures.backends import write_kubeconfig
from tests.fixtures.gateways import GatewayProcess, start_gateway

PODS = 2000
NODES = 50
CHANGES_PER_SECOND = 20
SECONDS = 8
LONG_TASK = 100.0  # milliseconds
pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

ATTEMPTS = 3  # other processes can make a task slower, never faster
PATCH = {"content-type": "application/merge-patch+json"}


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[tuple[str, GatewayProcess]]:
    """The address of the demo's API server with 2,000 pods on 50 nodes, and a gateway on it."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(run_demo(controllers=False, planted=False)) as demo,
    ):
        api = API(demo.url, None, "anyone")
        api.create(core("namespaces"), {"metadata": {"name": "crowd"}})
        api.create(core("pods", "crowd"), pod("pod-0", labels={}, node="node-0"))
        portal.call(multiply_pods, demo.storage)
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", demo.url)
        with start_gateway(tmp_path / "gateway", "--kubeconfig", str(kubeconfig)) as gateway:
            yield demo.url, gateway


def multiply_pods(storage: Storage) -> None:
    """Copy ``pod-0``, which the API server has completed: 2,000 requests take 9 s of processor time."""
    first = storage.all("pods")[object_key("crowd", "pod-0")].object
    for number in range(1, PODS):
        name = f"pod-{number}"
        metadata = {**first["metadata"], "name": name, "uid": str(uuid.uuid4())}
        spec = {**first["spec"], "nodeName": f"node-{number % NODES}"}
        storage.put("pods", object_key("crowd", name), {**first, "metadata": metadata, "spec": spec})


@asynccontextmanager
async def changing(server: str) -> AsyncIterator[None]:
    """Change the phase of one pod after the other, 20 times a second, until the end of the block."""

    async def change() -> None:
        async with httpx.AsyncClient(base_url=server, headers=PATCH, trust_env=False) as client:
            for number in itertools.count():
                status = {"phase": ("Running", "Failed", "Succeeded")[number // PODS % 3]}
                path = core("pods", "crowd", f"pod-{number * 7 % PODS}", "status")
                (await client.patch(path, json={"status": status})).raise_for_status()
                await asyncio.sleep(1 / CHANGES_PER_SECOND)

    task = asyncio.create_task(change())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()


async def trace(page: Page, gateway: GatewayProcess, path: Path) -> tuple[list[Task], list[Task]]:
    """The tasks while the page loads all pods, and the tasks of the next eight seconds."""
    await page.call("startTracing", list(CATEGORIES))
    await page.open(f"{gateway.url}/examples/pods-dashboard/")
    await page.evaluate("performance.mark('opened', { startTime: 0 }) && null")
    await page.wait_for(f"document.querySelectorAll('section li').length === {PODS}")
    await page.evaluate("performance.mark('loaded') && null")
    await asyncio.sleep(SECONDS)
    await page.evaluate("performance.mark('ended') && null")
    await page.call("stopTracing", str(path))
    events = read_trace(path)
    return main_thread_tasks(events, "opened", "loaded"), main_thread_tasks(events, "loaded", "ended")


def longest(tasks: list[Task]) -> str:
    cpu, elapsed = max(task.cpu for task in tasks), max(task.elapsed for task in tasks)
    above = sum(task.elapsed > LONG_TASK for task in tasks)
    return f"{cpu:.0f} ms of CPU, {elapsed:.0f} ms elapsed, {above} above {LONG_TASK:.0f} ms elapsed"


async def test_no_task_is_long_with_2000_pods_and_20_changes_per_second(
    crowded: tuple[str, GatewayProcess], browser: Browser, tmp_path: Path
) -> None:
    server, gateway = crowded
    reports: list[str] = []
    for attempt in range(ATTEMPTS):
        async with changing(server):
            loading, afterwards = await trace(browser.page(attempt), gateway, tmp_path / "trace.json")
        assert len(loading) > NODES
        assert len(afterwards) > SECONDS
        reports.append(f"longest while loading: {longest(loading)}; afterwards: {longest(afterwards)}")
        print(reports[-1])
        if all(task.cpu < LONG_TASK for task in loading + afterwards):
            return
    raise AssertionError("\n".join(reports))
