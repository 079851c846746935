"""The drain of a node: cordon it, evict its pods, and wait until they are gone.

All requests act as the caller. An eviction names the pod's UID, so that it is safe to repeat and never meets
a successor of the same name. One LIST per second finds the pods that are gone, for all pods at once.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from gateway.concurrency import Backoff, Clock
from gateway.errors import (
    BadArgument,
    Conflict,
    Forbidden,
    GatewayError,
    NotFound,
    ServerFailure,
    ServerTimeout,
    TooManyRequests,
    UpstreamError,
    WaitFailed,
    WaitTimeout,
)
from gateway.kube.lists import fetch_list
from gateway.kube.paths import resource_path
from gateway.kube.received import decode
from gateway.resolvers.context import Info, limited_client_of, note_in_audit_log, timestamp
from gateway.resolvers.drain.pods import DrainedPod, DrainOptions, judge
from gateway.resolvers.write_request import Write, send_write
from schema.building import DrainedResources
from schema.resources import Resource
from schema.selectors import escape_field_value

__all__ = ["answer_node_drain"]

POLL_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
"""The time that the API server may be unavailable before the drain fails."""
_NAMED_PODS = 10
"""Pods that an error names."""

Event = Mapping[str, Any]
Answer = TypeVar("Answer")


async def answer_node_drain(
    resources: DrainedResources,
    info: Info,
    *,
    name: str,
    timeout_seconds: int | None = None,
    grace_period_seconds: int | None = None,
    pod_selector: str | None = None,
    dry_run: bool | None = False,
    **options: bool | None,
) -> AsyncGenerator[Event, None]:
    """The source stream of ``drainNode``.

    Raises BadArgument, WaitFailed if pods were refused or not evicted, WaitTimeout after
    ``timeout_seconds``, and the API server's errors.
    """
    if info.context.reads_only:
        raise BadArgument("drainNode changes the cluster; send it by POST or by websocket, not by GET")
    for argument, value in (
        ("timeoutSeconds", timeout_seconds),
        ("gracePeriodSeconds", grace_period_seconds),
    ):
        if value is not None and value < 0:
            raise BadArgument(f"{argument} is {value}; give 0 or a positive number")
    drain = _Drain(
        info,
        resources,
        name,
        DrainOptions(**{key: bool(value) for key, value in options.items()}),
        grace_period_seconds=grace_period_seconds,
        pod_selector=pod_selector or "",
        dry_run=bool(dry_run),
        deadline=time.monotonic() + timeout_seconds if timeout_seconds else None,
    )
    async for event in drain.run():
        yield event


@dataclass(slots=True)
class _Departure:
    """One pod to evict; ``accepted`` once the API server has taken the eviction."""

    pod: DrainedPod
    warning: str | None
    backoff: Backoff = field(
        default_factory=lambda: Backoff(Clock(), first=(0.5, 1.0), shortest=1.0, longest=5.0)
    )
    next_attempt: float = 0.0
    accepted: bool = False
    is_gone: bool = False
    is_blocked: bool = False
    error: GatewayError | None = None
    audited: dict[str, Any] | None = None
    """The pod's line in the audit log; it has the last attempt."""


@dataclass(slots=True, kw_only=True)
class _Settings:
    grace_period_seconds: int | None
    pod_selector: str
    dry_run: bool
    deadline: float | None


