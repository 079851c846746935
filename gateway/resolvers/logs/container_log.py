"""The log of one container, read once or followed through everything that happens to it.

Following never tells a line twice and leaves none out: a stream that broke off is read on from the last
line that was told, and a container that restarted while nobody looked is read to its end first.
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.errors import (
    BadRequest,
    GatewayError,
    NotFound,
    PodLogUnreadable,
    ServerFailure,
    ServerTimeout,
    StatusError,
    TooManyRequests,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.kube.client import KubeClient
from gateway.kube.log_stream import LogLine, LogOptions, LogPosition, read_log
from gateway.kube.paths import resource_path
from gateway.resolvers.context import LogCounters
from gateway.resolvers.logs.pod_containers import Pod
from schema.resources import Resource

__all__ = ["ContainerLog", "End", "FollowedPod", "LogRequest", "Output"]


@dataclass(frozen=True, slots=True)
class End:
    """The end of it all, and the error that it is."""

    error: Exception | None = None


Output = asyncio.Queue[Mapping[str, Any] | GatewayError | End]
"""Lines, and errors of single pods. It is bounded: a full one keeps logs from being read."""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
PATIENCE = 5
"""Attempts in a row that may fail before a log that was readable is called unreadable."""
PASSING = (NotFound, ServerFailure, ServerTimeout, TooManyRequests)


@dataclass(frozen=True, slots=True)
class LogRequest:
    """What a subscriber wants of each container; with a pod's name the first error is the end of it all."""

    client: KubeClient
    pods: Resource
    name: str | None
    container: str | None = None
    follow: bool | None = True
    tail_lines: int | None = None
    since_seconds: int | None = None
    timestamps: bool | None = False
    previous: bool | None = False
    counters: LogCounters = field(default_factory=LogCounters)

    @property
    def named(self) -> bool:
        """Whether it is about one pod."""
        return self.name is not None

    @property
    def follows(self) -> bool:
        """Whether to go on after what there is; what ran before a restart has ended."""
        return self.follow is not False and not self.previous


class FollowedPod:
    """A pod as of now, for the readers of its containers."""

    def __init__(self, pod: Pod) -> None:
        self.pod = pod
        self.gone = False
        self.changed = asyncio.Event()
        self.told: set[str] = set()

    def update(self, pod: Pod) -> None:
        self.pod = pod
        self._wake()

    def end(self) -> None:
        """It is gone."""
        self.gone = True
        self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


@dataclass(frozen=True, slots=True)
class Reading:
    """What to ask for next; ``last``: no line can come after what this answers."""

    last: bool = False
    previous: bool = False


