"""``deploymentRollout`` and its like: the progress of a rollout, from the shared informer."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import msgspec

from gateway.errors import BadArgument, WaitFailed, WaitTimeout
from gateway.informers import EventType, ObjectEvent, Scope
from gateway.kube.paths import resource_path
from gateway.kube.received import decode
from gateway.resolvers.caller_informers import Events, subscribe
from gateway.resolvers.context import Info, upstream_of
from gateway.resolvers.rollouts.status import RolloutStatus, rollout_status
from schema.building import RootField

__all__ = ["watch_rollout"]


async def watch_rollout(
    root: RootField,
    info: Info,
    *,
    name: str,
    namespace: str | None = None,
    timeout_seconds: int | None = None,
) -> AsyncIterator[dict[str, Any]]:
    """The source stream: an event whenever a field of it changes; complete after the one that is ``done``.

    Raises NotFound for a missing object, WaitFailed for a rollout that cannot end or whose object is deleted,
    and WaitTimeout after ``timeout_seconds``.
    """
    if timeout_seconds is not None and timeout_seconds < 1:
        raise BadArgument(f"timeoutSeconds is {timeout_seconds}; give a positive number")
    resource = root.served.resource
    namespace = namespace or info.context.default_namespace
    path = resource_path(resource, namespace, name)
    deadline = time.monotonic() + timeout_seconds if timeout_seconds else None
    # a running informer may lag behind a change that the caller has just made
    started = decode((await upstream_of(info).get(path)).body, dict[str, Any], "a workload")
    events = subscribe(info, resource, Scope(namespace=namespace, name=name))
    return _progress(events, f"{resource.kind.kind} {namespace}/{name}", started["metadata"], deadline)


async def _progress(
    events: Events, name: str, started: Mapping[str, Any], deadline: float | None
) -> AsyncGenerator[dict[str, Any], None]:
    """The states of the object with the metadata ``started``, from that version on."""
    last: RolloutStatus | None = None
    async with events as stream:
        while (event := await _next(stream, name, deadline, last)) is not None:
            if event.type is EventType.DELETED:
                raise WaitFailed(f"{name} was deleted")
            if event.object is None:
                continue
            workload = decode(event.object, dict[str, Any], "a workload")
            if workload["metadata"]["uid"] != started["uid"]:
                raise WaitFailed(f"{name} was deleted, and another one was created")
            if int(workload["metadata"]["resourceVersion"]) < int(started["resourceVersion"]):
                continue
            status = rollout_status(workload)
            if status == last:
                continue
            last = status
            yield msgspec.structs.asdict(status)
            if status.done:
                return


async def _next(
    stream: AsyncIterator[ObjectEvent], name: str, deadline: float | None, last: RolloutStatus | None
) -> ObjectEvent | None:
    """The next event; None at the end of the stream. Raises WaitTimeout at the deadline."""
    left = None if deadline is None else deadline - time.monotonic()
    try:
        return await asyncio.wait_for(anext(stream, None), left)
    except TimeoutError:
        state = last.message if last is not None else "its state is not known"
        raise WaitTimeout(f"the rollout of {name} is not complete: {state}") from None
