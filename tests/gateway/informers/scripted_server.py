"""An API server on loopback that serves config maps and produces scripted faults."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.gateway.informers.answers import (
    CONFIG_MAPS,
    TYPE_META,
    Logged,
    Object,
    Reply,
    Request,
    encode,
    event,
    failure,
    seen,
    selects,
    shaped,
    status,
    version,
)

__all__ = [
    "CONFIG_MAPS",
    "Reply",
    "Request",
    "ScriptedServer",
    "event",
    "failure",
    "running_server",
    "status",
]


class ScriptedServer:
    """Objects, a log of changes, and switches for everything that can go wrong."""

    def __init__(self) -> None:
        self.port = 0
        self.objects: dict[str, Object] = {}
        self.resource_version = 100
        self.requests: list[Request] = []
        self.watch_list = True
        self.hold = False
        self.gone_as_event = False
        self.piece: int | None = None
        self.page_limit: int | None = None
        self.scripted: deque[Reply | None] = deque()
        self.on_request: Callable[[Request], Reply | None] = lambda _: None
        self._log: list[Logged] = []
        self._oldest = 0
        self._uids = 0
        self._changed = asyncio.Condition()
        self._extra: list[bytes] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._watching: set[asyncio.Event] = set()
        self._server: asyncio.Server | None = None

    # controls for tests

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self._server is not None

    @property
    def watches(self) -> list[Request]:
        return [item for item in self.requests if item.is_watch]

    @property
    def lists(self) -> list[Request]:
        return [item for item in self.requests if not item.is_watch]

    @property
    def open_watches(self) -> int:
        return len(self._watching)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse new connections and break the open ones."""
        if self._server is not None:
            self._server.close()
            await self.disconnect()
            await self._server.wait_closed()
            self._server = None
            async with self._changed:
                await self._changed.wait_for(lambda: not self._writers)

    async def disconnect(self) -> None:
        """Break every connection in the middle."""
        for writer in list(self._writers):
            writer.transport.abort()
        await self.end_watches()

    async def end_watches(self) -> None:
        """End every watch as its timeout would."""
        for ending in self._watching:
            ending.set()
        self._watching.clear()
        await self.notify()

    async def release(self) -> None:
        """Resume the watches that ``hold`` paused."""
        self.hold = False
        await self.notify()

    async def notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def create(self, name: str, namespace: str = "default", **data: Any) -> Object:
        self._uids += 1
        metadata = {"name": name, "namespace": namespace, "uid": f"uid-{self._uids}"}
        return await self._write(f"{namespace}/{name}", {"metadata": metadata}, data)

    async def update(self, name: str, namespace: str = "default", **data: Any) -> Object:
        """Replace labels and data of an object."""
        key = f"{namespace}/{name}"
        metadata = {item: value for item, value in self.objects[key]["metadata"].items() if item != "labels"}
        return await self._write(key, {"metadata": metadata}, data)

    async def delete(self, name: str, namespace: str = "default") -> None:
        key = f"{namespace}/{name}"
        self.resource_version += 1
        self._log.append(Logged(self.resource_version, self.objects.pop(key), None))
        await self.notify()

    async def _write(self, key: str, written: Object, data: Mapping[str, Any]) -> Object:
        self.resource_version += 1
        metadata = {**written["metadata"], "resourceVersion": str(self.resource_version)}
        if "labels" in data:
            metadata["labels"] = data["labels"]
        content = {name: value for name, value in data.items() if name != "labels"}
        current = {"metadata": metadata, "data": content}
        self._log.append(Logged(self.resource_version, self.objects.get(key), current))
        self.objects[key] = current
        await self.notify()
        return current

    def compact(self) -> None:
        """Forget the log: a watch or a continued list from before now gets 410."""
        self._oldest = self.resource_version

    def restore(self, objects: Mapping[str, Object], resource_version: int) -> None:
        """Go back to an older state, as an etcd does that is restored from a backup."""
        self.objects = dict(objects)
        self.resource_version = resource_version
        self._log = []

    async def send(self, line: bytes) -> None:
        """Send a line of the test's own making to every watch."""
        self._extra.append(line)
        await self.notify()

    async def bookmark(self) -> None:
        await self.send(event("BOOKMARK", {**TYPE_META, "metadata": version(self.resource_version)}))

    # how it answers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._answer(reader, writer):
                    pass
        finally:
            self._writers.discard(writer)
            writer.close()
            await self.notify()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        url = urlsplit(head.split(" ")[1])
        metadata_only = "as=PartialObjectMetadata" in head.partition("\r\n")[2]
        request = Request(url.path, dict(parse_qsl(url.query)), metadata_only)
        self.requests.append(request)
        reply = self.scripted.popleft() if self.scripted else None
        reply = reply or self.on_request(request) or self._refusal(request)
        if reply is None and request.is_watch:
            await self._watch(request, reader, writer)
            return False
        await self._reply(reply or self._list(request), writer)
        return True

    async def _reply(self, reply: Reply, writer: asyncio.StreamWriter) -> None:
        headers = {"Content-Type": "application/json", "Content-Length": len(reply.body), **reply.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {reply.code} X\r\n{lines}\r\n".encode() + reply.body)
        await writer.drain()

    def _refusal(self, request: Request) -> Reply | None:
        if request.is_watch and "sendInitialEvents" in request.query and not self.watch_list:
            return failure(422, "Invalid", "sendInitialEvents is forbidden for watch")
        start = int(request.query.get("resourceVersion") or 0)
        if request.is_watch and start and start < self._oldest and not self.gone_as_event:
            return failure(410, "Expired", "too old resource version")
        token = request.query.get("continue", "")
        if token and int(token.split("/")[0]) < self._oldest:
            return failure(410, "Expired", "the provided continue parameter is too old")
        return None

    def _list(self, request: Request) -> Reply:
        selected = sorted(self._selected(request), key=lambda item: str(item["metadata"]["name"]))
        token = request.query.get("continue", "")
        begin = int(token.split("/")[1]) if token else 0
        limit = int(request.query.get("limit", 0)) or len(selected)
        end = begin + min(limit, self.page_limit or limit) if "limit" in request.query else len(selected)
        metadata = version(self.resource_version)
        if end < len(selected):
            metadata["continue"] = f"{self.resource_version}/{end}"
        part = selected[begin:end]
        items = [shaped(request, item) for item in part] if request.metadata_only else part
        listing = {"kind": "ConfigMapList", "apiVersion": "v1", "metadata": metadata, "items": items}
        return Reply(200, encode(listing))

    def _selected(self, request: Request) -> list[Object]:
        return [item for item in self.objects.values() if selects(request, item)]

    async def _watch(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        ending = asyncio.Event()
        self._watching.add(ending)
        closing = asyncio.create_task(self._await_close(reader, ending))
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
            async with aclosing(self._events(request, ending)) as lines:
                async for line in lines:
                    await self._chunks(line, writer)
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        finally:
            self._watching.discard(ending)
            closing.cancel()

    async def _await_close(self, reader: asyncio.StreamReader, ending: asyncio.Event) -> None:
        with suppress(ConnectionError):
            await reader.read()
        ending.set()
        await self.notify()

    async def _chunks(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        size = self.piece or len(line)
        for begin in range(0, len(line), size):
            piece = line[begin : begin + size]
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()

    async def _events(self, request: Request, ending: asyncio.Event) -> AsyncGenerator[bytes, None]:
        start = int(request.query.get("resourceVersion") or 0)
        if start and start < self._oldest:
            yield event("ERROR", status(410, "Expired", "too old resource version"))
            return
        extra = len(self._extra)
        if request.query.get("sendInitialEvents") == "true":
            for item in self._selected(request):
                yield event("ADDED", shaped(request, item))
            start = self.resource_version
            annotations = {"k8s.io/initial-events-end": "true"}
            yield event("BOOKMARK", {**TYPE_META, "metadata": {**version(start), "annotations": annotations}})
        while not ending.is_set():
            while self.hold and not ending.is_set():
                async with self._changed:
                    await self._changed.wait()
            pending = [item for item in self._log if item.resource_version > start]
            start = max(start, self.resource_version)
            for logged in pending:
                if (line := seen(request, logged)) is not None:
                    yield line
            for line in self._extra[extra:]:
                extra += 1
                yield line
            async with self._changed:
                while not (ending.is_set() or self.resource_version > start or len(self._extra) > extra):
                    await self._changed.wait()


@asynccontextmanager
async def running_server() -> AsyncIterator[ScriptedServer]:
    """A server that has been started, and is stopped."""
    server = ScriptedServer()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
