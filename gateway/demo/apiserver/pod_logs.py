"""The ``log`` subresource: parameters, the choice of a container and of its run, and the response.

The lines come from a :class:`RunLog`, which the caller provides: the API server has no logs of its own, as
upstream, where it forwards the request to the pod's kubelet.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from gateway.demo.apiserver.statuses import ApiError, Cause, bad_request, internal
from gateway.demo.apiserver.storage import Storage, Stored

__all__ = ["Line", "LogSource", "PodLogs", "RunLog"]

Object = dict[str, Any]

CONTAINER_FIELDS = ("initContainers", "containers", "ephemeralContainers")
STATUS_FIELDS = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")

FOLLOW_POLL_SECONDS = 0.2
"""A followed container's status is read this often, to notice its end."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line; ``stamp`` is ``moment`` as RFC 3339 text with nanoseconds."""

    moment: datetime
    stamp: str
    text: str


class RunLog(Protocol):
    """The log of one run of a container, from its start to its end; ``end`` is None while it runs."""

    @property
    def source(self) -> str: ...

    @property
    def begin(self) -> datetime: ...

    @property
    def end(self) -> datetime | None: ...

    def lines(self) -> Iterable[Line]:
        """The most recent lines so far, in order."""

    def next_line(self, after: datetime) -> Line | None:
        """The first line after a moment, possibly in the future; None when the run ends before it."""


LogSource = Callable[[str, datetime, datetime | None], RunLog]
"""Makes the log of a run from its source (``namespace/pod/container#restarts``), begin and end."""


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
        """The selected lines as text."""
        selected = [item for item in lines if self.since is None or item.moment >= self.since]
        if self.tail_lines is not None:
            selected = selected[max(0, len(selected) - self.tail_lines) :]
        return "".join(map(self.line, selected))[: self.limit_bytes]

    def line(self, line: Line) -> str:
        return f"{line.stamp} {line.text}\n" if self.timestamps else f"{line.text}\n"


class PodLogs:
    """Answers requests for logs; ``source`` provides the lines."""

    def __init__(self, storage: Storage, source: LogSource) -> None:
        self.storage = storage
        self.source = source

    def response(self, pod: Stored, query: Mapping[str, str]) -> Response:
        """The response to one request; raises ApiError."""
        options = _options(pod, query)
        container = _container(pod, options.container)
        node = pod.object["spec"].get("nodeName")
        if not node:
            return Response(status_code=204)
        _check_node(self.storage, node)
        run = self._run(pod, container, previous=options.previous)
        if not options.follow or run.end is not None:
            return PlainTextResponse(options.text(list(run.lines())))

        def current() -> RunLog | None:
            now = self.storage.get("pods", pod.key)
            if now is None or now.object["metadata"]["uid"] != pod.object["metadata"]["uid"]:
                return None
            found = self._run(now, container, previous=False)
            return found if found.source == run.source else self._run(now, container, previous=True)

        return StreamingResponse(_follow(run, options, current), media_type="text/plain")

    def _run(self, pod: Stored, container: str, *, previous: bool) -> RunLog:
        """The run that a kubelet shows: of a waiting container, the run that ended last."""
        status = next((item for item in _statuses(pod) if item["name"] == container), None) or {}
        state, last = status.get("state") or {}, status.get("lastState") or {}
        count = status.get("restartCount", 0)
        source = f"{pod.key}/{container}"
        if previous:
            if "terminated" not in last:
                why = f'previous terminated container "{container}" in pod "{pod.name}" not found'
                raise bad_request(why)
            number = count if "waiting" in state else count - 1
            return self._ended(f"{source}#{number}", last["terminated"])
        if "running" in state:
            return self.source(
                f"{source}#{count}", datetime.fromisoformat(state["running"]["startedAt"]), None
            )
        if "terminated" in state:
            return self._ended(f"{source}#{count}", state["terminated"])
        if "terminated" in last:
            return self._ended(f"{source}#{count}", last["terminated"])
        reason = (state.get("waiting") or {}).get("reason") or "ContainerCreating"
        raise bad_request(f'container "{container}" in pod "{pod.name}" is waiting to start: {reason}')

    def _ended(self, source: str, terminated: Object) -> RunLog:
        begin, end = (datetime.fromisoformat(terminated[key]) for key in ("startedAt", "finishedAt"))
        return self.source(source, begin, end)


async def _follow(
    run: RunLog, options: LogOptions, current: Callable[[], RunLog | None]
) -> AsyncIterator[str]:
    """Yield the lines so far, then each new one when it is due, until the container ends."""
    lines = list(run.lines())
    yield options.text(lines)
    last = lines[-1].moment if lines else run.begin
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
            await asyncio.sleep(min(wait, FOLLOW_POLL_SECONDS))
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
    """The name of the container; refuses (400) an unknown name, and no name for a pod with several."""
    spec = pod.object["spec"]
    names = {kind: [item["name"] for item in spec.get(kind) or ()] for kind in CONTAINER_FIELDS}
    if name:
        if not any(name in item for item in names.values()):
            raise bad_request(f"container {name} is not valid for pod {pod.name}")
        return name
    main = names["containers"]
    if len(main) > 1 or names["initContainers"]:
        among = f"choose one of: [{' '.join(main)}]"
        if names["initContainers"]:
            among += f" or one of the init containers: [{' '.join(names['initContainers'])}]"
        raise bad_request(f"a container name must be specified for pod {pod.name}, {among}")
    return str(main[0])


def _check_node(storage: Storage, name: str) -> None:
    """Refuse (404, 500) a node that does not exist or has no address."""
    node = storage.get("nodes", name)
    if node is None:
        # upstream calls the node a pod here
        raise ApiError(404, "NotFound", f'pods "{name}" not found', {"name": name, "kind": "pods"})
    if not node.object.get("status", {}).get("addresses"):
        raise internal("no preferred addresses found; known addresses: []")


def _statuses(pod: Stored) -> Iterator[Object]:
    for kind in STATUS_FIELDS:
        yield from pod.object.get("status", {}).get(kind) or ()
