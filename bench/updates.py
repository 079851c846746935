"""Updates of pods, and when each was sent and answered."""

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
AT_ONCE = 8
MERGE, PATCH = "application/merge-patch+json", "application/json-patch+json"
WATCHES = re.compile(r"^apiserver_longrunning_requests\{(.*)\} (\S+)$", re.MULTILINE)
ENDED_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class Update:
    """One PATCH, by :func:`time.monotonic`, and the resource version that it led to."""

    resource_version: str
    sent: float
    answered: float


@dataclass(slots=True)
class Writer:
    """Sends PATCHes that change each pod in turn, one container's number of restarts at a time."""

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
            headers={"Content-Type": PATCH},
        )
        answered = time.monotonic()
        response.raise_for_status()
        return Update(response.json()["metadata"]["resourceVersion"], sent, answered)

    async def at_once(self, count: int) -> list[Update]:
        """So many, as fast as the API server takes them."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def update() -> Update:
            async with slots:
                return await self.update()

        return await asyncio.gather(*(update() for _ in range(count)))

    async def paced(self, count: int, per_second: float) -> list[Update]:
        """So many, each at its time, whether or not the ones before it are answered."""
        began, sent = time.monotonic(), []
        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                await asyncio.sleep(began + number / per_second - time.monotonic())
                sent.append(tasks.create_task(self.update()))
        return [each.result() for each in sent]


async def create_pods(client: httpx.AsyncClient, count: int) -> list[str]:
    """So many realistic pods in a namespace of their own; their names."""
    (await client.post("/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}})).raise_for_status()
    slots = asyncio.Semaphore(AT_ONCE)

    async def create(number: int) -> str:
        body = pod(number)
        name: str = body["metadata"]["name"]
        body["metadata"]["namespace"] = NAMESPACE
        path = f"/api/v1/namespaces/{NAMESPACE}/pods"
        async with slots:
            (await client.post(path, json=body)).raise_for_status()
            merged = await client.patch(
                f"{path}/{name}/status", content=json.dumps(status(number)), headers={"Content-Type": MERGE}
            )
            merged.raise_for_status()
        return name

    return await asyncio.gather(*map(create, range(count)))


async def count_watches(client: httpx.AsyncClient, resource: str) -> int:
    """How many watches of that resource the API server says are open now."""
    response = await client.get("/metrics")
    response.raise_for_status()
    return sum(
        int(float(value))
        for labels, value in WATCHES.findall(response.text)
        if f'resource="{resource}"' in labels and 'verb="WATCH"' in labels
    )


async def await_watches(client: httpx.AsyncClient, resource: str, count: int) -> None:
    """Until there are no more than so many: the end of a watch shows some time after it. TimeoutError."""
    async with asyncio.timeout(ENDED_WITHIN):
        while await count_watches(client, resource) > count:  # noqa: ASYNC110 (nobody is told)
            await asyncio.sleep(0.1)
