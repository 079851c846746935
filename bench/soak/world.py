"""The API server of the soak: random writes, crashes, and lists of its objects."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench.cluster import Cluster
from bench.soak.views import NAMESPACES, View
from tests.fixtures.api import pod

__all__ = ["World"]

_CONFIG_MAPS, _PODS = 20, 8
_LABELS = ("x", "y", "")
_LARGE_BYTES = 60_000
_MERGE = {"Content-Type": "application/merge-patch+json"}
_UNAVAILABLE = (httpx.TransportError, httpx.HTTPStatusError)
"""Errors of a dead API server, or of one that starts and answers with various 4xx and 5xx."""

_Known = Mapping[str, tuple[str, str]]


@dataclass(slots=True)
class World:
    """Continuously changing config maps and pods; ``counts`` counts writes and crashes."""

    cluster: Cluster
    client: httpx.AsyncClient
    chance: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    _numbers: int = 0

    async def create(self) -> None:
        for namespace in NAMESPACES:
            body = {"metadata": {"name": namespace}}
            (await self.client.post("/api/v1/namespaces", json=body)).raise_for_status()

    async def write(self, per_second: float) -> None:
        """Write at that average rate until cancelled; failures of a dead API server are only counted."""
        while True:
            try:
                await self._write_once()
                self.counts["writes"] += 1
            except _UNAVAILABLE:
                self.counts["writes that failed"] += 1
            await asyncio.sleep(self.chance.expovariate(per_second))

    async def _write_once(self) -> None:
        namespace, is_pod = self.chance.choice(NAMESPACES), self.chance.random() < 0.25
        name = f"p{self.chance.randrange(_PODS)}" if is_pod else f"c{self.chance.randrange(_CONFIG_MAPS)}"
        path = f"/api/v1/namespaces/{namespace}/{'pods' if is_pod else 'configmaps'}"
        body = self._pod(name) if is_pod else self._config_map(name)
        if self.chance.random() < 0.15:
            response = await self.client.delete(f"{path}/{name}", params={"gracePeriodSeconds": "0"})
        else:
            patch = {"metadata": body["metadata"], **({} if is_pod else {"data": body["data"]})}
            response = await self.client.patch(f"{path}/{name}", content=json.dumps(patch), headers=_MERGE)
            if response.status_code == 404:
                response = await self.client.post(path, json=body)
        if response.status_code not in (404, 409):
            response.raise_for_status()

    def _config_map(self, name: str) -> dict[str, Any]:
        self._numbers += 1
        filling = "x" * _LARGE_BYTES if self.chance.random() < 0.06 else ""
        labels = {"app": self.chance.choice(_LABELS)}
        return {"metadata": {"name": name, "labels": labels}, "data": {"v": f"{self._numbers}{filling}"}}

    def _pod(self, name: str) -> dict[str, Any]:
        self._numbers += 1
        body = pod(
            name, labels={"app": self.chance.choice(_LABELS)}, node=self.chance.choice(["node-1", "node-2"])
        )
        body["metadata"]["annotations"] = {"number": str(self._numbers)}
        body["spec"]["automountServiceAccountToken"] = False
        return body

    async def die(self, seconds: float) -> None:
        """Kill the API server, and start it again after that many seconds."""
        self.counts["times that the API server died"] += 1
        await asyncio.to_thread(self.cluster.plane.kill_apiserver)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self.cluster.plane.start_apiserver)

    async def known(self, view: View) -> _Known:
        """The view's objects from a LIST, in the form of :attr:`Fold.known`."""
        response = await self.client.get(view.path, params=dict(view.parameters))
        response.raise_for_status()
        found = [item["metadata"] for item in response.json()["items"]]
        return {
            f"{metadata['namespace']}/{metadata['name']}": (metadata["uid"], metadata["resourceVersion"])
            for metadata in found
        }
