"""Container logs as streams of lines, read from the ``log`` subresource.

:func:`read_log` reads one response; :class:`LogPosition` lets the next request resume after it. Every request
has ``timestamps=true``, because a log is resumed by the times of its lines.
"""

from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.kube.client import KubeClient
from schema.scalars import is_rfc3339

__all__ = [
    "MAX_PIECE_BYTES",
    "LogLine",
    "LogOptions",
    "LogPosition",
    "Piece",
    "parse_line",
    "read_log",
    "split_lines",
]

MAX_PIECE_BYTES = 32 << 10
"""Longer lines are split into pieces. Container runtimes split at 16 KiB; the kubelet joins their parts."""
_READ_TIMEOUT_SECONDS = 300.0
"""The silence after which a log is requested again: a dead connection looks like a silent log."""
_MAX_TIMESTAMP_BYTES = 40
_RECORDED_LINES = 1024
_NANOSECONDS = 10**9


@dataclass(frozen=True, slots=True)
class LogOptions:
    """The container and the part of its log to read (Kubernetes' ``PodLogOptions``).

    ``since_time`` is RFC 3339, truncated to seconds by the API server; it replaces ``tail_lines`` and
    ``since_seconds``.
    """

    container: str
    follow: bool = False
    previous: bool = False
    tail_lines: int | None = None
    since_seconds: int | None = None
    since_time: str | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """The query parameters of the request."""
        parameters = {"container": self.container, "timestamps": "true"}
        parameters |= {key: "true" for key in ("follow", "previous") if getattr(self, key)}
        if self.since_time is not None:
            return {**parameters, "sinceTime": self.since_time}
        bounds = {"tailLines": self.tail_lines, "sinceSeconds": self.since_seconds}
        return parameters | {key: str(value) for key, value in bounds.items() if value is not None}


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line, or a piece of a long line.

    ``time`` is the node's timestamp, RFC 3339 with up to nine fractional digits; None for a line without a
    timestamp, which is a message of the kubelet. All pieces of a line have its time; ``stamped`` marks the
    first piece, which contains the timestamp. ``whole`` marks the last piece.
    """

    time: str | None
    text: str = field(repr=False)
    stamped: bool = True
    whole: bool = True

    @property
    def nanoseconds(self) -> int:
        """``time`` in nanoseconds since the epoch; 0 without a time."""
        return _parse_nanoseconds(self.time) if self.time else 0


@dataclass(frozen=True, slots=True)
class Piece:
    """A line's bytes or a part of them.

    ``ends`` marks the last piece of a line, ``broken_off`` a piece where the body ended before the line
    break.
    """

    content: bytes = field(repr=False)
    ends: bool = True
    broken_off: bool = False


async def read_log(client: KubeClient, path: str, options: LogOptions) -> AsyncGenerator[LogLine, None]:
    """The lines of ``path``, a pod's ``log``, until the API server ends the stream.

    Raises the errors of :meth:`KubeClient.stream`; UpstreamTimeout after five minutes of silence. While
    following, a line that was broken off is left out, because a resumed request delivers it whole.
    Use it in :func:`contextlib.aclosing`: leaving it early then closes the connection at once.
    """
    async with client.stream(
        path, options.parameters, accept="*/*", read_timeout=_READ_TIMEOUT_SECONDS
    ) as chunks:
        time: str | None = None
        at_line_start = True
        async for piece in split_lines(chunks):
            if options.follow and piece.broken_off:
                return
            if at_line_start:
                line = parse_line(piece.content, whole=piece.ends)
                time = line.time
            else:
                line = LogLine(time, piece.content.decode(errors="replace"), stamped=False, whole=piece.ends)
            yield line
            at_line_start = piece.ends


async def split_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[Piece]:
    """Split a body into lines; a line over ``MAX_PIECE_BYTES`` is split into pieces at character boundaries.

    The pieces do not depend on how the body is split into chunks.
    """
    partial = b""
    async for chunk in chunks:
        *lines, partial = (partial + chunk if partial else chunk).split(b"\n")
        for line in lines:
            for piece in _split_line(line):
                yield piece
        while len(partial) > MAX_PIECE_BYTES:
            length = _piece_length(partial)
            yield Piece(partial[:length], ends=False)
            partial = partial[length:]
    if partial:
        yield Piece(partial, broken_off=True)


def _split_line(line: bytes) -> Iterator[Piece]:
    while len(line) > MAX_PIECE_BYTES:
        length = _piece_length(line)
        yield Piece(line[:length], ends=False)
        line = line[length:]
    yield Piece(line)


def _piece_length(line: bytes) -> int:
    """The greatest length up to ``MAX_PIECE_BYTES`` that splits no UTF-8 character."""
    for length in range(MAX_PIECE_BYTES, MAX_PIECE_BYTES - 4, -1):
        if line[length] & 0xC0 != 0x80:
            return length
    return MAX_PIECE_BYTES


def parse_line(line: bytes, *, whole: bool = True) -> LogLine:
    """Parse a line of a log with ``timestamps=true``: a timestamp, a space, the text."""
    stamp, space, text = line.partition(b" ")
    if space and len(stamp) <= _MAX_TIMESTAMP_BYTES and stamp.isascii():
        time = stamp.decode()
        if is_rfc3339(time):
            return LogLine(time, text.decode(errors="replace"), whole=whole)
    return LogLine(None, line.decode(errors="replace"), stamped=False, whole=whole)


def _parse_nanoseconds(time: str) -> int:
    """RFC 3339 to nanoseconds since the epoch; datetime's resolution is microseconds."""
    seconds, dot, rest = time.partition(".")
    digits = rest.rstrip("Z") if rest.endswith("Z") else rest[: max(rest.find("+"), rest.find("-"))]
    zone = rest[len(digits) :] if dot else ""
    whole = int(datetime.fromisoformat(seconds + zone).timestamp())
    return whole * _NANOSECONDS + int(digits[:9].ljust(9, "0") or 0)


