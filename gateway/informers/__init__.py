"""Shared informers: one watch upstream per resource, however many subscribers.

What a subscriber can rely on:

**A subscription** is: the initial events, one ``SYNCED``, then every change. The initial events are an
``ADDED`` for each selected object; with ``SYNCED`` the subscriber has the whole set, as of the resource
version that ``SYNCED`` carries. ``send_initial_events=False`` leaves the initial events out.

**Resuming.** Each event's resource version is a place to resume from: pass the newest one that was
received as ``resource_version``. There are two answers, and the first event tells them apart:

- ``SYNCED`` with *exactly the resource version that was asked for*: the subscription continues from
  there. What the subscriber already has is the whole set as of then; each change since follows.
- Anything else: that was too long ago, and everything comes afresh, as if nothing had been asked for.
  The subscriber forgets what it had: an object that it is not told of up to ``SYNCED`` is gone. (With
  ``send_initial_events=False`` this is the error ``Gone`` instead, as from the API server.)

There is never a gap: where it is not certain that each change since can be told, it is everything
afresh. Within a subscription no event repeats what the subscriber knows. Only what is told of the time that
a subscriber was away may not fit what it has: ``MODIFIED`` or ``DELETED`` for an object that is new to it,
``ADDED`` for one that it knows. It had been cut off before its ``SYNCED``, or while events waited. Folding
events by key, each one replacing what there was, is right in every case.

**Order.** Events come in the order of their resource versions, the initial ones too; of one object none is
ever older than one before it. Between objects there is no other promise.

**Visibility.** An object's bytes are exactly what the API server sent, with ``kind`` and ``apiVersion``,
which a LIST leaves out of its items. An object that comes to match a subscriber's selectors is ``ADDED``
to that subscriber, one that ceases to is ``DELETED``: with its last matching state, at the resource
version of the change, as the API server does. What does not match is never seen. Nothing is
shared between two identities (:attr:`gateway.kube.client.KubeClient.identity`).

**Metadata.** Who asks for ``metadata_only`` may get objects without anything else, the others get complete
ones. As long as all who share an informer ask for no more, only metadata is watched. The first who needs
complete objects makes the informer list and watch those instead: a resync like any other to those who were
there, before which nobody can resume. It stays so when they have left. There is one watch at any time, but
for this change-over: the watch of metadata tells its subscribers everything until the first list of complete
objects is there and is not behind what was told, however often and however long that fails. Only where
resource versions are no numbers is nothing told while that list is made. Where complete objects are refused,
it is an error to those who asked for them, and to nobody else.

**Deletion.** ``DELETED`` carries the object as it was last. Where a deletion was missed and found by
a re-list, that is the last state that was known. An object that was deleted and made again under the
same name in one unseen moment is ``DELETED`` with the old uid, then ``ADDED`` with the new one.

**Resync.** Connections that end, break or fall silent, an API server that restarts, resource versions that
have expired: subscribers notice none of it. They get what changed meanwhile, each change once;
an object that did not change gets no event. A re-list is the truth, also where resource versions went
back (an etcd restored from a backup).

**Bounds.** Per subscriber, waiting events are bounded by count of objects and by bytes: of each object the
newest state, and the one that the subscriber was told of last. The initial events are not counted: one who
does not read on in them keeps the objects that it selects as they were then, once. Waiting events of one
object collapse to the newest state: ``ADDED`` and then ``MODIFIED`` is one ``ADDED``; ``ADDED`` and then
``DELETED`` is nothing. A subscriber over its bound is ended with
:class:`gateway.errors.SubscriberTooSlow`, delays nobody, and can resume. Nothing is dropped silently. The
bytes of an object exist once, shared by the store and all subscribers. What readers make of an event for
each other (:attr:`ObjectEvent.made`) is bounded over all events, by those who make it: what is oldest goes.

**End.** 401, 403, 404 and every other refusal by the API server are final: the error ends every
subscription of that informer ("Metadata" has the one exception). Closing the registry lets every
subscription end normally.

Not here: HTTP (:mod:`gateway.kube`), GraphQL, and whether somebody may watch (:mod:`gateway.identity`).
"""

from gateway.informers.events import EventType, ObjectEvent, Scope
from gateway.informers.informer import Informer
from gateway.informers.registry import InformerRegistry
from gateway.informers.subscription import Limits
from gateway.informers.timing import Timing
from gateway.informers.view import View

__all__ = [
    "EventType",
    "Informer",
    "InformerRegistry",
    "Limits",
    "ObjectEvent",
    "Scope",
    "Timing",
    "View",
]
