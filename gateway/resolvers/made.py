"""What readers make of events, kept for the others who get the same ones: of the newest events only."""

import weakref
from collections import deque
from collections.abc import Hashable, Mapping
from functools import partial
from typing import Any

from gateway.informers import ObjectEvent
from gateway.resolvers.decoding import decode_object
from schema.selection import Compiled, SharedSource

__all__ = ["MADE", "Made", "Payload", "source_of"]

Payload = SharedSource | Compiled
Reference = weakref.ref[ObjectEvent]

ENTRY_BYTES = 512
"""What an entry takes, its value aside."""


class Made:
    """Keeps in :attr:`ObjectEvent.made` what is made of events, up to a bound over all of them.

    What was made first is forgotten first, and made again for a reader who comes later than that: an event
    that waits in a queue holds nothing that is not counted there or here. What has gone with its event is
    counted until those before it have gone, too.
    """

    def __init__(self, most_bytes: int = 32 << 20) -> None:
        self.size = 0
        self._most_bytes = most_bytes
        self._kept: deque[tuple[Reference, Hashable, int]] = deque()

    def keep(self, event: ObjectEvent, key: Hashable, payload: Payload | None) -> None:
        """For everybody who gets this instance; those of what is past have one reader."""
        if not event.received:
            return
        reference = weakref.ref(event)
        event.made[key] = payload
        if isinstance(payload, SharedSource) and payload.on_kept is None:
            payload.on_kept = partial(self._weigh, reference, key)
        self._weigh(reference, key, memoryview(payload.value).nbytes if type(payload) is Compiled else 0)

    def _weigh(self, reference: Reference, key: Hashable, size: int) -> None:
        self._kept.append((reference, key, size + ENTRY_BYTES))
        self.size += size + ENTRY_BYTES
        while self._kept and (self.size > self._most_bytes or self._kept[0][0]() is None):
            self._forget()

    def _forget(self) -> None:
        reference, key, size = self._kept.popleft()
        self.size -= size
        event = reference()
        payload = event.made.pop(key, None) if event is not None else None
        if isinstance(payload, SharedSource):
            # a slow reader may have it in hand
            payload.forget()


# of the whole process, as the memory is
MADE = Made()


def source_of(event: ObjectEvent) -> SharedSource:
    """The event for graphql-core to execute, decoded for each operation anew."""
    # not the event: what it keeps would keep it
    make = partial(_answer, event.type.value, event.object, event.resource_version)
    return SharedSource(make, len(event.object or b""))


def _answer(type_: str, body: bytes | None, resource_version: str) -> Mapping[str, Any]:
    decoded = None if body is None else decode_object(body)
    return {"type": type_, "object": decoded, "resourceVersion": resource_version}
