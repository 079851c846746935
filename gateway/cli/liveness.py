"""Whether a worker still does anything, told from the questions that it answers and the time that it uses.

A worker answers in its event loop. One that is at work on something large without a pause answers late: a
selection of ``yaml`` over thousands of objects takes half a second per megabyte of them. Linux tells it from
one that is stuck, which uses no processor time at all; what only uses time gets ten times as long. While a
worker begins, nobody asks it anything.
"""

from contextlib import suppress
from pathlib import Path

__all__ = ["QUESTION", "Liveness"]

QUESTION = 5.0
"""Seconds between two questions."""
STUCK = 6
"""Pauses between questions without an answer and without any work: half a minute.

No machine keeps a process that long from running; what waits for others does so beside the event loop.
"""
BUSY = 60
"""Pauses between questions without an answer, whatever it does meanwhile: five minutes."""


class Liveness:
    """What is known of one process.

    Counted in questions, not in seconds: where the whole machine was suspended, or nothing but the one who
    asks, no more than one was missed.
    """

    def __init__(self, process: int) -> None:
        self._process = process
        self._unanswered = 0
        self._without_work = 0
        self._worked: int | None = None

    def ask(self) -> None:
        """Note that a question is put to it."""
        worked = _processor_time(self._process)
        still = self._unanswered > 0 and worked is not None and worked == self._worked
        self._without_work = self._without_work + 1 if still else 0
        self._worked = worked
        self._unanswered += 1

    def answered(self) -> None:
        """Note a sign of life."""
        self._unanswered = self._without_work = 0

    @property
    def failure(self) -> str:
        """Why it is beyond hope; empty while it is not."""
        if self._without_work >= STUCK:
            return f"has not answered for {STUCK * QUESTION:g} s, and does nothing"
        if self._unanswered > BUSY:
            return f"has not answered for {BUSY * QUESTION:g} s"
        return ""


def _processor_time(process: int) -> int | None:
    """In clock ticks; None where there is no procfs to tell."""
    with suppress(OSError, ValueError, IndexError):
        # proc_pid_stat(5): after the name, which may hold anything, utime and stime are the 12th and 13th
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    return None
