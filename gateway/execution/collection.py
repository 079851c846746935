"""Python's garbage collector, kept away while many objects that stay, or go all at once, are made.

A full collection stops every thread, the event loop's too: 0.7 s with the schema of 500 custom resource
definitions. It would come several times over while such a schema is made, and find nothing.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_collection"]


class _Pauses:
    """How many want no collection just now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._was_enabled = False

    def begin(self) -> None:
        with self._lock:
            if self._count == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._count += 1

    def end(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0 and self._was_enabled:
                gc.enable()


_pauses = _Pauses()


@contextmanager
def without_collection() -> Iterator[None]:
    """No garbage is collected inside; what reference counts can free is freed as ever. For any thread."""
    _pauses.begin()
    try:
        yield
    finally:
        _pauses.end()
