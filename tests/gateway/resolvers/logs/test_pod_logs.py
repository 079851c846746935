"""Many containers' logs as one stream: each line exactly once; the error of one pod leaves the others.

Covers ``gateway/resolvers/logs/container_log.py`` and ``gateway/resolvers/logs/log_rights.py``.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.errors import (
    BadArgument,
    Forbidden,
    GatewayError,
    NotFound,
    PodLogUnreadable,
    QueryTooComplex,
)
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.resolvers.context import Info, RequestContext
from gateway.resolvers.logs import container_log
from gateway.resolvers.logs.pod_logs import MAX_CONTAINERS, MAX_QUEUED_LINES, stream_pod_logs
from schema.resources import GroupVersionKind, GroupVersionResource, Resource, Subresource
from tests.fixtures.waiting import DEADLINE
from tests.gateway.kube.loopback import Reply, json_reply, status_reply, until
from tests.gateway.resolvers.logs.logging_server import LoggingServer, running, running_server, terminated

PODS = Resource(
    gvr=GroupVersionResource("", "v1", "pods"),
    kind=GroupVersionKind("", "v1", "Pod"),
    singular="pod",
    namespaced=True,
    verbs=frozenset({"get", "list", "watch"}),
    subresources=(Subresource("log", None, frozenset({"get"})),),
    preferred=True,
)
NO_POD = json_reply(
    {
        "kind": "Status",
        "code": 404,
        "reason": "NotFound",
        "message": 'pods "web-1" not found',
        "details": {"name": "web-1", "kind": "pods"},
    },
    404,
)
NO_NODE = status_reply(500, "", "no preferred addresses found; known addresses: []")

Item = Mapping[str, Any] | GatewayError
Stream = AsyncGenerator[Item, None]
Open = Callable[..., Stream]


@pytest.fixture
async def server() -> AsyncIterator[LoggingServer]:
    async with running_server() as server:
        yield server


@pytest.fixture
async def pod_logs(server: LoggingServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """Opens streams, and closes them at the end."""
    monkeypatch.setenv("NO_PROXY", "*")
    opened: list[Stream] = []
    informers = InformerRegistry(grace_period=0)
    async with KubeClient.connect(ClusterConfig(server=server.url)) as client:
        context = RequestContext(client, informers)
        info = cast("Info", SimpleNamespace(context=context))

        def open_stream(**arguments: Any) -> Stream:
            opened.append(stream_pod_logs(PODS, info, **arguments))
            return opened[-1]

        async with asyncio.timeout(DEADLINE):
            yield open_stream
        for stream in opened:
            await stream.aclose()
        await informers.aclose()


async def take(stream: Stream, count: int) -> list[str]:
    """The next lines, with where they come from."""
    return [told(await anext(stream)) for _ in range(count)]


async def take_all(stream: Stream) -> list[str]:
    return [told(item) async for item in stream]


def told(item: Item) -> str:
    if isinstance(item, GatewayError):
        return f"{type(item).__name__}: {item.message}"
    return f"{item['pod']}/{item['container']}: {item['line']}"


@asynccontextmanager
async def failing(error: type[Exception]) -> AsyncIterator[None]:
    with pytest.raises(error):
        yield


async def test_the_logs_of_all_containers_that_have_run_are_interleaved(
    server: LoggingServer, pod_logs: Open
) -> None:
    waiting = {"name": "late", "state": {"waiting": {"reason": "PodInitializing"}}}
    server.put("web-1", terminated("setup"), running("main"), waiting)
    server.put("web-2", running("main"))
    server.put("db-1", running("main"))
    server.log("web-1", "setup").write("done")
    server.log("web-1", "setup").end()
    server.log("web-1").write("one")
    server.log("web-2").write("two")

    stream = pod_logs(label_selector="app=web")

    assert sorted(await take(stream, 3)) == ["web-1/main: one", "web-1/setup: done", "web-2/main: two"]
    server.log("web-2").write("three")
    assert await take(stream, 1) == ["web-2/main: three"]
    server.log("web-1").write("four")
    assert await take(stream, 1) == ["web-1/main: four"]
    assert {request.params["container"] for request in server.requests} == {"setup", "main"}
    assert not any("db-1" in request.path for request in server.requests)


async def test_later_pods_and_containers_are_delivered_from_their_first_line(
    server: LoggingServer, pod_logs: Open
) -> None:
    server.put("web-1", running("main"))
    server.log("web-1").write("old", "one")
    stream = pod_logs(label_selector="app=web", tail_lines=1)
    assert await take(stream, 1) == ["web-1/main: one"]

    server.log("web-2").write("first", "second")
    server.put("web-2", running("main"))
    assert await take(stream, 2) == ["web-2/main: first", "web-2/main: second"]

    server.log("web-1", "debugger").write("attached", "here")
    server.put(
        "web-1", running("main"), running("debugger"), ephemeralContainers=[], containers=[{"name": "main"}]
    )
    server.put("web-1", running("main"), running("debugger"))
    assert await take(stream, 2) == ["web-1/debugger: attached", "web-1/debugger: here"]


async def test_a_container_that_starts_later_is_followed_from_its_start(
    server: LoggingServer, pod_logs: Open
) -> None:
    server.put("web-1")
    stream = pod_logs(name="web-1")
    first = asyncio.ensure_future(take(stream, 1))
    await until(lambda: len(server.requests) == 1)

    server.log("web-1").write("hello")
    server.put("web-1", running("main"))

    assert await first == ["web-1/main: hello"]


async def test_a_broken_connection_neither_loses_nor_repeats_a_line(
    server: LoggingServer, pod_logs: Open
) -> None:
    server.put("web-1", running("main"))
    log = server.log("web-1")
    log.write(*map(str, range(20)))
    stream = pod_logs(name="web-1", tail_lines=5)
    lines = await take(stream, 5)
    for begin in range(20, 50, 10):
        server.cut_logs()
        log.write(*map(str, range(begin, begin + 10)))
        lines += await take(stream, 10)

    assert lines == [f"web-1/main: {number}" for number in range(15, 50)]
    assert [request.params.get("tailLines") for request in server.requests] == ["5", None, None, None]


async def test_after_a_restart_the_rest_of_the_old_log_precedes_the_new_one(
    server: LoggingServer, pod_logs: Open
) -> None:
    server.put("web-1", running("main", "a"))
    old = server.log("web-1")
    old.write("a1", "a2")
    stream = pod_logs(name="web-1", tail_lines=1)
    assert await take(stream, 1) == ["web-1/main: a2"]

    old.write("a3")
    server.logs["web-1", "main#previous"] = old
    del server.logs["web-1", "main"]
    server.log("web-1").write("b1", "b2")
    server.put("web-1", running("main", "b", previous="a"))
    old.end()

    assert await take(stream, 3) == ["web-1/main: a3", "web-1/main: b1", "web-1/main: b2"]
    server.log("web-1").write("b3")
    assert await take(stream, 1) == ["web-1/main: b3"]


async def test_without_follow_the_stream_ends_after_the_last_line(
    server: LoggingServer, pod_logs: Open
) -> None:
    for number in range(40):
        server.put(f"web-{number}", running("main"), running("side"))
        for container in ("main", "side"):
            server.log(f"web-{number}", container).write("one", "two", "three")

    lines = await take_all(pod_logs(label_selector="app=web", follow=False, tail_lines=2))

    assert len(lines) == len(set(lines)) == 40 * 2 * 2
    assert not server.following or all(request.params.get("follow") is None for request in server.requests)


async def test_previous_reads_the_containers_before_the_restart(
    server: LoggingServer, pod_logs: Open
) -> None:
    server.put("web-1", running("main", "b", previous="a"), running("side"))
    server.log("web-1", "main#previous").write("last words")

    assert await take_all(pod_logs(name="web-1", previous=True)) == ["web-1/main: last words"]


async def test_the_container_argument_selects_one_container(server: LoggingServer, pod_logs: Open) -> None:
    server.put("web-1", running("main"), running("side"))
    server.log("web-1", "side").write("here")

    lines = await take_all(pod_logs(name="web-1", container="side", follow=False, timestamps=True))

    assert lines == ["web-1/side: 2026-11-23T07:00:00.000000000Z here"]


async def test_an_unreadable_pod_is_one_error_beside_the_lines_of_the_others(
    server: LoggingServer, pod_logs: Open
) -> None:
    server.put("web-1", running("main"), running("side"))
    server.put("web-2", running("main"))
    server.refusals["web-1"] = NO_NODE
    stream = pod_logs(label_selector="app=web")
    error = await anext(stream)
    assert isinstance(error, PodLogUnreadable)
    assert error.reason.code == "UPSTREAM_UNAVAILABLE"
    assert error.where["pod"] == "web-1"

    await until(lambda: len(server.requests) >= 5)
    server.log("web-2").write("fine")
    server.put("web-2", running("main"))
    assert await take(stream, 1) == ["web-2/main: fine"]

    del server.refusals["web-1"]
    server.log("web-1").write("back")
    server.put("web-1", running("main"), running("side"))
    assert await take(stream, 1) == ["web-1/main: back"]


async def test_a_refusal_is_final(server: LoggingServer, pod_logs: Open) -> None:
    server.put("web-1", running("main"))
    server.put("web-2", running("main"))
    server.refusals["web-1"] = status_reply(403, "Forbidden", "no logs for you")
    server.log("web-2").write("fine")
    stream = pod_logs(label_selector="app=web")
    assert any("no logs for you" in line for line in await take(stream, 2))

    server.put("web-1", running("main", "other"))
    server.put("web-2", running("main", "other"))
    server.log("web-2").write("after")
    assert await take(stream, 1) == ["web-2/main: after"]
    assert len([request for request in server.requests if "web-1" in request.path]) == 1


@pytest.mark.parametrize("refusal", [status_reply(403, "Forbidden"), status_reply(401, "Unauthorized")])
async def test_a_log_that_was_readable_outlasts_a_refusal(
    server: LoggingServer, pod_logs: Open, refusal: Reply
) -> None:
    """An API server that has just restarted refuses for seconds; a quiet log has not had a line before."""
    server.put("web-1", running("main"))
    server.log("web-1")
    stream = pod_logs(name="web-1")
    lines = asyncio.create_task(take(stream, 1))
    await until(lambda: len(server.requests) == 1)
    server.refusals["web-1"] = refusal
    server.cut_logs()
    await until(lambda: len(server.requests) >= 4)
    del server.refusals["web-1"]
    server.log("web-1").write("after")
    assert await lines == ["web-1/main: after"]


async def test_a_log_whose_right_is_revoked_ends_with_the_refusal(
    server: LoggingServer, pod_logs: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_log, "MAX_SILENT_FAILURES", 2)
    server.put("web-1", running("main"))
    server.log("web-1").write("before")
    stream = pod_logs(name="web-1")
    assert await take(stream, 1) == ["web-1/main: before"]
    server.refusals["web-1"] = status_reply(403, "Forbidden", "no more logs for you")
    server.cut_logs()
    with pytest.raises(PodLogUnreadable) as raised:
        await take_all(stream)
    assert isinstance(raised.value.reason, Forbidden)
    assert len(server.requests) == 4


async def test_the_error_of_a_named_pod_ends_the_stream(server: LoggingServer, pod_logs: Open) -> None:
    server.put("web-1", running("main"))
    server.refusals["web-1"] = status_reply(403, "Forbidden", "no logs for you")
    with pytest.raises(PodLogUnreadable) as raised:
        await take_all(pod_logs(name="web-1"))
    assert isinstance(raised.value.reason, Forbidden)


async def test_a_missing_pod_is_not_found(pod_logs: Open) -> None:
    for follow in (True, False):
        async with failing(NotFound):
            await take_all(pod_logs(name="nope", follow=follow))


async def test_the_stream_ends_when_the_named_pod_is_deleted(server: LoggingServer, pod_logs: Open) -> None:
    server.put("web-1", running("main"))
    server.log("web-1").write("one")
    stream = pod_logs(name="web-1")
    assert await take(stream, 1) == ["web-1/main: one"]

    server.log("web-1").write("two")
    server.delete("web-1")
    server.log("web-1").end()

    assert await take_all(stream) == ["web-1/main: two"]


async def test_a_pod_that_is_deleted_before_a_log_is_opened_ends_the_stream(
    server: LoggingServer, pod_logs: Open
) -> None:
    """The answer that the pod is gone may arrive before the event of its deletion."""
    server.put("web-1", running("main"))
    server.refusals["web-1"] = NO_POD
    lines = asyncio.create_task(take_all(pod_logs(name="web-1")))
    await until(lambda: len(server.requests) >= 2)
    server.delete("web-1")
    assert await lines == []


async def test_a_pod_that_is_listed_and_never_found_is_an_error(
    server: LoggingServer, pod_logs: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_log, "MAX_SILENT_FAILURES", 1)
    server.put("web-1", running("main"))
    server.refusals["web-1"] = NO_POD
    with pytest.raises(PodLogUnreadable) as raised:
        await take_all(pod_logs(name="web-1"))
    assert isinstance(raised.value.reason, NotFound)


async def test_the_stream_ends_when_the_named_pod_has_finished(server: LoggingServer, pod_logs: Open) -> None:
    server.put("job-1", running("main"))
    server.log("job-1").write("one")
    stream = pod_logs(name="job-1")
    assert await take(stream, 1) == ["job-1/main: one"]

    server.log("job-1").write("two")
    server.log("job-1").end()
    server.put("job-1", terminated("main"), phase="Succeeded")

    assert await take_all(stream) == ["job-1/main: two"]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"name": "a", "label_selector": "app=a"},
        {"name": "a/b"},
        {"name": "a", "namespace": "Not Valid"},
        {"label_selector": "a in"},
        {"name": "a", "tail_lines": -1},
        {"name": "a", "since_seconds": 0},
    ],
    ids=str,
)
async def test_invalid_arguments_are_refused_before_any_request(
    server: LoggingServer, pod_logs: Open, arguments: dict[str, Any]
) -> None:
    async with failing(BadArgument):
        await anext(pod_logs(**arguments))
    assert not server.requests


async def test_too_many_containers_are_refused(server: LoggingServer, pod_logs: Open) -> None:
    for number in range(MAX_CONTAINERS + 1):
        server.put(f"web-{number}", {"name": "main", "state": {"waiting": {}}})
    async with failing(QueryTooComplex):
        await anext(pod_logs(label_selector="app=web"))


async def test_closing_the_stream_closes_its_connections(server: LoggingServer, pod_logs: Open) -> None:
    for number in range(3):
        server.put(f"web-{number}", running("main"))
        server.log(f"web-{number}").write("one")
    stream = pod_logs(label_selector="app=web")
    await take(stream, 3)
    assert len(server.following) == 3

    await stream.aclose()

    await until(lambda: not server.following)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith(("pod logs", "log of"))]


async def test_a_slow_subscriber_applies_back_pressure_with_a_bounded_queue(
    server: LoggingServer, pod_logs: Open
) -> None:
    line = "x" * 10_000
    server.put("web-1", running("main"))
    log = server.log("web-1")
    log.write(*[line] * 20_000)
    stream = pod_logs(name="web-1")
    await take(stream, 1)

    served = -1
    while served != log.served:
        served = log.served
        await asyncio.sleep(1)

    # the socket buffers of both ends of a connection hold some MB
    assert served < len(line) * (MAX_QUEUED_LINES + 2000)
    assert len(await take(stream, 3000)) == 3000
