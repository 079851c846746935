"""The API servers that random scripts are played on."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from gateway.demo import DemoServer
from gateway.errors import NotFound, UpstreamError
from gateway.kube.client import KubeClient
from tests.fixtures.control_plane import ControlPlane
from tests.fixtures.tap import Tap
from tests.fixtures.waiting import eventually
from tests.gateway.informers.scripted_server import Reply, Request, ScriptedServer, failure

__all__ = ["ClusterWorld", "DemoWorld", "ScriptedWorld"]


class ScriptedWorld:
    """The scripted server, which can cause every kind of mishap."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server

    async def put(self, name: str, label: str) -> None:
        write = self.server.update if f"default/{name}" in self.server.objects else self.server.create
        labels = {"app": label} if label else {}
        await write(name, v=self.server.resource_version, labels=labels)

    async def delete(self, name: str) -> None:
        if f"default/{name}" in self.server.objects:
            await self.server.delete(name)

    async def mishap(self, what: str) -> None:
        match what:
            case "stop":
                await self.server.stop()
            case "start":
                await self.server.start()
            case "disconnect":
                await self.server.disconnect()
            case "renew":
                await self.server.end_watches()
            case "forget":
                self.server.compact()
                await self.server.disconnect()
            case "refuse":
                self.server.on_request = refuse_complete
            case "allow":
                self.server.on_request = lambda _: None

    async def recover(self) -> None:
        self.server.on_request = lambda _: None
        if not self.server.running:
            await self.server.start()

    async def state(self) -> Mapping[str, tuple[str, str]]:
        return {key: described(item) for key, item in self.server.objects.items()}


class HTTPWorld:
    """An API server with the writes of ordinary clients."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self.client = client
        self.path = f"api/v1/namespaces/{namespace}/configmaps"
        self.writes = 0

    async def put(self, name: str, label: str) -> None:
        self.writes += 1
        metadata = {"name": name, "labels": {"app": label} if label else {}}
        body = {
            "kind": "ConfigMap",
            "apiVersion": "v1",
            "metadata": metadata,
            "data": {"v": str(self.writes)},
        }
        try:
            await self.send("PUT", f"{self.path}/{name}", body)
        except NotFound:
            await self.send("POST", self.path, body)

    async def delete(self, name: str) -> None:
        try:
            await self.client.request("DELETE", f"{self.path}/{name}")
        except NotFound:
            return

    async def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        encoded = json.dumps(body).encode()
        answer = await self.client.request(method, path, body=encoded, content_type="application/json")
        return json.loads(answer.body)

    async def recover(self) -> None:
        return

    async def state(self) -> Mapping[str, tuple[str, str]]:
        items = json.loads((await self.client.get(self.path)).body)["items"]
        return {
            f"{item['metadata']['namespace']}/{item['metadata']['name']}": described(item) for item in items
        }


class DemoWorld(HTTPWorld):
    """The demo, which can forget its history and end its watches."""

    def __init__(self, demo: DemoServer, client: KubeClient, namespace: str) -> None:
        super().__init__(client, namespace)
        self.demo = demo

    async def mishap(self, what: str) -> None:
        if what == "forget":
            self.demo.compact()
        self.demo.drop_watches()


class ClusterWorld(HTTPWorld):
    """A real kube-apiserver, which is killed and started again, or forgets its history.

    Informers reach it through the tap, which breaks their connections.
    """

    def __init__(self, cluster: ControlPlane, tap: Tap, client: KubeClient, namespace: str) -> None:
        super().__init__(client, namespace)
        self.cluster = cluster
        self.tap = tap
        self.down = False

    async def put(self, name: str, label: str) -> None:
        if not self.down:
            await super().put(name, label)

    async def delete(self, name: str) -> None:
        if not self.down:
            await super().delete(name)

    async def mishap(self, what: str) -> None:
        match what:
            case "stop":
                self.down = True
                await asyncio.to_thread(self.cluster.kill_apiserver)
            case "start":
                await asyncio.to_thread(self.cluster.start_apiserver)
                await eventually(self.answers, "kube-apiserver")
                self.down = False
            case "disconnect":
                await asyncio.to_thread(self.tap.cut)
                self.tap.mend()
            case "forget" if not self.down:
                await asyncio.to_thread(self.cluster.forget)

    async def recover(self) -> None:
        if self.down:
            await self.mishap("start")

    async def answers(self) -> bool:
        try:
            await self.client.get(self.path)
        except UpstreamError:
            return False
        return True


def refuse_complete(request: Request) -> Reply | None:
    """Be too ill for anything but metadata."""
    return None if request.metadata_only else failure(503, "Unavailable", "metadata only")


def described(content: Mapping[str, Any]) -> tuple[str, str]:
    """Resource version and label."""
    metadata = content["metadata"]
    return metadata["resourceVersion"], (metadata.get("labels") or {}).get("app", "")
