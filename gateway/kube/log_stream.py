"""Container logs as streams of lines: the chunks of the ``log`` subresource put together again.

Every log is asked for with ``timestamps=true``: when a line was written is what it can be resumed by.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime

from gateway.kube.client import KubeClient
from schema.timestamps import is_rfc3339

__all__ = ["LONGEST_LINE", "LogLine", "LogOptions", "Piece", "parse_line", "read_log", "split_lines"]

LONGEST_LINE = 32 << 10
"""Bytes of one piece of a line; container runtimes cut at 16 KiB, which the kubelet puts together again."""
SILENCE = 300.0
"""Seconds without a line after which it is worth asking again: a dead connection is silent too."""
LONGEST_STAMP = 40


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which part of which container's log (Kubernetes' ``PodLogOptions``).

    ``since_time`` is RFC 3339; the API server cuts it to whole seconds. It takes the place of the other two.
    """

    container: str
    follow: bool = False
    previous: bool = False
    tail_lines: int | None = None
    since_seconds: int | None = None
    since_time: str | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """The query of the request."""
        parameters = {"container": self.container, "timestamps": "true"}
        parameters |= {key: "true" for key in ("follow", "previous") if getattr(self, key)}
        if self.since_time is not None:
            return {**parameters, "sinceTime": self.since_time}
        bounds = {"tailLines": self.tail_lines, "sinceSeconds": self.since_seconds}
        return parameters | {key: str(value) for key, value in bounds.items() if value is not None}


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line, or a piece of a long one.

    ``time`` is as the node wrote it, RFC 3339 with up to nine digits of a second; it is None where the
    line has none, because the kubelet itself says something. All pieces of a line have its time; ``stamped``
    says that this one is where the time stands. ``whole``: no further piece follows.
    """

    time: str | None
    text: str
    stamped: bool = True
    whole: bool = True

    @property
    def nanoseconds(self) -> int:
        """``time`` since the epoch; 0 where there is none."""
        return parse_nanoseconds(self.time) if self.time else 0


@dataclass(frozen=True, slots=True)
class Piece:
    """What stands between two line breaks, or a part of it; ``broken_off``: before there was a line break."""

    content: bytes
    ends: bool = True
    broken_off: bool = False


async def read_log(client: KubeClient, path: str, options: LogOptions) -> AsyncGenerator[LogLine, None]:
    """The lines of ``path``, a pod's ``log``; ends when the API server ends it.

    Raises what :meth:`KubeClient.stream` does, UpstreamTimeout after five silent minutes too. Of a line that
    broke off the rest may still come: it is not told when following. Wrap it in
    :func:`contextlib.aclosing`, so that leaving it early closes the connection at once.
    """
    async with client.stream(path, options.parameters, accept="*/*", read_timeout=SILENCE) as chunks:
        time: str | None = None
        begins = True
        async for piece in split_lines(chunks):
            if options.follow and piece.broken_off:
                return
            if begins:
                line = parse_line(piece.content, whole=piece.ends)
                time = line.time
            else:
                line = LogLine(time, piece.content.decode(errors="replace"), stamped=False, whole=piece.ends)
            yield line
            begins = piece.ends


async def split_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[Piece]:
    """The lines, those over ``LONGEST_LINE`` in pieces.

    However the bytes are cut into chunks, the pieces are the same. No character of UTF-8 is cut in two.
    """
    begun = b""
    async for chunk in chunks:
        *lines, begun = (begun + chunk if begun else chunk).split(b"\n")
        for line in lines:
            for piece in cut_line(line):
                yield piece
        while len(begun) > LONGEST_LINE:
            cut = place_to_cut(begun)
            yield Piece(begun[:cut], ends=False)
            begun = begun[cut:]
    if begun:
        yield Piece(begun, broken_off=True)


def cut_line(line: bytes) -> Iterator[Piece]:
    while len(line) > LONGEST_LINE:
        cut = place_to_cut(line)
        yield Piece(line[:cut], ends=False)
        line = line[cut:]
    yield Piece(line)


def place_to_cut(line: bytes) -> int:
    """The most bytes that are no piece too long and end no character in its middle."""
    for cut in range(LONGEST_LINE, LONGEST_LINE - 4, -1):
        if line[cut] & 0xC0 != 0x80:
            return cut
    return LONGEST_LINE


def parse_line(line: bytes, *, whole: bool = True) -> LogLine:
    """A line as ``timestamps=true`` gives it: its time, a space, its text."""
    stamp, space, text = line.partition(b" ")
    if space and len(stamp) <= LONGEST_STAMP and stamp.isascii():
        time = stamp.decode()
        if is_rfc3339(time):
            return LogLine(time, text.decode(errors="replace"), whole=whole)
    return LogLine(None, line.decode(errors="replace"), stamped=False, whole=whole)


def parse_nanoseconds(time: str) -> int:
    """RFC 3339 as nanoseconds since the epoch; datetime alone stops at microseconds."""
    seconds, dot, rest = time.partition(".")
    digits = rest.rstrip("Z") if rest.endswith("Z") else rest[: max(rest.find("+"), rest.find("-"))]
    zone = rest[len(digits) :] if dot else ""
    whole = int(datetime.fromisoformat(seconds + zone).timestamp())
    return whole * 10**9 + int(digits[:9].ljust(9, "0") or 0)
