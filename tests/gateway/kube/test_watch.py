import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    BadRequest,
    Forbidden,
    Gone,
    StatusError,
    TooManyRequests,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamTimeout,
)
from gateway.kube.watch import (
    LONGEST_EVENT,
    ObjectHeader,
    ReceivedObject,
    WatchEvent,
    fetch_list,
    list_pages,
    watch_events,
    with_resource_version,
)
from schema.resources import GroupVersionKind
from tests.gateway.kube.conftest import Connect
from tests.gateway.kube.loopback import Reply, Request, json_reply, serve, status_reply

POD = GroupVersionKind("", "v1", "Pod")
Object = dict[str, Any]


def pod(name: str, version: int = 1, **more: Any) -> Object:
    metadata = {"name": name, "namespace": "ns", "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": {**metadata, **more}}


def line(kind: str, content: Object) -> bytes:
    return json.dumps({"type": kind, "object": content}).encode() + b"\n"


async def pieces(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def watch(connect: Connect, *parts: bytes, broken: bool = False) -> list[WatchEvent]:
    """What a watch yields whose body comes in these chunks."""

    async def answer(request: Request) -> Reply:
        assert request.params["watch"] == "true"
        return Reply(chunks=pieces(parts), broken=broken)

    async with serve(answer) as server:
        client = connect(server.url)
        try:
            return [event async for event in watch_events(client, "api/v1/pods", {})]
        finally:
            await client.aclose()


async def test_an_event_keeps_the_objects_bytes_and_reads_its_header(connect: Connect) -> None:
    content = {"kind": "Pod", "apiVersion": "v1", **pod("a", 7, labels={"app": "x"}), "spec": {"é": [1, {}]}}
    (event,) = await watch(connect, line("ADDED", content))
    assert event.type == "ADDED"
    assert event.resource_version == "7"
    assert event.received.object == json.dumps(content).encode()
    header = event.received.header
    assert (header.kind, header.api_version) == ("Pod", "v1")
    assert (header.metadata.name, header.metadata.namespace, header.metadata.uid) == ("a", "ns", "uid-a")
    assert header.metadata.labels == {"app": "x"}


async def test_a_header_with_more_fields_reads_them(connect: Connect) -> None:
    class Spec(msgspec.Struct):
        nodeName: str = ""  # noqa: N815 - the API's own name

    class PodHeader(ObjectHeader, frozen=True):
        spec: Spec = msgspec.field(default_factory=Spec)

    async def answer(_: Request) -> Reply:
        return Reply(chunks=pieces([line("ADDED", {**pod("a"), "spec": {"nodeName": "n1"}})]))

    async with serve(answer) as server:
        client = connect(server.url)
        async for event in watch_events(client, "api/v1/pods", {}, header=PodHeader):
            assert isinstance(event.received.header, PodHeader)
            assert event.received.header.spec.nodeName == "n1"
        await client.aclose()


async def test_bookmarks_tell_where_the_initial_events_end(connect: Connect) -> None:
    ends = {"k8s.io/initial-events-end": "true"}
    events = await watch(
        connect,
        line("BOOKMARK", {"metadata": {"resourceVersion": "5"}}),
        line("BOOKMARK", {"metadata": {"resourceVersion": "6", "annotations": ends}}),
    )
    assert [(each.resource_version, each.initial_events_end) for each in events] == [
        ("5", False),
        ("6", True),
    ]


BODY = b"".join(line("MODIFIED", {**pod(f"é{number}"), "data": "x" * number}) for number in range(5)) + b"\n"


@given(st.lists(st.integers(0, len(BODY))))
async def test_events_are_the_same_however_the_body_is_cut(cuts: list[int]) -> None:
    ends = sorted({0, *cuts, len(BODY)})
    parts = [BODY[begin:end] for begin, end in pairwise(ends)]
    events = [event async for event in watch_events(Canned(parts), "api/v1/pods", {})]  # type: ignore[arg-type]  # its stream is all that is used
    assert [each.received.header.metadata.name for each in events] == [f"é{number}" for number in range(5)]


class Canned:
    """The stream of a client whose answer is known; hundreds of examples need no sockets."""

    def __init__(self, parts: list[bytes]) -> None:
        self.parts = parts

    def stream(self, *_: Any, **__: Any) -> "Canned":
        return self

    async def __aenter__(self) -> AsyncIterator[bytes]:
        return pieces(self.parts)

    async def __aexit__(self, *_: object) -> None:
        return None


async def test_an_event_of_many_megabytes_takes_linear_time() -> None:
    async def seconds(megabytes: int) -> float:
        body = line("ADDED", {**pod("big"), "data": "x" * (megabytes << 20)})
        parts = [body[begin : begin + 4096] for begin in range(0, len(body), 4096)]
        began = time.process_time()
        events = [event async for event in watch_events(Canned(parts), "", {})]  # type: ignore[arg-type]  # as above
        assert len(events[0].received.object) > megabytes << 20
        return time.process_time() - began

    await seconds(1)
    small, large = await seconds(4), await seconds(32)
    # 8 times the size; a way that copies what has come with each piece would take 64 times as long
    assert large < 30 * max(small, 0.005)


async def test_an_event_that_never_ends_is_given_up() -> None:
    async def forever() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * (1 << 20)

    class Endless(Canned):
        async def __aenter__(self) -> AsyncIterator[bytes]:
            return forever()

    with pytest.raises(UpstreamProtocolError, match=str(LONGEST_EVENT)):
        await anext(watch_events(Endless([]), "", {}))  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"code": 410, "reason": "Expired"}, Gone),
        ({"code": 410, "reason": "Gone"}, Gone),
        ({"code": 403, "reason": "Forbidden"}, Forbidden),
        ({"code": 400, "reason": "BadRequest"}, BadRequest),
        ({"code": 429, "reason": "TooManyRequests", "details": {"retryAfterSeconds": 3}}, TooManyRequests),
    ],
)
async def test_an_error_event_is_raised_as_its_status(
    connect: Connect, status: Object, expected: type[StatusError]
) -> None:
    failed = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "said so", **status}
    with pytest.raises(expected, match="said so") as caught:
        await watch(connect, line("ADDED", pod("a")), line("ERROR", failed))
    assert caught.value.status.code == status["code"]
    assert caught.value.status.retry_after_seconds == status.get("details", {}).get("retryAfterSeconds")


