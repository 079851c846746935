"""``podLogs``: the logs of many containers as one stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from gateway.errors import BadArgument, GatewayError, NotFound, QueryTooComplex, Status
from gateway.informers import EventType, Scope
from gateway.kube.paths import resource_path
from gateway.resolvers.caller_informers import Events, subscribe
from gateway.resolvers.context import Info, client_of
from gateway.resolvers.logs.container_log import ContainerLog, End, FollowedPod, LogRequest, Output
from gateway.resolvers.logs.log_rights import LogRights
from gateway.resolvers.logs.pod_containers import Pod, parse_pod
from schema.building import POD_LOG_LINE, compile_line
from schema.resources import Resource
from schema.selection import Compiled

__all__ = ["answer_pod_logs", "stream_pod_logs"]

MAX_QUEUED_LINES = 128
"""Queued lines of all containers; at most 4 MiB with lines of the maximum length."""
MAX_CONTAINERS = 500
"""Containers per subscription: each costs a connection to the API server and one to a kubelet."""
MAX_CONCURRENT_READS = 16
LINGER_SECONDS = 10.0
"""The time that the log of a deleted pod has to end by itself."""


async def answer_pod_logs(
    pods: Resource, info: Info, **arguments: Any
) -> AsyncIterator[Mapping[str, Any] | Compiled | GatewayError]:
    """The source stream of ``podLogs``: the selected fields of each line."""
    selected = compile_line(info)
    async with aclosing(stream_pod_logs(pods, info, **arguments)) as stream:
        async for item in stream:
            if selected is None or isinstance(item, GatewayError):
                yield item
            else:
                named = {"__typename": POD_LOG_LINE.name, **item}
                yield Compiled({response: named[field] for response, field in selected})


async def stream_pod_logs(
    pods: Resource,
    info: Info,
    *,
    name: str | None = None,
    label_selector: str | None = None,
    namespace: str | None = None,
    **options: Any,
) -> AsyncGenerator[Mapping[str, Any] | GatewayError, None]:
    """The lines. A GatewayError among them is about one pod; the other pods continue.

    The queue is bounded: a slow subscriber applies back-pressure to the API server.
    """
    if (name is None) == (label_selector is None):
        raise BadArgument("give exactly one of name and labelSelector")
    if name is not None:
        namespace = namespace or info.context.default_namespace
    client, shared = client_of(info), info.context.shared
    counters = shared.logs
    rights = LogRights(client, shared.reviews, shared.leases, pods)
    request = LogRequest(client, rights, pods, name, **options, counters=counters)
    resource_path(pods, namespace or None, name)
    _validate(request)
    events = subscribe(
        info,
        pods,
        Scope(namespace=namespace or None, name=name),
        label_selector=label_selector or "",
    )
    output: Output = asyncio.Queue(MAX_QUEUED_LINES)
    # not a TaskGroup: a generator may be closed by another task than its reader's
    reading = asyncio.create_task(PodLogs(request, output).run(events), name="pod logs")
    try:
        with counters.subscription():
            while not isinstance(item := await output.get(), End):
                counters.lines += not isinstance(item, GatewayError)
                yield item
        if item.error is not None:
            raise item.error
    finally:
        reading.cancel()
        await asyncio.wait([reading])


def _validate(request: LogRequest) -> None:
    """Raise BadArgument once for arguments that every single log would refuse."""
    if request.tail_lines is not None and request.tail_lines < 0:
        raise BadArgument(f"tailLines is {request.tail_lines}; give 0 or a positive number")
    if request.since_seconds is not None and request.since_seconds < 1:
        raise BadArgument(f"sinceSeconds is {request.since_seconds}; give a positive number")


class PodLogs:
    """Reads the logs of all pods of a subscription into one output, with a task per container."""

    def __init__(self, request: LogRequest, output: Output) -> None:
        self._request = request
        self._output = output
        self._pods: dict[str, FollowedPod] = {}
        self._readers: dict[str, dict[str, asyncio.Task[None]]] = {}
        self._watching: asyncio.Task[None]

    async def run(self, events: Events) -> None:
        """Read until all logs are complete or an error occurs; the output then gets an End."""
        error: Exception | None = None
        try:
            await (self._follow(events) if self._request.follows else self._read_all(events))
        except Exception as raised:  # noqa: BLE001 - a task's outer edge: the End carries the error
            error = _first(raised)
        await self._output.put(End(error))

    async def _read_all(self, events: Events) -> None:
        found = await self._collect(events)
        free = asyncio.Semaphore(MAX_CONCURRENT_READS)
        async with asyncio.TaskGroup() as tasks:
            for pod in found:
                followed = FollowedPod(pod)
                for container in self._containers_to_read(pod):
                    await free.acquire()
                    log = ContainerLog(self._request, followed, container, self._output, bounded=True)
                    tasks.create_task(log.read()).add_done_callback(lambda _: free.release())

    async def _collect(self, events: Events) -> Iterable[Pod]:
        found: dict[str, Pod] = {}
        async with events as stream:
            async for event in stream:
                if event.object is None:
                    break
                found[event.uid] = parse_pod(event.object)
        if self._request.named and not found:
            raise _no_such_pod(self._request)
        return found.values()

    def _containers_to_read(self, pod: Pod) -> Sequence[str]:
        """The containers that have run; if none has, all: the API server answers with the reason."""
        if self._request.container is not None:
            return (self._request.container,)
        ran = [
            container
            for container in pod.containers
            if container in pod.runs and (pod.runs[container].previous or not self._request.previous)
        ]
        return ran or pod.containers

    async def _follow(self, events: Events) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._watching = tasks.create_task(self._watch(events, tasks))

    async def _watch(self, events: Events, tasks: asyncio.TaskGroup) -> None:
        """Start and stop readers as pods change; a slow log does not delay this task."""
        synced = False
        async with events as stream:
            async for event in stream:
                if event.object is None:
                    synced = True
                    if self._request.named and not self._pods:
                        raise _no_such_pod(self._request)
                elif event.type is EventType.DELETED:
                    self._end(event.uid, linger=self._request.named or parse_pod(event.object).leaving)
                    if self._request.named:
                        return
                else:
                    self._follow_pod(parse_pod(event.object), tasks, joined=synced)
        for uid in list(self._pods):
            self._end(uid, linger=False)

    def _follow_pod(self, pod: Pod, tasks: asyncio.TaskGroup, *, joined: bool) -> None:
        followed = self._pods.setdefault(pod.uid, FollowedPod(pod))
        followed.update(pod)
        readers = self._readers.setdefault(pod.uid, {})
        for container in (self._request.container,) if self._request.container else pod.containers:
            if container in readers:
                continue
            self._check_room()
            # a container that starts later is read from its beginning
            bounded = not joined and (container in pod.runs or not pod.reported)
            log = ContainerLog(self._request, followed, container, self._output, bounded=bounded)
            readers[container] = tasks.create_task(log.follow(), name=f"log of {pod.name}/{container}")
            readers[container].add_done_callback(lambda _: self._stop_when_finished(followed))

    def _check_room(self) -> None:
        followed = sum(not task.done() for readers in self._readers.values() for task in readers.values())
        if followed >= MAX_CONTAINERS:
            raise QueryTooComplex(
                f"one subscription follows {MAX_CONTAINERS} containers at the most;"
                " narrow it with namespace, labelSelector or container"
            )

    def _stop_when_finished(self, followed: FollowedPod) -> None:
        """End the subscription of a named pod that has finished and whose logs are read completely."""
        readers = self._readers.get(followed.pod.uid, {})
        if (
            self._request.named
            and followed.pod.finished
            and all(reader.done() for reader in readers.values())
        ):
            self._watching.cancel()

    def _end(self, uid: str, *, linger: bool) -> None:
        """Cancel the readers of a pod, with ``linger`` after :data:`LINGER_SECONDS`."""
        followed = self._pods.pop(uid, None)
        if followed is None:
            return
        followed.end()
        for task in self._readers.pop(uid).values():
            if linger:
                asyncio.get_running_loop().call_later(LINGER_SECONDS, task.cancel)
            else:
                task.cancel()


def _no_such_pod(request: LogRequest) -> NotFound:
    name = request.name or ""
    details = {"name": name, "kind": "pods"}
    return NotFound(Status(404, "NotFound", f'pods "{name}" not found', details=details))


def _first(error: Exception) -> Exception:
    """The first of the errors that were raised concurrently."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
