"""Liveness of a worker, from its answers to probes and from the processor time that it uses.

A worker answers probes in its event loop, so a long synchronous step delays the answer: a selection of
``yaml`` over thousands of objects takes half a second per megabyte. Such a worker uses processor time, a
stuck one uses none. procfs on Linux distinguishes the two: a worker without progress fails after
:data:`STUCK_PROBES`, a busy one after :data:`BUSY_PROBES`, which is ten times as long. Workers are not probed
during start-up.
"""

from contextlib import suppress
from pathlib import Path

__all__ = ["BUSY_PROBES", "PROBE_INTERVAL_SECONDS", "STUCK_PROBES", "Liveness"]

PROBE_INTERVAL_SECONDS = 5.0
STUCK_PROBES = 6
"""Unanswered probes without any processor time in between: half a minute.

A runnable process gets processor time within that on any machine, and a worker's blocking waits happen in
threads beside the event loop.
"""
BUSY_PROBES = 60
"""Unanswered probes, whatever processor time is used: five minutes."""


class Liveness:
    """The probe history of one process.

    Time is counted in probes, not in seconds: a suspended machine or a stopped supervisor then costs one
    missed probe at most.
    """

    def __init__(self, process: int) -> None:
        self._process = process
        self._unanswered = 0
        self._without_progress = 0
        self._processor_time: int | None = None

    def probed(self) -> None:
        """Record a probe."""
        used = _processor_time(self._process)
        idle = self._unanswered > 0 and used is not None and used == self._processor_time
        self._without_progress = self._without_progress + 1 if idle else 0
        self._processor_time = used
        self._unanswered += 1

    def answered(self) -> None:
        """Record a message from the process."""
        self._unanswered = self._without_progress = 0

    @property
    def failure(self) -> str:
        """The reason to end the process; empty while it is considered alive."""
        if self._without_progress >= STUCK_PROBES:
            return f"has not answered for {STUCK_PROBES * PROBE_INTERVAL_SECONDS:g} s, and does nothing"
        if self._unanswered > BUSY_PROBES:
            return f"has not answered for {BUSY_PROBES * PROBE_INTERVAL_SECONDS:g} s"
        return ""


def _processor_time(process: int) -> int | None:
    """User and system time in clock ticks; None without procfs."""
    with suppress(OSError, ValueError, IndexError):
        # proc_pid_stat(5): utime and stime are the 12th and 13th field after the name in parentheses,
        # which itself may contain spaces and parentheses
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    return None