class _Drain:
    """One drain; :meth:`run` is its course."""

    def __init__(
        self, info: Info, resources: DrainedResources, node: str, options: DrainOptions, **settings: Any
    ) -> None:
        self._info = info
        self._client = limited_client_of(info)
        self._resources = resources
        self._node = node
        self._options = options
        self._settings = _Settings(**settings)
        self._departures: dict[str, _Departure] = {}
        self._failed: list[_Departure] = []

    async def run(self) -> AsyncGenerator[Event, None]:
        """The events, one per pod, between ``CORDONED`` and ``DRAINED``."""
        await self._cordon()
        # A refused pod raises here, before the first event: no drain stops halfway because of the options.
        skipped = await self._plan()
        yield self._event("CORDONED")
        for pod, reason in skipped:
            yield self._event("SKIPPED", pod, reason)
        while self._departures:
            for departure in await self._evict_due():
                if event := self._told(departure):
                    yield event
            for departure in await self._find_gone():
                del self._departures[departure.pod.metadata.uid]
                yield self._event("EVICTED", departure.pod, departure.warning)
            if self._departures:
                await self._pause()
        if self._failed:
            raise WaitFailed(
                f"{_pods(len(self._failed))} could not be evicted from {self._node}: {self._reasons()}"
            )
        yield self._event("DRAINED")

    async def _cordon(self) -> None:
        path = resource_path(self._resources.nodes, None, self._node)
        parameters = {"fieldManager": "kube-graphql", **self._dry_run}
        change = {"spec": {"unschedulable": True}}
        await send_write(
            self._info,
            Write("PATCH", path, change, "application/merge-patch+json", parameters, repeatable=True),
        )
        self._audit(self._resources.nodes, None, self._node, "CORDONED")

    async def _plan(self) -> list[tuple[DrainedPod, str | None]]:
        """Fill the departures; returns the skipped pods. Raises WaitFailed if a pod may not be evicted."""
        pods = await self._fetch_pods()
        daemon_sets = await self._existing_daemon_sets(pods)
        skipped, refused = [], []
        for pod in pods:
            verdict = judge(pod, self._options, daemon_sets)
            if verdict.error is not None:
                refused.append(f"{pod.key}: {verdict.error}")
            elif verdict.evict:
                self._departures[pod.metadata.uid] = _Departure(pod, verdict.message)
            else:
                skipped.append((pod, verdict.message))
        if refused:
            cordoned = "" if self._settings.dry_run else f"; {self._node} is cordoned, and no pod was evicted"
            raise WaitFailed(f"{_pods(len(refused))} may not be evicted: {_listed(refused)}{cordoned}")
        return skipped

    async def _fetch_pods(self) -> list[DrainedPod]:
        listing = await self._patiently(lambda: self._list(metadata_only=False))
        return [decode(item.object, DrainedPod, "a pod") for item in listing.objects]

    async def _list(self, *, metadata_only: bool) -> Any:
        params = {"fieldSelector": f"spec.nodeName={escape_field_value(self._node)}"}
        if self._settings.pod_selector:
            params["labelSelector"] = self._settings.pod_selector
        pods = self._resources.pods
        return await fetch_list(
            self._client, resource_path(pods, None), params, kind=pods.kind, metadata_only=metadata_only
        )

    async def _existing_daemon_sets(self, pods: Iterable[DrainedPod]) -> Collection[str]:
        keys = sorted({key for pod in pods if (key := pod.daemon_set) is not None})
        exist = await asyncio.gather(*(self._daemon_set_exists(key) for key in keys))
        return {key for key, exists in zip(keys, exist, strict=True) if exists}

    async def _daemon_set_exists(self, key: str) -> bool:
        if self._resources.daemon_sets is None:
            return True
        namespace, _, name = key.partition("/")
        path = resource_path(self._resources.daemon_sets, namespace, name)
        try:
            await self._patiently(lambda: self._client.get(path))
        except NotFound:
            return False
        return True

    async def _evict_due(self) -> list[_Departure]:
        """Try the evictions that are due, concurrently; returns them."""
        now = time.monotonic()
        due = [
            departure
            for departure in self._departures.values()
            if not departure.accepted and departure.next_attempt <= now
        ]
        await asyncio.gather(*(self._evict(departure) for departure in due))
        return due

    async def _evict(self, departure: _Departure) -> None:
        departure.error, outcome, code = None, "UNKNOWN", None
        try:
            await self._patiently(lambda: self._post_eviction(departure.pod))
            departure.accepted, outcome = True, "EVICTED"
        except GatewayError as error:
            outcome, code = self._take_refusal(departure, error), error.code
        finally:
            self._audit_eviction(departure, outcome, code)

    def _take_refusal(self, departure: _Departure, error: GatewayError) -> str:
        """Decide on the next step after a refused eviction; returns the outcome for the audit log."""
        if isinstance(error, TooManyRequests):
            departure.error = error
            departure.next_attempt = time.monotonic() + departure.backoff.delay(
                error.status.retry_after_seconds
            )
            return "BLOCKED"
        departure.accepted = True
        # a conflict with the UID of the precondition: the pod is gone, and has a successor of the same name
        if isinstance(error, NotFound | Conflict):
            departure.is_gone = True
            return "NOT_FOUND"
        if not (isinstance(error, Forbidden) and _is_of_terminating_namespace(error)):
            departure.error = error
        return "FAILED"

    def _audit_eviction(self, departure: _Departure, outcome: str, code: str | None) -> None:
        """Note the outcome of the last attempt in the pod's one line of the audit log."""
        if departure.audited is None:
            metadata = departure.pod.metadata
            departure.audited = self._audit(
                self._resources.pods, metadata.namespace, metadata.name, outcome, code
            )
        departure.audited.update(time=timestamp(), outcome=outcome, code=code)

    def _audit(
        self, resource: Resource, namespace: str | None, name: str, outcome: str, code: str | None = None
    ) -> dict[str, Any]:
        kind = resource.kind
        return note_in_audit_log(
            self._info,
            node=self._node,
            apiVersion=kind.api_version,
            kind=kind.kind,
            namespace=namespace,
            name=name,
            outcome=outcome,
            code=code,
        )

    async def _post_eviction(self, pod: DrainedPod) -> object:
        metadata = pod.metadata
        options = {
            "preconditions": {"uid": metadata.uid},
            "gracePeriodSeconds": self._settings.grace_period_seconds,
            "dryRun": ["All"] if self._settings.dry_run else None,
        }
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": metadata.name, "namespace": metadata.namespace},
            "deleteOptions": {key: value for key, value in options.items() if value is not None},
        }
        path = resource_path(self._resources.pods, metadata.namespace, metadata.name, "eviction")
        return await self._client.request(
            "POST", path, body=msgspec.json.encode(body), content_type="application/json", repeatable=True
        )

    def _told(self, departure: _Departure) -> Event | None:
        """The event of an attempt; None if there is nothing new. Removes a pod that is not waited for."""
        error, uid = departure.error, departure.pod.metadata.uid
        if error is None:
            return None
        if isinstance(error, TooManyRequests) and not departure.accepted:
            if self._settings.dry_run:
                del self._departures[uid]
            elif departure.is_blocked:
                return None
            departure.is_blocked = True
            return self._event("BLOCKED", departure.pod, error.message)
        del self._departures[uid]
        self._failed.append(departure)
        return self._event("FAILED", departure.pod, error.message)

    async def _find_gone(self) -> list[_Departure]:
        """The accepted pods that are gone. A dry run does not wait."""
        accepted = [departure for departure in self._departures.values() if departure.accepted]
        if self._settings.dry_run or all(departure.is_gone for departure in accepted):
            return accepted
        listing = await self._patiently(lambda: self._list(metadata_only=True))
        present = {item.header.metadata.uid for item in listing.objects}
        return [
            departure
            for departure in accepted
            if departure.is_gone or departure.pod.metadata.uid not in present
        ]

    async def _pause(self) -> None:
        """Wait for the next round. Raises WaitTimeout at the deadline."""
        deadline = self._settings.deadline
        left = POLL_SECONDS if deadline is None else deadline - time.monotonic()
        if left <= 0:
            keys = [departure.pod.key for departure in self._departures.values()]
            raise WaitTimeout(f"{_pods(len(keys))} remain on {self._node}: {_listed(keys)}")
        await asyncio.sleep(min(left, POLL_SECONDS))

    async def _patiently(self, request: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to a repeatable request, across an API server that restarts."""
        backoff, started = Backoff(Clock()), time.monotonic()
        while True:
            try:
                return await request()
            except (UpstreamError, ServerTimeout, ServerFailure) as error:
                passing = not isinstance(error, ServerFailure) or error.status.code == 503
                if not passing or time.monotonic() - started > PATIENCE_SECONDS:
                    raise
            await asyncio.sleep(backoff.delay())

    def _event(self, status: str, pod: DrainedPod | None = None, message: str | None = None) -> Event:
        return {
            "status": status,
            "namespace": pod.metadata.namespace if pod else None,
            "pod": pod.metadata.name if pod else None,
            "message": message,
            "remaining": len(self._departures),
        }

    def _reasons(self) -> str:
        return _listed(
            [
                f"{departure.pod.key}: {departure.error.message}"
                for departure in self._failed
                if departure.error
            ]
        )

    @property
    def _dry_run(self) -> Mapping[str, str]:
        return {"dryRun": "All"} if self._settings.dry_run else {}


def _is_of_terminating_namespace(error: Forbidden) -> bool:
    """Whether the pod is deleted together with its namespace, which accepts no eviction."""
    causes = error.status.details.get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"


def _listed(texts: list[str]) -> str:
    more = len(texts) - _NAMED_PODS
    return "; ".join(texts[:_NAMED_PODS]) + (f"; and {more} more" if more > 0 else "")
