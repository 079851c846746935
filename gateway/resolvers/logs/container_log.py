"""The log of one container, read once or followed across broken streams and restarts.

Following delivers each line exactly once: a broken stream resumes after the last delivered line, and after a
restart the rest of the previous container's log is read first.
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.concurrency import Backoff, Clock
from gateway.errors import (
    BadRequest,
    CredentialsError,
    Forbidden,
    GatewayError,
    NotFound,
    PodLogUnreadable,
    ServerFailure,
    ServerTimeout,
    StatusError,
    TooManyRequests,
    Unauthenticated,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.identity import Lease
from gateway.kube.client import KubeClient
from gateway.kube.log_stream import LogLine, LogOptions, LogPosition, read_log
from gateway.kube.paths import resource_path
from gateway.kube.upstream_errors import broke_off
from gateway.resolvers.context import LogCounters
from gateway.resolvers.logs.log_rights import LogRights
from gateway.resolvers.logs.pod_containers import Pod
from schema.resources import Resource

__all__ = ["ContainerLog", "End", "FollowedPod", "LogRequest", "Output"]


@dataclass(frozen=True, slots=True)
class End:
    """The end of the output; with an error if it failed."""

    error: Exception | None = None


Output = asyncio.Queue[Mapping[str, Any] | GatewayError | End]
"""Lines, and errors of single pods. The queue is bounded: back-pressure stops the reading of logs."""

FIRST_DELAY_SECONDS = (0.25, 0.5)
MAX_SILENT_FAILURES = 5
"""Consecutive failures of a log that was readable before, without an error to the subscriber."""
TRANSIENT = (NotFound, ServerFailure, ServerTimeout, TooManyRequests)
REVOCATIONS = (Forbidden, Unauthenticated)
"""The errors with which a lease ends."""
REFUSALS = (Forbidden, Unauthenticated, CredentialsError)
"""Final for a log that was never readable. An API server that has just restarted refuses for seconds, so
another log is final after more than :data:`MAX_SILENT_FAILURES` refusals in a row."""


@dataclass(frozen=True, slots=True)
class LogRequest:
    """The arguments of one subscription; with a pod's name the first error ends the subscription."""

    client: KubeClient
    rights: LogRights
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
        """Whether the subscription is about one named pod."""
        return self.name is not None

    @property
    def follows(self) -> bool:
        """Whether to wait for further lines; the log of a previous container is complete."""
        return self.follow is not False and not self.previous


class FollowedPod:
    """The current state of a pod, shared by the readers of its containers."""

    def __init__(self, pod: Pod) -> None:
        self.pod = pod
        self.gone = False
        self.changed = asyncio.Event()
        self.reported: set[str] = set()

    def update(self, pod: Pod) -> None:
        self.pod = pod
        self._wake()

    def end(self) -> None:
        """Mark the pod as deleted."""
        self.gone = True
        self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


@dataclass(frozen=True, slots=True)
class Reading:
    """The next request; ``last``: the container has ended, so its log will be complete."""

    last: bool = False
    previous: bool = False


class ContainerLog:
    """Reads one container's log into the output; for one task.

    ``bounded``: ``tailLines`` and ``sinceSeconds`` apply. They do not apply to containers that start later,
    which are read from their beginning.
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
        self._failures = self._refusals = 0
        self._backoff = Backoff(Clock(), first=FIRST_DELAY_SECONDS)
        self._lease: Lease | None = None

    async def read(self) -> None:
        """Deliver the present content of the log."""
        try:
            await self._read(self._options(Reading(previous=bool(self._request.previous), last=True)))
        except GatewayError as error:
            await self._report(error)

    async def follow(self) -> None:
        """Deliver lines until the pod is deleted or has finished, or the caller's right is revoked."""
        try:
            async with self._request.rights.hold(self._followed.pod) as self._lease:
                await (self._follow() if self._lease is None else self._lease.guard(self._follow()))
        except REVOCATIONS as error:
            await self._report(error)

    async def _follow(self) -> None:
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
            # a node that reports no container status may still answer with the reason
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
        self._run, self._complete = run, False
        self._reset_failures()

    async def _attempt(self, reading: Reading) -> float | None:
        """Read the log; returns the seconds to wait for a change of the pod, None for no timeout."""
        requested_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            await self._read(self._options(reading))
        except (StatusError, CredentialsError) as error:
            return await self._refused(error, reading)
        except UpstreamError as error:
            self._worked = self._worked or broke_off(error)
            self._refusals = 0
            if isinstance(error, UpstreamTimeout):
                self._from = self._from or requested_at
            return self._pause()
        except GatewayError as error:
            self._over = True
            await self._report(error)
            return 0
        self._worked = True
        self._from = self._from or requested_at
        self._complete = reading.last
        return 0 if reading.last else self._pause()

    async def _refused(self, error: GatewayError, reading: Reading) -> float | None:
        if reading.previous:
            # the node has deleted the previous log
            self._complete = True
            return 0
        if self._is_too_early(error):
            return None
        if isinstance(error, REFUSALS) and self._worked and self._refusals < MAX_SILENT_FAILURES:
            self._refusals += 1
            return self._pause()
        if not isinstance(error, TRANSIENT):
            self._over = True
        pause = 0.0 if self._over else self._pause()
        silent = self._worked or self._is_about_pod(error)
        if self._over or not silent or self._failures > MAX_SILENT_FAILURES:
            await self._report(error)
        return pause

    def _is_too_early(self, error: GatewayError) -> bool:
        """Whether the container has not started yet, or the kubelet has not seen the pod yet."""
        pod = self._followed.pod
        if isinstance(error, BadRequest):
            has_run = self._container in pod.runs
            return self._container in pod.containers and (not has_run or "waiting to start" in error.message)
        return isinstance(error, NotFound) and not self._is_about_node(error) and not pod.runs

    def _is_about_pod(self, error: GatewayError) -> bool:
        """Whether the pod is gone; the watch then ends this reader with the event of the deletion."""
        if not isinstance(error, NotFound):
            return False
        details = error.status.details
        return (details.get("kind"), details.get("name")) == ("pods", self._followed.pod.name)

    def _is_about_node(self, error: GatewayError) -> bool:
        pod = self._followed.pod
        return (
            isinstance(error, NotFound)
            and bool(pod.node)
            and error.status.details.get("name") == pod.node != pod.name
        )

    def _pause(self) -> float:
        self._failures += 1
        return self._backoff.delay()

    def _reset_failures(self) -> None:
        self._failures = self._refusals = 0
        self._backoff.reset()

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
                        if self._lease is not None and self._lease.held:
                            await self._lease.granted()
                        self._worked = True
                        self._reset_failures()
                        self._followed.reported.clear()
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

    async def _report(self, error: GatewayError) -> None:
        """Deliver the error once per pod; the error of a named pod ends the subscription."""
        pod = self._followed.pod
        because = f"the API server does not know its node {pod.node}" if self._is_about_node(error) else ""
        unreadable = PodLogUnreadable(
            error, namespace=pod.namespace, pod=pod.name, container=self._container, because=because
        )
        if self._request.named:
            raise unreadable
        if error.message not in self._followed.reported:
            self._followed.reported.add(error.message)
            await self._output.put(unreadable)
