"""A client for a running demo, and objects to send to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from gateway.demo import DemoServer

__all__ = ["APPS", "CORE", "DemoCluster", "config_map", "connect", "deployment", "fill", "names", "pod"]

Object = dict[str, Any]

CORE = "/api/v1/namespaces/default"
APPS = "/apis/apps/v1/namespaces/default"
DEADLINE = 60.0
PATCHES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}


def config_map(name: str, **metadata: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": {"key": "value"},
    }


def pod(name: str, *, node: str = "", **metadata: Any) -> Object:
    spec: Object = {"containers": [{"name": "main", "image": "nginx:1.29"}]}
    if node:
        spec["nodeName"] = node
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}, "spec": spec}


def deployment(name: str, **spec: Any) -> Object:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": "nginx:1.29"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
            **spec,
        },
    }


@dataclass(frozen=True, slots=True)
class DemoCluster:
    """A running demo and a client for it."""

    demo: DemoServer
    client: httpx.AsyncClient

    async def get(self, path: str, *, accept: str = "application/json", **query: Any) -> Object:
        response = await self.client.get(path, params=query, headers={"Accept": accept})
        value: Object = response.raise_for_status().json()
        return value

    async def create(self, path: str, value: Object, **query: Any) -> Object:
        created: Object = (await self.client.post(path, json=value, params=query)).raise_for_status().json()
        return created

    async def patch(self, path: str, kind: str, patch: Any, **query: Any) -> httpx.Response:
        headers = {"Content-Type": PATCHES[kind]}
        return await self.client.patch(path, content=json.dumps(patch), params=query, headers=headers)

    async def patched(self, path: str, kind: str, patch: Any, **query: Any) -> Object:
        response = await self.patch(path, kind, patch, **query)
        assert response.is_success, response.text
        value: Object = response.json()
        return value

    async def delete(self, path: str, **query: Any) -> httpx.Response:
        return await self.client.delete(path, params=query)

    @asynccontextmanager
    async def watch(self, path: str, **query: Any) -> AsyncIterator[AsyncIterator[Object]]:
        """The events of a watch, one by one, within the deadline."""
        async with self.client.stream("GET", path, params={"watch": "true", **query}) as response:
            response.raise_for_status()

            async def events() -> AsyncIterator[Object]:
                async with asyncio.timeout(DEADLINE):
                    async for line in response.aiter_lines():
                        yield json.loads(line)

            yield events()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds of the demo itself."""
        async with asyncio.timeout(DEADLINE):
            while not holds():  # noqa: ASYNC110 - the demo signals no event for these conditions
                await asyncio.sleep(0.01)

    async def gone(self, path: str) -> None:
        """Wait until there is nothing at a path."""
        async with asyncio.timeout(DEADLINE):
            while (await self.client.get(path)).status_code != 404:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)

    async def eventually(self, path: str, holds: Callable[[Object], bool], **query: Any) -> Object:
        """The response of a path, once the condition holds."""
        async with asyncio.timeout(DEADLINE):
            while True:
                response = await self.client.get(path, params=query)
                if response.is_success and holds(response.json()):
                    value: Object = response.json()
                    return value
                await asyncio.sleep(0.02)


@asynccontextmanager
async def connect(demo: DemoServer) -> AsyncIterator[DemoCluster]:
    async with httpx.AsyncClient(base_url=demo.url, timeout=DEADLINE, verify=False) as client:
        yield DemoCluster(demo, client)


async def fill(cluster: DemoCluster, count: int = 5) -> None:
    """Create ``map-0`` to ``map-N``, labelled with the parity of their numbers."""
    for index in range(count):
        labels = {"parity": "odd" if index % 2 else "even"}
        await cluster.create(f"{CORE}/configmaps", config_map(f"map-{index}", labels=labels))


def names(listed: Object) -> list[str]:
    return [item["metadata"]["name"] for item in listed["items"]]
