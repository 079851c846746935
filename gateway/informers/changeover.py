"""The change-over of an informer from metadata to complete objects, while its subscribers go on.

An informer whose subscribers select nothing but ``metadata`` is fed with ``PartialObjectMetadata``. The first
reader that needs complete objects starts a second feed. The informer then has two feeds until the second one
has a list that is not older than the states that subscribers received from the first::

                   require_complete()                   first complete list, not behind
      METADATA ─────────────────────────▶ CHANGING ────────────────────────────────────▶ COMPLETE
         ▲                                  │  ▲ │
         │  complete objects are refused    │  └─┘ an interruption: the successor lists again
         └──────────────────────────────────┘

      state      active feed   successor feed          who receives what
      METADATA   metadata      none                    every subscriber receives metadata
      CHANGING   metadata      complete, not in use    subscribers go on; readers of complete objects wait
      COMPLETE   complete      none                    every subscriber receives complete objects, for good

Invariants:

- *One writer.* A feed changes the informer only while it holds the informer's lock. After the change-over the
  old feed is stopped, and each of its updates checks that after it got the lock.
- *No step back.* A complete list that is older than a change which subscribers received is not applied; its
  feed keeps the lock and reads its own watch until the list has caught up. The old feed waits meanwhile.
- *No failure shared.* Where complete objects are refused, only their readers get the error. The active feed
continues while its successor is interrupted.
- *Opaque resource versions* do not show which of two states is newer. With those the successor holds the lock
  from before its list is requested, so that no change is published in between.

A second complete informer beside the slim one, until that has no subscribers, would need no state machine. It
was not chosen: two watches and two caches would last as long as the slowest dashboard, a subscriber would not
share its events with its neighbours, and the proof that all subscribers end in one set (the random scripts of
``tests/gateway/informers/test_informer_model.py``) exists for this one.
"""

import asyncio
from collections.abc import Iterable
from enum import Enum

from gateway.concurrency import StopSignal
from gateway.errors import GatewayError
from gateway.informers.informer import Informer
from gateway.informers.store import StoredObject, version_number
from gateway.kube.watch import WatchEvent

__all__ = ["ChangeOver", "Feed", "State"]


class State(Enum):
    """The states of the module's docstring."""

    METADATA = "metadata"
    CHANGING = "changing"
    COMPLETE = "complete"


class Feed:
    """One reflector's interface to the informer; with ``metadata_only`` its objects have metadata alone."""

    def __init__(self, owner: "ChangeOver", *, metadata_only: bool) -> None:
        self.metadata_only = metadata_only
        self.stop_signal = StopSignal()
        self._owner = owner
        self._holds_lock = False
        self._lists_before = 0
        self._changed_before: int | None = None

    @property
    def resource_version(self) -> str:
        """The position of the informer."""
        return self._owner.informer.resource_version

    async def begin_list(self) -> None:
        """To be called before a whole set is requested: notes the informer's position at that time."""
        cache = self._owner.informer.cache
        self._lists_before = cache.lists
        self._changed_before = version_number(cache.changed_at)
        if self._is_successor and self._owner.informer.synced and not cache.ordered:
            await self._acquire()

    async def replace(self, objects: Iterable[StoredObject], resource_version: str) -> bool:
        """Apply a whole set; False, with the lock held, while a successor's set is behind the informer."""
        await self._acquire()
        self.stop_signal.check()
        if self._is_successor and not self.is_due(resource_version):
            return False
        await self._owner.informer.replace(objects, resource_version, metadata_only=self.metadata_only)
        if self._is_successor:
            self._owner.promote()
        self.release()
        return True

    def is_due(self, resource_version: str) -> bool:
        """Whether no change that subscribers received is newer than a whole set of that resource version.

        An API server never answers a consistent LIST with an older version than it has sent before. Where it
        does, it has been restored from a backup, and the state that subscribers received is void: a set that
        is older than the informer was before the request is due, if the active feed has not listed since.
        """
        informer, cache = self._owner.informer, self._owner.informer.cache
        if not (informer.synced and cache.ordered):
            return True
        number, published = version_number(resource_version), version_number(cache.changed_at)
        if number is None or published is None or number >= published:
            return True
        same_list = cache.lists == self._lists_before and self._changed_before is not None
        return same_list and number < (self._changed_before or 0)

    async def apply(self, event: WatchEvent) -> None:
        """Apply one event of a watch. Raises Stopped and ResourceVersionRegressed."""
        async with self._owner.lock:
            # The successor may have been promoted while this feed waited for the lock.
            self.stop_signal.check()
            if event.type == "BOOKMARK":
                self._owner.informer.advance(event.resource_version)
            else:
                self._owner.informer.apply(event)

    def note_failure(self, error: GatewayError) -> None:
        """Give readers that wait for a whole set the reason for the delay."""
        self._owner.informer.note_failure(error)

    async def _acquire(self) -> None:
        if not self._holds_lock:
            await self._owner.lock.acquire()
            self._holds_lock = True

    def release(self) -> None:
        """Release the lock, if this feed holds it; to be called at the end of each attempt."""
        if self._holds_lock:
            self._holds_lock = False
            self._owner.lock.release()

    @property
    def _is_successor(self) -> bool:
        return self._owner.successor is self


class ChangeOver:
    """The feeds of one informer and their state; see the module's docstring."""

    def __init__(self, informer: Informer, *, metadata_only: bool) -> None:
        self.informer = informer
        self.lock = asyncio.Lock()
        self.active = Feed(self, metadata_only=metadata_only)
        self.successor: Feed | None = None

    @property
    def state(self) -> State:
        if not self.active.metadata_only:
            return State.COMPLETE
        return State.METADATA if self.successor is None else State.CHANGING

    def require_complete(self) -> Feed | None:
        """METADATA → CHANGING: the successor, for which a reflector is to be started; else None."""
        if self.state is not State.METADATA or self.informer.ended:
            return None
        self.informer.refuse(None)
        self.successor = Feed(self, metadata_only=False)
        return self.successor

    def promote(self) -> None:
        """CHANGING → COMPLETE: the successor's list has been applied; the old feed stops."""
        if self.successor is not None:
            self.active.stop_signal.stop()
            self.active, self.successor = self.successor, None

    def abandon(self, feed: Feed, error: GatewayError | None) -> None:
        """CHANGING → METADATA: the successor's reflector has ended; ``error`` is for its readers alone."""
        if self.successor is feed:
            self.successor = None
            self.informer.refuse(error)
