"""WATCH: the changes of a resource as lines of JSON, from a version on.

A watch whose client does not read is closed when its backlog is full: the client can resume from its last
version, and memory stays bounded.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from gateway.demo.apiserver.representation import Representation
from gateway.demo.apiserver.requests import ListOptions, parse_version
from gateway.demo.apiserver.selectors import Selection
from gateway.demo.apiserver.statuses import ApiError, expired
from gateway.demo.apiserver.storage import Change, ChangeType, CompactedError, Storage, Stored

__all__ = ["WatchSettings", "Watcher", "error_event", "select_change"]

BOOKMARK_BEFORE_THE_END = 2.0

# the real server's message if its etcd lacks RequestWatchProgress
NO_WATCH_LIST = (
    "a watch stream was requested by the client but the required storage feature "
    "RequestWatchProgress is disabled"
)


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """``bookmark_interval`` in seconds; ``backlog`` in events; ``watch_list`` switches WatchList on."""

    bookmark_interval: float = 60.0
    backlog: int = 1000
    watch_list: bool = True
    timeout: float = 1800.0


def select_change(change: Change, selection: Selection) -> tuple[ChangeType, Stored] | None:
    """The event of a change under a selector: an object that starts to match is ADDED, else DELETED."""
    seen = change.old is not None and selection.matches(change.old)
    if change.type is ChangeType.DELETED:
        return (change.type, change.new) if seen else None
    if selection.matches(change.new):
        return (ChangeType.MODIFIED if seen else ChangeType.ADDED), change.new
    if seen and change.old is not None:
        return ChangeType.DELETED, change.old.with_version(change.revision)
    return None


def error_event(error: ApiError) -> bytes:
    """A refusal as a line of a running watch."""
    return msgspec.json.encode({"type": "ERROR", "object": error.status}) + b"\n"


class Watcher:
    """One running WATCH of one table; iterate over :meth:`lines` for chunks of its response."""

    def __init__(
        self,
        storage: Storage,
        table: str,
        namespace: str,
        selection: Selection,
        representation: Representation,
        options: ListOptions,
        settings: WatchSettings,
    ) -> None:
        self.storage = storage
        self.table = table
        self.prefix = f"{namespace}/" if namespace else ""
        self.selection = selection
        self.representation = representation
        self.options = options
        self.settings = settings
        self.start = parse_version(options.resource_version)
        self.pending: deque[bytes] = deque()
        self.begun = False
        self.wake = asyncio.Event()
        self.closed = False

    def close(self) -> None:
        """End the response after the pending lines."""
        self.closed = True
        self.wake.set()

    async def lines(self) -> AsyncIterator[bytes]:
        """The response, in chunks of whole lines, until the timeout or :meth:`close`."""
        loop = asyncio.get_running_loop()
        timeout = self.options.timeout_seconds
        end = loop.time() + (timeout if timeout is not None else self.settings.timeout)
        with self._listening():
            if refusal := self._begin():
                yield refusal
                return
            bookmark = self._next_bookmark(end)
            while True:
                if chunk := self._take():
                    yield chunk
                if self.closed or loop.time() >= end:
                    return
                await self._wait(min(end, bookmark))
                if loop.time() >= bookmark:
                    bookmark = self._next_bookmark(end)
                    self._bookmark()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        self.storage.listeners.append(self._offer)
        try:
            yield
        finally:
            self.storage.listeners.remove(self._offer)

    def _begin(self) -> bytes | None:
        initial = self.options.send_initial_events
        if initial and not self.settings.watch_list:
            return error_event(ApiError(500, "InternalError", NO_WATCH_LIST))
        try:
            if initial or (initial is None and self.start == 0):
                self._send_everything(bookmark=bool(initial) and self.options.allow_watch_bookmarks)
            elif self.start:
                for change in self.storage.since(self.table, self.start):
                    self._offer(change)
        except CompactedError as error:
            return error_event(expired(str(error)))
        self.begun = True
        return None

    def _send_everything(self, *, bookmark: bool) -> None:
        objects = self.storage.all(self.table)
        for key in sorted(objects):
            if key.startswith(self.prefix) and self.selection.matches(objects[key]):
                self.pending.append(self.representation.event(ChangeType.ADDED, objects[key]))
        if bookmark:
            end = self.representation.bookmark(self.storage.revision, initial_events_end=True)
            self.pending.append(end)

    def _offer(self, change: Change) -> None:
        if self.closed or change.table != self.table or not change.new.key.startswith(self.prefix):
            return
        if change.revision <= self.start:
            # the requested version is in the future
            return
        if (selected := select_change(change, self.selection)) is None:
            return
        if len(self.pending) >= self.settings.backlog and self.begun:
            self.pending.clear()
            self.close()
            return
        self.pending.append(self.representation.event(*selected))
        self.wake.set()

    def _take(self) -> bytes:
        chunk = b"".join(self.pending)
        self.pending.clear()
        self.wake.clear()
        return chunk

    def _next_bookmark(self, end: float) -> float:
        """Send a bookmark periodically, and shortly before the end, so that the next watch resumes late."""
        now = asyncio.get_running_loop().time()
        bookmark = min(now + self.settings.bookmark_interval, end - BOOKMARK_BEFORE_THE_END)
        return bookmark if bookmark > now else math.inf

    def _bookmark(self) -> None:
        # like the real server: no event for a change before the beginning of the watch
        if self.options.allow_watch_bookmarks and self.storage.revision > self.start:
            self.pending.append(self.representation.bookmark(self.storage.revision))

    async def _wait(self, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await self.wake.wait()
        except TimeoutError:
            return
