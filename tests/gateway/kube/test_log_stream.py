"""Splitting a log into lines independently of its chunks; resuming a log without repeated lines."""

import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UpstreamError
from gateway.kube.log_stream import (
    MAX_PIECE_BYTES,
    LogLine,
    LogOptions,
    LogPosition,
    Piece,
    parse_line,
    read_log,
    split_lines,
)
from tests.gateway.kube.conftest import Connect
from tests.gateway.kube.loopback import Reply, Request, serve

LOG = "api/v1/namespaces/x/pods/p/log"
LONG = "ä" * MAX_PIECE_BYTES


async def chunked(body: bytes, cuts: list[int]) -> AsyncIterator[bytes]:
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    for begin, end in itertools.pairwise(places):
        yield body[begin:end]


async def split(body: bytes, cuts: list[int] | None = None) -> list[Piece]:
    return [piece async for piece in split_lines(chunked(body, cuts or []))]


@given(
    st.lists(st.one_of(st.binary(max_size=40), st.just(LONG.encode()), st.just(b"x" * MAX_PIECE_BYTES))),
    st.lists(st.integers(0, 1 << 20), max_size=30),
)
async def test_lines_do_not_depend_on_the_chunks(parts: list[bytes], cuts: list[int]) -> None:
    body = b"\n".join(parts)

    pieces = await split(body, cuts)

    assert pieces == await split(body)
    assert b"".join(piece.content + b"\n" * (piece.ends and not piece.broken_off) for piece in pieces) == body
    assert all(len(piece.content) <= MAX_PIECE_BYTES for piece in pieces)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=40))
