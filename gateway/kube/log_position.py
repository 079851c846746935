"""How far a log has been read, so that it can be read on from there: no line twice, none left out."""

from collections import Counter, deque
from datetime import UTC, datetime

from gateway.kube.log_stream import LogLine

__all__ = ["LogPosition"]

REMEMBERED = 1024
SECOND = 10**9


class LogPosition:
    """The newest lines that were told, by their times.

    The API server takes ``sinceTime`` in whole seconds, so that lines come again; and the two streams of a
    container may be written slightly out of order, so that the newest time alone does not tell which.
    """

    def __init__(self) -> None:
        self._told: deque[int] = deque(maxlen=REMEMBERED)
        self._again: Counter[int] = Counter()
        self._oldest = 0
        self._unstamped: str | None = None
        self._telling = True

    @property
    def since_time(self) -> str | None:
        """The ``sinceTime`` to read on with; None where nothing has been read."""
        if not self._told:
            return None
        # a second earlier: what was written out of order may be from the second before
        seconds = max(self._told) // SECOND - 1
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def read_again(self) -> None:
        """From here on lines may come that were told before."""
        self._again = Counter(self._told)
        self._oldest = min(self._told, default=0)

    def is_new(self, line: LogLine) -> bool:
        """Whether the line has not been told; to be asked once for each, in their order."""
        if line.stamped:
            self._telling = self._is_new_time(line.nanoseconds)
        elif line.time is None:
            return line.text != self._unstamped
        return self._telling

    def note(self, line: LogLine) -> None:
        """It was told; a line of several pieces is when its last one is."""
        if line.time is None:
            self._unstamped = line.text
        elif line.whole:
            self._told.append(line.nanoseconds)

    def _is_new_time(self, nanoseconds: int) -> bool:
        if self._again[nanoseconds]:
            self._again[nanoseconds] -= 1
            return False
        return nanoseconds >= self._oldest
