"""The ``log`` subresource: what API server and kubelet answer with, for a kubelet that makes it all up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from gateway.demo.log_lines import ContainerRun, Line
from gateway.demo.statuses import ApiError, Cause, bad_request, internal
from gateway.demo.storage import Storage, Stored

__all__ = ["log_response"]

Object = dict[str, Any]

KINDS = ("initContainers", "containers", "ephemeralContainers")
STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
GLANCE = 0.2
"""Seconds between two looks at whether a container that is followed has ended."""


@dataclass(frozen=True, slots=True)
class LogOptions:
    """``PodLogOptions``, as the query has them."""

    container: str
    follow: bool
    previous: bool
    timestamps: bool
    tail_lines: int | None
    limit_bytes: int | None
    since: datetime | None

    def text(self, lines: list[Line]) -> str:
        """Those of the lines that are asked for."""
        selected = [each for each in lines if self.since is None or each.moment >= self.since]
        if self.tail_lines is not None:
            selected = selected[max(0, len(selected) - self.tail_lines) :]
        return "".join(map(self.line, selected))[: self.limit_bytes]

    def line(self, line: Line) -> str:
        return f"{line.stamp} {line.text}\n" if self.timestamps else f"{line.text}\n"


def log_response(storage: Storage, pod: Stored, query: Mapping[str, str]) -> Response:
    """The log that is asked for; refusals are ApiErrors."""
    options = _options(pod, query)
    container = _container(pod, options.container)
    node = pod.object["spec"].get("nodeName")
    if not node:
        return Response(status_code=204)
    _ask_node(storage, node)
    run = _run(pod, container, previous=options.previous)
    if not options.follow or run.end is not None:
        return PlainTextResponse(options.text(list(run.lines())))

    def current() -> ContainerRun | None:
        now = storage.get("pods", pod.key)
        if now is None or now.object["metadata"]["uid"] != pod.object["metadata"]["uid"]:
            return None
        found = _run(now, container, previous=False)
        return found if found.source == run.source else _run(now, container, previous=True)

    return StreamingResponse(_follow(run, options, current), media_type="text/plain")


async def _follow(
    run: ContainerRun, options: LogOptions, current: Callable[[], ContainerRun | None]
) -> AsyncIterator[str]:
    """What there is, then each line when its moment comes, until the container ends or the client goes."""
    told = list(run.lines())
    yield options.text(told)
    last = told[-1].moment if told else run.begin
    while True:
        try:
            now = current()
        except ApiError:
            return
        line = None if now is None else now.next_line(last)
        if line is None:
            return
        wait = (line.moment - datetime.now(UTC)).total_seconds()
        if wait > 0:
            await asyncio.sleep(min(wait, GLANCE))
        else:
            yield options.line(line)
            last = line.moment


def _options(pod: Stored, query: Mapping[str, str]) -> LogOptions:
    least = {"tailLines": 0, "sinceSeconds": 1, "limitBytes": 1}
    numbers = {name: _integer(query, name) for name in least}
    for name, number in numbers.items():
        if number is not None and number < least[name]:
            than = "greater than 0" if least[name] else "greater than or equal to 0"
            raise _invalid(pod, Cause.invalid(name, str(number), f"must be {than}"))
    return LogOptions(
        container=query.get("container", ""),
        follow=_flag(query, "follow"),
        previous=_flag(query, "previous"),
        timestamps=_flag(query, "timestamps"),
        tail_lines=numbers["tailLines"],
        limit_bytes=numbers["limitBytes"],
        since=_since(pod, numbers["sinceSeconds"], query.get("sinceTime", "")),
    )


def _since(pod: Stored, seconds: int | None, time: str) -> datetime | None:
    if seconds is not None and time:
        raise _invalid(
            pod, Cause.forbidden("[]", "at most one of `sinceTime` or `sinceSeconds` may be specified")
        )
    if seconds is not None:
        return datetime.now(UTC) - timedelta(seconds=seconds)
    try:
        return datetime.fromisoformat(time) if time else None
    except ValueError:
        raise bad_request(f'parsing time "{time}": it is not RFC 3339') from None


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "") not in ("", "false", "0")


def _integer(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _invalid(pod: Stored, cause: Cause) -> ApiError:
    message = f'PodLogOptions "{pod.name}" is invalid: {cause.field}: {cause.message}'
    details = {"name": pod.name, "kind": "PodLogOptions", "causes": [cause.as_json()]}
    return ApiError(422, "Invalid", message, details)


def _container(pod: Stored, name: str) -> str:
    """The container that is meant; a pod with several wants to be told."""
    spec = pod.object["spec"]
    names = {kind: [each["name"] for each in spec.get(kind) or ()] for kind in KINDS}
    if name:
        if not any(name in each for each in names.values()):
            raise bad_request(f"container {name} is not valid for pod {pod.name}")
        return name
    main = names["containers"]
    if len(main) > 1 or names["initContainers"]:
        among = f"choose one of: [{' '.join(main)}]"
        if names["initContainers"]:
            among += f" or one of the init containers: [{' '.join(names['initContainers'])}]"
        raise bad_request(f"a container name must be specified for pod {pod.name}, {among}")
    return str(main[0])


def _ask_node(storage: Storage, name: str) -> None:
    """Refuse where the API server would not know whom to ask."""
    node = storage.get("nodes", name)
    if node is None:
        # the real one calls the node a pod here
        raise ApiError(404, "NotFound", f'pods "{name}" not found', {"name": name, "kind": "pods"})
    if not node.object.get("status", {}).get("addresses"):
        raise internal("no preferred addresses found; known addresses: []")


def _run(pod: Stored, container: str, *, previous: bool) -> ContainerRun:
    """The run whose log a kubelet shows: a container that waits shows the one that ended last."""
    status = next((each for each in _statuses(pod) if each["name"] == container), None) or {}
    state, last = status.get("state") or {}, status.get("lastState") or {}
    count = status.get("restartCount", 0)
    source = f"{pod.key}/{container}"
    if previous:
        if "terminated" not in last:
            why = f'previous terminated container "{container}" in pod "{pod.name}" not found'
            raise bad_request(why)
        number = count if "waiting" in state else count - 1
        return _ended(f"{source}#{number}", last["terminated"])
    if "running" in state:
        return ContainerRun(f"{source}#{count}", datetime.fromisoformat(state["running"]["startedAt"]))
    if "terminated" in state:
        return _ended(f"{source}#{count}", state["terminated"])
    if "terminated" in last:
        return _ended(f"{source}#{count}", last["terminated"])
    reason = (state.get("waiting") or {}).get("reason") or "ContainerCreating"
    raise bad_request(f'container "{container}" in pod "{pod.name}" is waiting to start: {reason}')


def _statuses(pod: Stored) -> Iterator[Object]:
    for kind in STATUSES:
        yield from pod.object.get("status", {}).get(kind) or ()


def _ended(source: str, terminated: Object) -> ContainerRun:
    begin, end = (datetime.fromisoformat(terminated[each]) for each in ("startedAt", "finishedAt"))
    return ContainerRun(source, begin, end)