async def test_pieces_end_at_character_boundaries(text: str) -> None:
    body = text.encode()
    for piece in await split(body * (3 * MAX_PIECE_BYTES // len(body)) + b"\n"):
        piece.content.decode()


@pytest.mark.parametrize(
    ("line", "time", "text"),
    [
        (b"2026-11-23T07:00:00.123456789Z hello world", "2026-11-23T07:00:00.123456789Z", "hello world"),
        (b"2026-11-23T07:00:00Z ", "2026-11-23T07:00:00Z", ""),
        (b"2026-11-23T09:00:00.5+02:00  indented", "2026-11-23T09:00:00.5+02:00", " indented"),
        (b"2026-11-23T07:00:00.1Z \xff\xfe", "2026-11-23T07:00:00.1Z", "\ufffd\ufffd"),
        (b"2026-11-23T07:00:00.1Z a\rb", "2026-11-23T07:00:00.1Z", "a\rb"),
        (b"unable to retrieve logs for containerd://1", None, "unable to retrieve logs for containerd://1"),
        (b"2026-99-23T07:00:00Z no time", None, "2026-99-23T07:00:00Z no time"),
        (b"", None, ""),
    ],
)
def test_the_timestamp_is_split_from_a_line(line: bytes, time: str | None, text: str) -> None:
    parsed = parse_line(line)
    assert (parsed.time, parsed.text) == (time, text)


def test_times_are_compared_to_the_nanosecond_and_across_zones() -> None:
    def nanoseconds(time: str) -> int:
        return LogLine(time, "").nanoseconds

    assert nanoseconds("1970-01-01T00:00:01.000000002Z") == 1_000_000_002
    assert nanoseconds("1970-01-01T00:00:01Z") == 1_000_000_000
    assert nanoseconds("2026-11-23T09:00:00.5+02:00") == nanoseconds("2026-11-23T07:00:00.500000000Z")
    assert nanoseconds("2026-11-23T03:30:00-03:30") == nanoseconds("2026-11-23T07:00:00Z")


def test_since_time_replaces_the_other_bounds() -> None:
    options = LogOptions("main", follow=True, tail_lines=5, since_seconds=3)
    assert options.parameters == {
        "container": "main",
        "timestamps": "true",
        "follow": "true",
        "tailLines": "5",
        "sinceSeconds": "3",
    }
    again = LogOptions("main", tail_lines=5, since_time="2026-11-23T07:00:00Z")
    assert again.parameters == {
        "container": "main",
        "timestamps": "true",
        "sinceTime": "2026-11-23T07:00:00Z",
    }


async def test_all_pieces_of_a_long_line_have_its_time(connect: Connect) -> None:
    text = LONG + "end"

    async def answer(_request: Request) -> Reply:
        return Reply(body=f"2026-11-23T07:00:00Z {text}\n2026-11-23T07:00:01Z next\n".encode())

    async with serve(answer) as server:
        lines = [line async for line in read_log(connect(server.url), LOG, LogOptions("main"))]

    *pieces, following = lines
    assert "".join(piece.text for piece in pieces) == text
    assert {piece.time for piece in pieces} == {"2026-11-23T07:00:00Z"}
    assert [piece.whole for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert (following.time, following.text) == ("2026-11-23T07:00:01Z", "next")


@pytest.mark.parametrize(("follow", "delivered"), [(True, ["a"]), (False, ["a", "b"])])
async def test_an_unterminated_line_is_left_out_while_following(
    connect: Connect, follow: bool, delivered: list[str]
) -> None:
    async def answer(_request: Request) -> Reply:
        return Reply(body=b"2026-11-23T07:00:00Z a\n2026-11-23T07:00:01Z b")

    async with serve(answer) as server:
        options = LogOptions("main", follow=follow)
        assert [line.text async for line in read_log(connect(server.url), LOG, options)] == delivered


async def test_a_truncated_log_raises_an_error_after_its_lines(connect: Connect) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"2026-11-23T07:00:00Z a\n2026-11-2"

    async def answer(_request: Request) -> Reply:
        return Reply(chunks=chunks(), broken=True)

    async with (
        serve(answer) as server,
        aclosing(read_log(connect(server.url), LOG, LogOptions("main"))) as lines,
    ):
        assert (await anext(lines)).text == "a"
        with pytest.raises(UpstreamError):
            await anext(lines)


def lines_of(times: list[int]) -> list[LogLine]:
    """A log with one line per time, in tenths of a second; the lines have different texts."""
    return [
        LogLine(f"2026-11-23T07:{tenths // 600:02}:{tenths // 10 % 60:02}.{tenths % 10}Z", f"{number}")
        for number, tenths in enumerate(times)
    ]


@given(
    st.lists(st.integers(0, 3), max_size=60),
    st.lists(st.integers(0, 60), min_size=1, max_size=5),
    st.integers(0, 60),
)
def test_a_resumed_log_delivers_every_line_once(steps: list[int], stops: list[int], tail: int) -> None:
    """``sinceTime`` is inclusive and has whole seconds; streams end at arbitrary lines."""
    log = lines_of([600 + sum(steps[: number + 1]) for number in range(len(steps))])
    # a tail may not start between lines of equal times: they are indistinguishable
    begin = max(0, len(log) - tail) if len({line.time for line in log}) == len(log) else 0
    position = LogPosition()
    delivered: list[str] = []
    for stop in [*stops, len(log)]:
        since = position.since_time
        position.resume()
        served = log[begin:] if since is None else [line for line in log if (line.time or "") >= since[:-1]]
        for line in served[:stop] if stop < len(log) else served:
            if position.is_new(line):
                delivered.append(line.text)
                position.record(line)
    assert delivered == [line.text for line in log[begin:]]


def test_lines_out_of_order_are_delivered_once() -> None:
    log = lines_of([600, 602, 601, 601, 603])
    position = LogPosition()
    for line in log[:3]:
        assert position.is_new(line)
        position.record(line)
    position.resume()
    assert [line.text for line in log if position.is_new(line)] == ["3", "4"]


def test_a_message_of_the_kubelet_is_not_repeated() -> None:
    position = LogPosition()
    line = LogLine(None, "unable to retrieve container logs", stamped=False)
    assert position.is_new(line)
    position.record(line)
    assert not position.is_new(line)