async def test_a_refused_watch_raises_its_status(connect: Connect) -> None:
    async def answer(_: Request) -> Reply:
        return status_reply(410, "Expired", "too old resource version")

    async with serve(answer) as server:
        client = connect(server.url)
        with pytest.raises(Gone, match="too old"):
            await anext(watch_events(client, "api/v1/pods", {}))
        await client.aclose()


@pytest.mark.parametrize(
    "broken",
    [
        b"{\n",
        b"[]\n",
        b"<html>\n",
        b'{"type":"ADDED"}\n',
        b'{"type":"ADDED","object":7}\n',
        b'{"type":"ADDED","object":{"metadata":{"name":1}}}\n',
        b'{"type":"ADDED","object":{"metadata":{"name":"\xff"}}}\n',
        b'{"type":"STRANGE","object":{"metadata":{}}}\n',
    ],
)
async def test_a_line_that_is_no_watch_event_is_a_protocol_error(connect: Connect, broken: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        await watch(connect, line("ADDED", pod("a")), broken)


@pytest.mark.parametrize("broken", [True, False])
async def test_a_body_that_stops_in_the_middle_of_an_event_is_no_event(
    connect: Connect, broken: bool
) -> None:
    with pytest.raises(UpstreamError):
        await watch(connect, line("ADDED", pod("a")) + b'{"type":"ADDED"', broken=broken)


async def test_silence_is_a_timeout(connect: Connect) -> None:
    async def silence() -> AsyncIterator[bytes]:
        yield line("ADDED", pod("a"))
        await asyncio.Event().wait()

    async def answer(_: Request) -> Reply:
        return Reply(chunks=silence())

    async with serve(answer) as server:
        client = connect(server.url)
        events = watch_events(client, "api/v1/pods", {}, read_timeout=0.2)
        async with aclosing(events):
            await anext(events)
            with pytest.raises(UpstreamTimeout):
                await anext(events)
        await client.aclose()


async def test_leaving_a_watch_early_closes_its_connection(connect: Connect) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield line("ADDED", pod("a"))
        await asyncio.Event().wait()

    async def answer(_: Request) -> Reply:
        return Reply(chunks=endless())

    async with serve(answer) as server:
        client = connect(server.url)
        async with aclosing(watch_events(client, "api/v1/pods", {})) as events:
            await anext(events)
        assert await at_eof(server.connections[0].transport)
        await client.aclose()


async def at_eof(transport: asyncio.WriteTransport) -> bool:
    for _ in range(1000):
        if transport.is_closing():
            return True
        transport.write(b"0\r\n")
        await asyncio.sleep(0.01)
    return False


def paged(pages: list[list[Object]], *, gone_at: int | None = None) -> Any:
    """Answers a LIST page by page; the continue token is the number of the page."""

    async def answer(request: Request) -> Reply:
        if "limit" not in request.params:
            return listing([each for page in pages for each in page], "200")
        number = int(request.params.get("continue", "0"))
        if number == gone_at:
            return status_reply(410, "Expired", "The provided continue parameter is too old")
        more = {"continue": str(number + 1)} if number + 1 < len(pages) else {}
        return listing(pages[number], "100", **more)

    return answer


def listing(items: list[Object] | None, version: str, **metadata: str) -> Reply:
    metadata = {"resourceVersion": version, **metadata}
    return json_reply({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items})


def names(objects: Iterable[ReceivedObject]) -> list[str]:
    return [each.header.metadata.name for each in objects]


async def test_a_list_comes_page_by_page(connect: Connect) -> None:
    async with serve(paged([[pod("a"), pod("b")], [pod("c")]])) as server:
        client = connect(server.url)
        pages = [page async for page in list_pages(client, "api/v1/pods", {"labelSelector": "x"}, kind=POD)]
        await client.aclose()
    assert [names(page.objects) for page in pages] == [["a", "b"], ["c"]]
    assert [page.continue_token for page in pages] == ["1", ""]
    assert [each.params["labelSelector"] for each in server.requests] == ["x", "x"]
    assert server.requests[0].params["limit"] == "500"


async def test_a_list_whose_version_is_forgotten_between_pages_starts_again(connect: Connect) -> None:
    async with serve(paged([[pod("a")], [pod("b")]], gone_at=1)) as server:
        client = connect(server.url)
        whole = await fetch_list(client, "api/v1/pods", {}, kind=POD)
        await client.aclose()
    assert names(whole.objects) == ["a", "b"]
    assert whole.resource_version == "200"


async def test_big_objects_make_the_next_page_shorter(connect: Connect) -> None:
    big = {**pod("a"), "data": "x" * (5 << 20)}
    async with serve(paged([[big, big], [pod("b")], [pod("c")]])) as server:
        client = connect(server.url)
        await fetch_list(client, "api/v1/pods", {}, kind=POD)
        await client.aclose()
    limits = [int(each.params["limit"]) for each in server.requests]
    assert limits[0] == 500
    assert 10 <= limits[1] < 250
    assert limits[2] > limits[1]


async def test_items_get_the_kind_that_a_list_leaves_out(connect: Connect) -> None:
    own = {"apiVersion": "example.com/v1", "kind": "Own", **pod("own")}
    async with serve(paged([[pod("a"), own]])) as server:
        client = connect(server.url)
        (bare, complete) = (await fetch_list(client, "api/v1/pods", {}, kind=POD)).objects
        await client.aclose()
    assert json.loads(bare.object) == {"kind": "Pod", "apiVersion": "v1", **pod("a")}
    assert json.loads(complete.object) == own


async def test_an_empty_list_is_empty_also_where_it_is_null(connect: Connect) -> None:
    async def answer(_: Request) -> Reply:
        return listing(None, "3")

    async with serve(answer) as server:
        client = connect(server.url)
        whole = await fetch_list(client, "api/v1/pods", {}, kind=POD)
        await client.aclose()
    assert (whole.objects, whole.resource_version) == ([], "3")


@pytest.mark.parametrize("body", [b"[]", b"{}", b"nonsense", b'{"metadata":{},"items":[1]}'])
async def test_what_is_no_list_is_a_protocol_error(connect: Connect, body: bytes) -> None:
    async def answer(_: Request) -> Reply:
        return Reply(200, body)

    async with serve(answer) as server:
        client = connect(server.url)
        with pytest.raises(UpstreamProtocolError):
            await fetch_list(client, "api/v1/pods", {}, kind=POD)
        await client.aclose()


async def test_a_page_of_500_objects_lets_the_event_loop_run(connect: Connect) -> None:
    page = [{**pod(f"p{number}"), "data": "x" * 8192} for number in range(500)]
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with serve(paged([page])) as server:
        client = connect(server.url)
        body = (await client.get("api/v1/pods", {"limit": "500"})).body
        task = asyncio.create_task(other())
        pages = list_pages(CannedList(body), "", {}, kind=POD)  # type: ignore[arg-type]  # its get is all that is used
        assert len((await anext(pages)).objects) == 500
        task.cancel()
        await client.aclose()
    assert turns >= 3


class CannedList:
    """A client that answers at once, so that every turn of the event loop is the decoder's doing."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def get(self, *_: Any, **__: Any) -> "CannedList":
        return self


def test_another_resource_version_leaves_every_other_byte() -> None:
    body = (
        b'{"kind":"X","metadata":{"annotations":{"resourceVersion":"1"},"name":"\\u00e9","resourceVersion":"1"},'
        b'"spec":{"resourceVersion":"1","big":12345678901234567890,"float":1.0}}'
    )
    changed = with_resource_version(body, "42")
    assert changed == body.replace(b'"\\u00e9","resourceVersion":"1"', b'"\\u00e9","resourceVersion":"42"')
