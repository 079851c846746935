import asyncio
import json
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
from gateway.kube.received import ObjectHeader
from gateway.kube.watch import MAX_EVENT_BYTES, WatchEvent, watch_events
from tests.gateway.kube.conftest import Connect
from tests.gateway.kube.loopback import Reply, Request, serve, status_reply

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
    """The events of a watch whose body consists of ``chunks``."""

    async def answer(request: Request) -> Reply:
        assert request.params["watch"] == "true"
        return Reply(chunks=pieces(parts), broken=broken)

    async with serve(answer) as server:
        client = connect(server.url)
        try:
            return [event async for event in watch_events(client, "api/v1/pods", {})]
        finally:
            await client.aclose()


async def test_an_event_has_the_objects_bytes_and_its_decoded_header(connect: Connect) -> None:
    content = {"kind": "Pod", "apiVersion": "v1", **pod("a", 7, labels={"app": "x"}), "spec": {"é": [1, {}]}}
    (event,) = await watch(connect, line("ADDED", content))
    assert event.type == "ADDED"
    assert event.resource_version == "7"
    assert event.received.object == json.dumps(content).encode()
    header = event.received.header
    assert (header.kind, header.api_version) == ("Pod", "v1")
    assert (header.metadata.name, header.metadata.namespace, header.metadata.uid) == ("a", "ns", "uid-a")
    assert header.metadata.labels == {"app": "x"}


async def test_a_header_subclass_decodes_its_additional_fields(connect: Connect) -> None:
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


async def test_a_bookmark_marks_the_end_of_the_initial_events(connect: Connect) -> None:
    ends = {"k8s.io/initial-events-end": "true"}
    events = await watch(
        connect,
        line("BOOKMARK", {"metadata": {"resourceVersion": "5"}}),
        line("BOOKMARK", {"metadata": {"resourceVersion": "6", "annotations": ends}}),
    )
    assert [(event.resource_version, event.initial_events_end) for event in events] == [
        ("5", False),
        ("6", True),
    ]


BODY = b"".join(line("MODIFIED", {**pod(f"é{number}"), "data": "x" * number}) for number in range(5)) + b"\n"


@given(st.lists(st.integers(0, len(BODY))))
async def test_events_do_not_depend_on_the_chunks(cuts: list[int]) -> None:
    ends = sorted({0, *cuts, len(BODY)})
    parts = [BODY[begin:end] for begin, end in pairwise(ends)]
    events = [event async for event in watch_events(Canned(parts), "api/v1/pods", {})]  # type: ignore[arg-type]  # only its stream is used
    assert [event.received.header.metadata.name for event in events] == [f"é{number}" for number in range(5)]


class Canned:
    """A client with a canned stream, because hundreds of examples are too many for sockets."""

    def __init__(self, parts: list[bytes]) -> None:
        self.parts = parts

    def stream(self, *_: Any, **__: Any) -> "Canned":
        return self

    async def __aenter__(self) -> AsyncIterator[bytes]:
        return pieces(self.parts)

    async def __aexit__(self, *_: object) -> None:
        return None


class Counted(bytes):
    """Bytes that count concatenations: joining the pieces one by one is quadratic work."""

    added = 0

    def __add__(self, other: Any) -> "Counted":
        Counted.added += 1
        return Counted(bytes(self) + bytes(other))

    def __radd__(self, other: Any) -> "Counted":
        Counted.added += 1
        return Counted(bytes(other) + bytes(self))

    def split(self, *separators: Any) -> list[bytes]:
        return [Counted(part) for part in super().split(*separators)]


async def test_the_pieces_of_a_large_event_are_joined_once() -> None:
    body = line("ADDED", {**pod("big"), "data": "x" * (1 << 20)})
    parts: list[bytes] = [Counted(body[begin : begin + 4096]) for begin in range(0, len(body), 4096)]
    Counted.added = 0
    events = [event async for event in watch_events(Canned(parts), "", {})]  # type: ignore[arg-type]  # as above
    assert len(events[0].received.object) > 1 << 20
    assert Counted.added <= 1


async def test_an_endless_event_is_a_protocol_error() -> None:
    async def forever() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * (1 << 20)

    class Endless(Canned):
        async def __aenter__(self) -> AsyncIterator[bytes]:
            return forever()

    with pytest.raises(UpstreamProtocolError, match=str(MAX_EVENT_BYTES)):
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


async def test_a_failed_watch_raises_its_status(connect: Connect) -> None:
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
async def test_a_malformed_line_is_a_protocol_error(connect: Connect, broken: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        await watch(connect, line("ADDED", pod("a")), broken)


@pytest.mark.parametrize("broken", [True, False])
async def test_a_body_truncated_within_an_event_is_an_error(connect: Connect, broken: bool) -> None:
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
