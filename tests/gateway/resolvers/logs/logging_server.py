"""An API server with pods; the tests write the logs of their containers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.gateway.kube.loopback import LoopbackServer, Reply, Request, json_reply, serve, status_reply

__all__ = ["Log", "LoggingServer", "running", "running_server", "terminated"]

Object = dict[str, Any]

BEGIN = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
BOOKMARK = {"metadata": {"resourceVersion": "0", "annotations": {"k8s.io/initial-events-end": "true"}}}


@dataclass
class Log:
    """The log of a container, a line every 0.3 s; ``ended``: no further line will come."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    ended: bool = False
    served: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def write(self, *texts: str) -> None:
        for text in texts:
            moment = BEGIN + len(self.lines) * timedelta(seconds=0.3)
            self.lines.append((f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z", text))
        self._wake()

    def end(self) -> None:
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def chunks(self, params: dict[str, str]) -> AsyncIterator[bytes]:
        since = params.get("sinceTime", "").rstrip("Z")
        following = [index for index, (stamp, _) in enumerate(self.lines) if stamp >= since]
        index = following[0] if following else len(self.lines)
        if "tailLines" in params:
            index = max(index, len(self.lines) - int(params["tailLines"]))
        while True:
            changed = self.changed
            while index < len(self.lines):
                chunk = "{} {}\n".format(*self.lines[index]).encode()
                self.served += len(chunk)
                yield chunk
                index += 1
            if self.ended or params.get("follow") != "true":
                return
            await changed.wait()


def running(name: str, id_: str = "first", *, previous: str = "") -> Object:
    """A container status."""
    last = {"lastState": {"terminated": {"containerID": previous}}} if previous else {}
    return {"name": name, "containerID": id_, "state": {"running": {"startedAt": "x"}}, **last}


def terminated(name: str, id_: str = "first") -> Object:
    return {"name": name, "containerID": id_, "state": {"terminated": {"containerID": id_, "exitCode": 0}}}


class LoggingServer:
    """Pods in the namespace ``default``; ``logs`` by pod and container, ``refusals`` by pod.

    The log of a container that was restarted is under ``container#previous``.
    """

    def __init__(self) -> None:
        self.pods: dict[str, Object] = {}
        self.logs: dict[tuple[str, str], Log] = {}
        self.refusals: dict[str, Reply] = {}
        self.requests: list[Request] = []
        self.server: LoopbackServer | None = None
        self._version = 1
        self._watchers: list[asyncio.Queue[bytes]] = []

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url

    @property
    def following(self) -> list[Request]:
        """The requests for logs with an open connection."""
        return [request for request in self.requests if not request.connection.closed.is_set()]

    def log(self, pod: str, container: str = "main") -> Log:
        return self.logs.setdefault((pod, container), Log())

    def put(self, name: str, *statuses: Object, phase: str = "Running", **spec: Any) -> None:
        """Create or change a pod; its containers default to the containers with a status."""
        self._version += 1
        containers = [{"name": status["name"]} for status in statuses] or [{"name": "main"}]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": "default",
                "uid": f"uid-{name}",
                "labels": {"app": name.partition("-")[0]},
                "resourceVersion": str(self._version),
            },
            "spec": {"nodeName": "node", "containers": containers, **spec},
            "status": {"phase": phase, "containerStatuses": list(statuses)},
        }
        self._publish("MODIFIED" if name in self.pods else "ADDED", pod)
        self.pods[name] = pod

    def delete(self, name: str) -> None:
        self._version += 1
        pod = self.pods.pop(name)
        metadata = {**pod["metadata"], "resourceVersion": str(self._version), "deletionTimestamp": "x"}
        self._publish("DELETED", {**pod, "metadata": metadata})

    def cut_logs(self) -> None:
        """Break every connection on which a log is followed."""
        for request in self.following:
            request.connection.transport.abort()

    def _publish(self, type_: str, pod: Object) -> None:
        for watcher in self._watchers:
            watcher.put_nowait(event(type_, pod))

    async def answer(self, request: Request) -> Reply:
        if request.path.endswith("/log"):
            return self._log(request)
        if request.params.get("watch") == "true":
            return Reply(chunks=self._events(), headers={"content-type": "application/json"})
        metadata = {"resourceVersion": str(self._version)}
        return json_reply({"kind": "PodList", "metadata": metadata, "items": [*self.pods.values()]})

    def _log(self, request: Request) -> Reply:
        self.requests.append(request)
        name, params = request.path.split("/")[-2], request.params
        if name in self.refusals:
            return self.refusals[name]
        container = params["container"] + ("#previous" if params.get("previous") == "true" else "")
        log = self.logs.get((name, container))
        if log is None:
            return status_reply(400, "BadRequest", f'container "{container}" is waiting to start: so it is')
        return Reply(chunks=log.chunks(params), headers={"content-type": "text/plain"})

    async def _events(self) -> AsyncIterator[bytes]:
        waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._watchers.append(waiting)
        for pod in list(self.pods.values()):
            yield event("ADDED", pod)
        bookmark = {"metadata": {**BOOKMARK["metadata"], "resourceVersion": str(self._version)}}
        yield event("BOOKMARK", {"apiVersion": "v1", "kind": "Pod", **bookmark})
        while True:
            yield await waiting.get()


def event(type_: str, content: Object) -> bytes:
    return json.dumps({"type": type_, "object": content}).encode() + b"\n"


@asynccontextmanager
async def running_server() -> AsyncIterator[LoggingServer]:
    logging = LoggingServer()
    async with serve(logging.answer) as server:
        logging.server = server
        yield logging
