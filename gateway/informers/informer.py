"""One informer: a store that a reflector keeps up to date, and the subscribers that are told of it."""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from gateway.errors import GatewayError, Gone, Status
from gateway.informers.broadcaster import Broadcaster
from gateway.informers.changes import Change, Filter
from gateway.informers.counters import Counters
from gateway.informers.difference import difference
from gateway.informers.events import ObjectEvent, Scope
from gateway.informers.history import History
from gateway.informers.indexes import OWNER, Term
from gateway.informers.opening import Resume, initial, replay
from gateway.informers.progress import Progress
from gateway.informers.store import Store, StoredObject, in_order, version_number
from gateway.informers.subscription import Limits, Subscription
from gateway.kube.received import metadata_bytes
from gateway.kube.watch import WatchEvent

__all__ = ["Informer", "WentBack"]

logger = logging.getLogger(__name__)

CHANGES_BETWEEN_PAUSES = 64
# each may need an index to be built
MOST_TERMS = 3


class WentBack(GatewayError):
    """A resource version is lower than one before it: only a new LIST can tell what is true."""


class Informer(Progress):
    """The objects of one scope as the API server last told, and everybody who wants to know.

    A reflector calls ``replace``, ``apply`` and ``advance``, while it has ``turn``; whoever runs it calls
    ``end``. While it is ``metadata_only``, the objects may have nothing but their metadata. ``changed_at`` is
    the resource version of the newest list or change, ``lists`` how many lists there were.
    """

    def __init__(
        self, scope: Scope, limits: Limits, counters: Counters, history: History | None = None
    ) -> None:
        super().__init__()
        self.scope = scope
        self.changed_at = ""
        self.lists = 0
        self.turn = asyncio.Lock()
        self._limits = limits
        self._counters = counters
        self._store = Store()
        self._history = history or History(most_changes=4096, most_bytes=32 << 20)
        self._broadcaster = Broadcaster()
        self._ordered = True
        self._went_back = False

    # what readers use

    @property
    def ordered(self) -> bool:
        """Whether resource versions say which of two states is the newer one."""
        return self._ordered and version_number(self.resource_version) is not None

    def get(self, key: str) -> StoredObject | None:
        """The object with that key (``namespace/name``, or the name)."""
        return self._store.get(key)

    def items(self) -> Sequence[StoredObject]:
        """All objects, as of ``resource_version``."""
        return self._store.snapshot()

    def by_key(self) -> Sequence[StoredObject]:
        """The same, in the order in which an API server lists them."""
        return self._store.by_key()

    def select(self, filter_: Filter) -> Sequence[StoredObject] | None:
        """The objects among which are all that the filter selects, in the order of :meth:`items`.

        None where that are all there are.
        """
        if filter_.scope.name is not None:
            stored = self._store.get(filter_.scope.key)
            return () if stored is None else (stored,)
        terms = tuple(islice(filter_.terms(self.scope), MOST_TERMS))
        return self._store.find(terms) if terms else None

    def owned_by(self, uid: str) -> Sequence[StoredObject]:
        """The objects with that owner (``metadata.ownerReferences``), in the order of :meth:`items`."""
        return self._store.find((Term(OWNER, frozenset((uid,))),))

    # what subscribers use

    @property
    def subscribers(self) -> int:
        return len(self._broadcaster)

    @property
    def waiting(self) -> int:
        """Events that wait in the queues of all subscribers."""
        return self._broadcaster.waiting

    def is_behind(self, resume: Resume) -> bool:
        """Whether that resource version is newer than anything that has been seen here."""
        own = version_number(self.resource_version)
        return own is not None and resume.number > own

    def subscribe(self, filter_: Filter, resume: Resume) -> Subscription:
        """Begin a subscription, of a settled informer. Raises Gone as :class:`Resume` says."""
        opening = self._opening(filter_, resume)
        ahead = self.is_behind(resume) and resume.number <= resume.upstream
        subscription = Subscription(
            opening,
            limits=self._limits,
            skip_until=resume.number if ahead else 0,
            unsure_until=resume.upstream if ahead else 0,
            on_too_slow=self._count_too_slow,
        )
        if self.ended:
            subscription.end(self.error)
        self._broadcaster.add(filter_, subscription)
        return subscription

    def unsubscribe(self, filter_: Filter, subscription: Subscription) -> None:
        self._broadcaster.discard(filter_, subscription)
        subscription.end()

    def _opening(self, filter_: Filter, resume: Resume) -> Iterator[ObjectEvent | None]:
        if resume.number:
            missed = self._missed(resume)
            if missed is not None:
                return replay(filter_, missed, resume.resource_version or "")
            if not resume.send_initial_events:
                message = f"too old resource version: {resume.resource_version}"
                raise Gone(Status(410, "Expired", message))
        selected = self.select(filter_) if resume.send_initial_events else ()
        objects = self._store.snapshot() if selected is None else selected
        return initial(filter_, objects, self.resource_version)

    def _missed(self, resume: Resume) -> Iterable[Change] | None:
        if self.is_behind(resume):
            return () if resume.number <= resume.upstream else None
        return self._history.since(resume.number)

    def _count_too_slow(self) -> None:
        self._counters.too_slow += 1

    # what the reflector uses

    async def replace(
        self, objects: Iterable[StoredObject], resource_version: str, *, metadata_only: bool = False
    ) -> None:
        """Take a LIST for the truth: tell what it changes.

        Complete objects may take the place of those with ``metadata_only``; that is no change of them.
        """
        back = self._is_back(resource_version)
        if self._went_back and not back:
            logger.warning("resource versions are not in order here; subscribers cannot resume")
            self._ordered = False
        self._went_back = False
        # a thread, because with 100,000 objects it takes longer than the event loop may wait
        ordered = await asyncio.to_thread(in_order, objects)
        if not self._settled:
            self._store.load(ordered)
            self._history.restart(resource_version)
        else:
            grown = self.metadata_only and not metadata_only
            self._counters.relists += not grown
            await self._replace(ordered, resource_version, back=back, grown=grown)
        self.resource_version = self.changed_at = resource_version
        self.lists += 1
        self.metadata_only = metadata_only
        self._settled = True
        self._wake()

    async def _replace(
        self, objects: Sequence[StoredObject], resource_version: str, *, back: bool, grown: bool
    ) -> None:
        # a subscription that began in the middle of this would begin with a set that never was
        self._settled = False
        # where a deletion stood in the order is not known, so that none may be left out as known
        self._broadcaster.forget_skips()
        if back:
            self._history.restart("")
        after, before = version_number(self.resource_version), version_number(resource_version)
        if after is not None and before is not None:
            self._history.tear(after, before)
        compared = None if not back else metadata_bytes if grown else bytes
        changes = await asyncio.to_thread(
            difference, self._store, objects, self.resource_version, resource_version, compared=compared
        )
        for index, change in enumerate(changes, 1):
            self._change(change)
            if index % CHANGES_BETWEEN_PAUSES == 0:
                await asyncio.sleep(0)
        if grown:
            # what the history has is not for those who need complete objects
            self._store.load(objects)
        if back or grown or not self._ordered:
            self._history.restart(resource_version if self._ordered else "")

    def apply(self, event: WatchEvent) -> None:
        """Take one event of a watch. Raises WentBack."""
        stored = StoredObject.of(event.received)
        old = self._store.get(stored.key)
        deleted = event.type == "DELETED"
        if not deleted and old is not None and old.resource_version == stored.resource_version:
            return
        position = stored.resource_version
        if self._ordered and self._is_back(position):
            if not deleted:
                self._went_back = True
                raise WentBack(f"resource version {position} came after {self.resource_version}")
            # not every aggregated API server gives a deletion a resource version of its own
            position = self.resource_version
        if deleted:
            if old is not None:
                self._change(Change(old, None, position, stored.object))
        elif old is not None and not old.same_instance(stored):
            self._change(Change(old, None, position, old.object))
            self._change(Change(None, stored, position))
        else:
            self._change(Change(old, stored, position))
        self.resource_version = self.changed_at = position
        self._wake()

    def advance(self, resource_version: str) -> None:
        """Take a bookmark: nothing changed up to there. Raises WentBack."""
        if self._ordered and self._is_back(resource_version):
            self._went_back = True
            raise WentBack(f"a bookmark at {resource_version} came after {self.resource_version}")
        self.resource_version = resource_version
        self._wake()

    def _is_back(self, resource_version: str) -> bool:
        number, own = version_number(resource_version), version_number(self.resource_version)
        return number is not None and own is not None and number < own

    def _change(self, change: Change) -> None:
        change.received = time.monotonic()
        if change.new is None:
            self._store.remove(change.subject.key)
        else:
            self._store.put(change.new)
        if self._ordered:
            self._history.record(change)
        self._counters.events += 1
        self._broadcaster.publish(change, version_number(change.resource_version))

    # what its owner uses

    def end(self, error: GatewayError | None = None) -> None:
        """End every subscription, with the error or as complete; each later one ends at once, as they did."""
        if self.ended:
            return
        self.ended = True
        self.error = error
        self._wake()
        self._broadcaster.end(error)