class ContainerLog:
    """Reads one container's log into the output; for one task.

    ``bounded``: the subscriber's ``tailLines`` and ``sinceSeconds`` are about what is there now. What starts
    later is told from its beginning.
    """

    def __init__(
        self, request: LogRequest, followed: FollowedPod, container: str, output: Output, *, bounded: bool
    ) -> None:
        pod = followed.pod
        self._request = request
        self._followed = followed
        self._container = container
        self._output = output
        self._bounded = bounded
        self._path = resource_path(request.pods, pod.namespace, pod.name, "log")
        self._position = LogPosition()
        self._run = ""
        self._from: str | None = None
        self._complete = self._over = self._worked = False
        self._failures = 0

    async def read(self) -> None:
        """What there is of it now."""
        try:
            await self._read(self._options(Reading(previous=bool(self._request.previous), last=True)))
        except GatewayError as error:
            await self._tell(error)

    async def follow(self) -> None:
        """All of it, until the pod is gone or will never run again."""
        while not (self._over or self._followed.gone):
            changed = self._followed.changed
            reading = self._next()
            if reading is None and self._followed.pod.finished:
                return
            pause = None if reading is None else await self._attempt(reading)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await changed.wait()

    def _next(self) -> Reading | None:
        pod = self._followed.pod
        run = pod.runs.get(self._container)
        if run is None:
            # a node that tells nothing of its containers may still say why
            unknown = self._container not in pod.containers
            return Reading() if unknown or (pod.node and not pod.reported and not pod.finished) else None
        if run.id != self._run:
            if self._run and not self._complete and run.previous == self._run:
                return Reading(previous=True, last=True)
            self._begin(run.id)
        return None if self._complete else Reading(last=run.ended)

    def _begin(self, run: str) -> None:
        if self._run:
            self._position, self._from, self._bounded = LogPosition(), None, False
        self._run, self._complete, self._failures = run, False, 0

    async def _attempt(self, reading: Reading) -> float | None:
        """Read; answers how many seconds to wait for a change of the pod, None for as long as it takes."""
        asked = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            await self._read(self._options(reading))
        except StatusError as error:
            return await self._refused(error, reading)
        except UpstreamError as error:
            if isinstance(error, UpstreamTimeout):
                self._from = self._from or asked
            return self._pause()
        except GatewayError as error:
            self._over = True
            await self._tell(error)
            return 0
        self._worked = True
        self._from = self._from or asked
        self._complete = reading.last
        return 0 if reading.last else self._pause()

    async def _refused(self, error: StatusError, reading: Reading) -> float | None:
        if reading.previous:
            # the node has thrown it away
            self._complete = True
            return 0
        if self._is_too_early(error):
            return None
        if not isinstance(error, PASSING):
            self._over = True
        pause = 0.0 if self._over else self._pause()
        if self._over or not self._worked or self._failures > PATIENCE:
            await self._tell(error)
        return pause

    def _is_too_early(self, error: StatusError) -> bool:
        """Whether it is only that the container has not started, or the kubelet has not seen the pod."""
        pod = self._followed.pod
        if isinstance(error, BadRequest):
            has_run = self._container in pod.runs
            return self._container in pod.containers and (not has_run or "waiting to start" in error.message)
        return isinstance(error, NotFound) and not self._is_about_node(error) and not pod.runs

    def _is_about_node(self, error: GatewayError) -> bool:
        pod = self._followed.pod
        return (
            isinstance(error, NotFound)
            and bool(pod.node)
            and error.status.details.get("name") == pod.node != pod.name
        )

    def _pause(self) -> float:
        pause: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures, 10))
        self._failures += 1
        return pause

    def _options(self, reading: Reading) -> LogOptions:
        since = self._position.since_time or (self._from if self._bounded else None)
        self._position.resume()
        return LogOptions(
            self._container,
            follow=not reading.last,
            previous=reading.previous,
            tail_lines=self._request.tail_lines if self._bounded else None,
            since_seconds=self._request.since_seconds if self._bounded else None,
            since_time=since,
        )

    async def _read(self, options: LogOptions) -> None:
        with self._request.counters.stream():
            async with aclosing(read_log(self._request.client, self._path, options)) as lines:
                async for line in lines:
                    if self._position.is_new(line):
                        self._worked, self._failures = True, 0
                        self._followed.told.clear()
                        await self._output.put(self._payload(line))
                        self._position.record(line)

    def _payload(self, line: LogLine) -> Mapping[str, Any]:
        pod = self._followed.pod
        stamp = f"{line.time} " if self._request.timestamps and line.stamped else ""
        return {
            "namespace": pod.namespace,
            "pod": pod.name,
            "container": self._container,
            "time": line.time,
            "line": stamp + line.text,
        }

    async def _tell(self, error: GatewayError) -> None:
        """Say it once for the whole pod; for a named one it is the end."""
        pod = self._followed.pod
        because = f"the API server does not know its node {pod.node}" if self._is_about_node(error) else ""
        unreadable = PodLogUnreadable(
            error, namespace=pod.namespace, pod=pod.name, container=self._container, because=because
        )
        if self._request.named:
            raise unreadable
        if error.message not in self._followed.told:
            self._followed.told.add(error.message)
            await self._output.put(unreadable)
