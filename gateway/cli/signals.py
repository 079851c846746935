"""Signals as something to wait for beside sockets, in a process without an event loop of asyncio's."""

import selectors
import signal
import socket
from types import FrameType, TracebackType
from typing import Self

__all__ = ["STOPPING", "Signals"]

STOPPING = (signal.SIGINT, signal.SIGTERM)
CAUGHT = (*STOPPING, signal.SIGCHLD)


class Signals:
    """SIGINT, SIGTERM and SIGCHLD wake up a selector instead of doing what they do, while the block runs."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def __enter__(self) -> Self:
        self._selector.register(self._reader, selectors.EVENT_READ)
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._handlers = {each: signal.signal(each, _nothing_more) for each in CAUGHT}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each, handler in self._handlers.items():
            signal.signal(each, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._selector.unregister(self._reader)
        self._reader.close()
        self._writer.close()

    def stopping(self) -> int | None:
        """The first signal to stop that has come since this was asked last."""
        try:
            received = self._reader.recv(4096)
        except BlockingIOError:
            return None
        return next((each for each in received if each in STOPPING), None)


def _nothing_more(number: int, frame: FrameType | None) -> None:
    """Python hands a signal on to the selector only where it has a handler."""
    del number, frame