class LogPosition:
    """The reading position in a log, so that reading can resume without a repeated or a missing line.

    It records the times of the newest delivered lines. The newest time alone is not enough: ``sinceTime`` has
    whole seconds, so the API server sends lines again, and the two streams of a container may be written
    slightly out of order.

    Use: :meth:`resume` before each request, then for each line in order :meth:`is_new`, and :meth:`record`
    after the line was delivered.
    """

    def __init__(self) -> None:
        self._delivered: deque[int] = deque(maxlen=_RECORDED_LINES)
        self._expected_again: Counter[int] = Counter()
        self._oldest = 0
        self._last_unstamped: str | None = None
        self._in_new_line = True

    @property
    def since_time(self) -> str | None:
        """The ``sinceTime`` of the next request; None before the first line."""
        if not self._delivered:
            return None
        # one second earlier, because a line out of order may belong to the second before
        seconds = max(self._delivered) // _NANOSECONDS - 1
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def resume(self) -> None:
        """Expect delivered lines to come again from here on."""
        self._expected_again = Counter(self._delivered)
        self._oldest = min(self._delivered, default=0)

    def is_new(self, line: LogLine) -> bool:
        """Whether ``line`` has not been delivered yet. Call it once per line, in order."""
        if line.stamped:
            self._in_new_line = self._is_new_time(line.nanoseconds)
        elif line.time is None:
            return line.text != self._last_unstamped
        return self._in_new_line

    def record(self, line: LogLine) -> None:
        """Record ``line`` as delivered; a line in several pieces counts with its last piece."""
        if line.time is None:
            self._last_unstamped = line.text
        elif line.whole:
            self._delivered.append(line.nanoseconds)

    def _is_new_time(self, nanoseconds: int) -> bool:
        if self._expected_again[nanoseconds]:
            self._expected_again[nanoseconds] -= 1
            return False
        return nanoseconds >= self._oldest
