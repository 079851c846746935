"""Signals as readable events of a selector, for a process without an asyncio event loop."""

import selectors
import signal
import socket
from types import FrameType, TracebackType
from typing import Self

__all__ = ["Signals"]

_STOPPING = (signal.SIGINT, signal.SIGTERM)
_CAUGHT = (*_STOPPING, signal.SIGCHLD)


class Signals:
    """Within the ``with`` block SIGINT, SIGTERM and SIGCHLD wake the selector and have no other effect."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def __enter__(self) -> Self:
        self._selector.register(self._reader, selectors.EVENT_READ)
        self._previous_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._previous = {number: signal.signal(number, _no_op) for number in _CAUGHT}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._previous_fd)
        self._selector.unregister(self._reader)
        self._reader.close()
        self._writer.close()

    def take_stop_signal(self) -> int | None:
        """The first SIGINT or SIGTERM since the last call, if any."""
        try:
            received = self._reader.recv(4096)
        except BlockingIOError:
            return None
        return next((number for number in received if number in _STOPPING), None)


def _no_op(number: int, frame: FrameType | None) -> None:
    """Python writes to the wake-up descriptor only for signals with a Python handler."""
    del number, frame
