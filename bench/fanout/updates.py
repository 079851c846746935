"""Updates pods, with the times of each request and answer."""

import asyncio
import itertools
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx

from tests.kube.seed import pod, status

__all__ = ["NAMESPACE", "Update", "Writer", "await_watches", "count_watches", "create_pods"]

NAMESPACE = "dashboard"
_CONCURRENT_WRITES = 8
_MERGE, _PATCH = "application/merge-patch+json", "application/json-patch+json"
_WATCHES = re.compile(r"^apiserver_longrunning_requests\{(.*)\} (\S+)$", re.MULTILINE)
_WATCH_END_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Update:
    """One PATCH: its resulting resource version, and its times (:func:`time.monotonic`)."""

    resource_version: str
    sent: float
    answered: float


@dataclass(slots=True)
class Writer:
    """Patches the pods in turn; each PATCH changes the restart count of a container."""

    client: httpx.AsyncClient
    pods: list[str]
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(100))

    async def update(self) -> Update:
        number = next(self._numbers)
        name = self.pods[number % len(self.pods)]
        path, patch = "/status/containerStatuses/0/restartCount", "replace"
        sent = time.monotonic()
        response = await self.client.patch(
            f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/status",
            content=json.dumps([{"op": patch, "path": path, "value": number}]),
            headers={"Content-Type": _PATCH},
        )
        answered = time.monotonic()
        response.raise_for_status()
        return Update(response.json()["metadata"]["resourceVersion"], sent, answered)

    async def at_once(self, count: int) -> list[Update]:
        """Send ``count`` updates as fast as the API server accepts them."""
        slots = asyncio.Semaphore(_CONCURRENT_WRITES)

        async def update() -> Update:
            async with slots:
                return await self.update()

        return await asyncio.gather(*(update() for _ in range(count)))

    async def paced(self, count: int, per_second: float) -> list[Update]:
        """Send ``count`` updates at a fixed rate, without waiting for earlier answers."""
        began, sent = time.monotonic(), []
        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                await asyncio.sleep(began + number / per_second - time.monotonic())
                sent.append(tasks.create_task(self.update()))
        return [task.result() for task in sent]


async def create_pods(client: httpx.AsyncClient, count: int) -> list[str]:
    """Create ``count`` realistic pods in their own namespace; return their names."""
    (await client.post("/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}})).raise_for_status()
    slots = asyncio.Semaphore(_CONCURRENT_WRITES)

    async def create(number: int) -> str:
        body = pod(number)
        name: str = body["metadata"]["name"]
        body["metadata"]["namespace"] = NAMESPACE
        path = f"/api/v1/namespaces/{NAMESPACE}/pods"
        async with slots:
            (await client.post(path, json=body)).raise_for_status()
            merged = await client.patch(
                f"{path}/{name}/status", content=json.dumps(status(number)), headers={"Content-Type": _MERGE}
            )
            merged.raise_for_status()
        return name

    return await asyncio.gather(*map(create, range(count)))


async def count_watches(client: httpx.AsyncClient, resource: str) -> int:
    """The number of open watches of the resource, from the API server's metrics."""
    response = await client.get("/metrics")
    response.raise_for_status()
    return sum(
        int(float(value))
        for labels, value in _WATCHES.findall(response.text)
        if f'resource="{resource}"' in labels and 'verb="WATCH"' in labels
    )


async def await_watches(client: httpx.AsyncClient, resource: str, count: int) -> None:
    """Wait until at most ``count`` watches are open; the metric lags. Raises TimeoutError."""
    async with asyncio.timeout(_WATCH_END_TIMEOUT_SECONDS):
        while await count_watches(client, resource) > count:  # noqa: ASYNC110 (the API server sends no notification)
            await asyncio.sleep(0.1)
