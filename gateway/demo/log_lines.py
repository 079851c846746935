"""What the containers of the demo write: lines made up from who they are, the same ones each time."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["ContainerRun", "Line"]

KEPT = 2000
PATHS = ("/", "/cart", "/api/items", "/api/items/7", "/healthz", "/static/app.js")
SLOWEST = 4.0


@dataclass(frozen=True, slots=True)
class Line:
    """One line, with the moment it was written at, to the nanosecond."""

    moment: datetime
    stamp: str
    text: str


@dataclass(frozen=True, slots=True)
class ContainerRun:
    """A container from its start to its end; it has not ended where ``end`` is None."""

    source: str
    begin: datetime
    end: datetime | None = None

    def lines(self) -> Iterator[Line]:
        """Those that have been written so far, the last of them at least."""
        count = self._count(min(self.end or datetime.now(UTC), datetime.now(UTC)))
        return map(self._line, range(max(0, count - KEPT), count))

    def next_line(self, after: datetime) -> Line | None:
        """The first line after a moment; None where it ended before that."""
        line = self._line(self._count(after))
        return None if self.end is not None and line.moment > self.end else line

    def _interval(self) -> timedelta:
        return timedelta(seconds=random.Random(self.source).uniform(1.0, SLOWEST))  # noqa: S311 - no secret

    def _count(self, end: datetime) -> int:
        """How many lines stand up to a moment."""
        return max(0, int((end - self.begin) / self._interval()) + 1)

    def _line(self, index: int) -> Line:
        # seeded by its place, so that the same line is the same in every answer
        choice = random.Random(f"{self.source}/{index}")  # noqa: S311 - a made-up log, no secret
        moment = self.begin + index * self._interval()
        stamp = f"{moment:%Y-%m-%dT%H:%M:%S.%f}{index % 1000:03}Z"
        if index == 0:
            return Line(moment, stamp, f"level=info msg=started container={self.source.split('#')[0]}")
        path, duration = choice.choice(PATHS), choice.randint(1, 90)
        return Line(moment, stamp, f"level=info msg=request path={path} status=200 ms={duration}")
