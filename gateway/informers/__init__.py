"""Shared informers: one watch upstream per resource, whatever the number of subscribers.

The guarantees to a subscriber:

**Stream.** A subscription consists of the initial events, one ``SYNCED``, then every change. The initial
events are an ``ADDED`` for each selected object. ``SYNCED`` carries the resource version as of which the
subscriber has the whole set. ``send_initial_events=False`` omits the initial events.

**Resuming.** Each event's resource version is a position to resume from: pass the newest one received as
``resource_version``. The first event distinguishes the two outcomes:

- ``SYNCED`` with *exactly the requested resource version*: the subscription continues from there. The
  subscriber's set is complete as of that version, and each later change follows.
- Any other event: the position is too old, and the stream starts anew, as without ``resource_version``. The
  subscriber discards its set: an object without an event before ``SYNCED`` is gone. (With
  ``send_initial_events=False`` this is the error ``Gone`` instead, as from the API server.)

There is never a gap: unless every change since the position is certain to be in the history, the stream
starts anew. Within a subscription no event repeats a state that the subscriber has. Only the replay of missed
changes may not fit the subscriber's set: ``MODIFIED`` or ``DELETED`` for an object it does not have,
``ADDED`` for one it has. That happens if the connection broke before ``SYNCED``, or while events waited.
Folding events by key, each one replacing the state before it, is correct in every case.

**Order.** Events come in the order of their resource versions, the initial ones, too. Of one object no event
is older than the one before it. Between objects there is no other guarantee.

**Visibility.** An object's bytes are exactly as the API server sent them, plus ``kind`` and ``apiVersion``,
which the items of a LIST lack. An object that starts to match a subscriber's selectors is ``ADDED`` for that
subscriber. An object that ceases to match is ``DELETED``: with its last matching state, at the resource
version of the change, as the API server does. An object that does not match is never visible. Two identities
share nothing (:attr:`gateway.kube.client.KubeClient.identity`).

**Unchanged selections.** An informer delivers every ``MODIFIED`` of a selected object. It does not have the
GraphQL selection: the resolver of subscriptions (:mod:`gateway.resolvers.subscribe`) drops a ``MODIFIED``
whose selected fields are equal in ``object`` and ``previous``.

**Metadata.** A subscriber with ``metadata_only`` may receive objects that have nothing but their metadata;
all other subscribers receive complete objects. While all subscribers of an informer are ``metadata_only``, it
watches only metadata. The first reader of complete objects makes it change over, for good
(:mod:`gateway.informers.changeover`). Present subscribers see a resync like any other, and no position from
before can be resumed. Where complete objects are refused, only their readers get the error.

**Deletion.** ``DELETED`` carries the object's last state. For a deletion that a re-list finds, that is the
last known state. An object that was recreated under the same name between two observations is ``DELETED``
with the old uid, then ``ADDED`` with the new one.

**Resync.** Connections that end, break or fall silent, restarts of the API server and expired resource
versions (410) are invisible to subscribers: they receive the changes of the meantime, each once, and no event
for an unchanged object. A LIST is authoritative, even where resource versions went back because etcd was
restored from a backup.

**Bounds.** Each subscriber's queue is bounded by its number of objects and by bytes: per object the newest
state, and the state that was delivered last. Initial events do not count: a subscriber that does not read
them keeps one snapshot of its selected objects alive. Waiting events of one object collapse to the newest
state: ``ADDED``, ``MODIFIED`` to one ``ADDED``; ``ADDED``, ``DELETED`` to nothing. A subscription over its
bounds ends with :class:`gateway.errors.SubscriberTooSlow` and can resume; it never delays another subscriber.
No event is dropped silently. The bytes of an object exist once, shared by the store and all subscriptions.

**End.** A refusal of the first list (401, 403, 404 and others) is final: the error ends every subscription of
the informer (exception: see "Metadata"). After the first list a refusal is retried and is final only when an
access review or discovery confirms it, or after a minute (:mod:`gateway.informers.refusals`). A reader whose
first list fails for 10 s gets an error with the code UPSTREAM_UNAVAILABLE and the server's message. Closing
the registry completes every subscription.

Layout: :mod:`.registry` is the entry; it starts a :mod:`.reflector` (LIST, WATCH, 410, retries) per informer.
:mod:`.informer` is a synchronous :mod:`.cache` (:mod:`.store`, :mod:`.history`) plus a :mod:`.broadcaster` of
:mod:`.subscription` queues.

Not here: HTTP (:mod:`gateway.kube`), GraphQL, and the caller's permissions (:mod:`gateway.identity`).
"""

from gateway.informers.events import EventType, ObjectEvent, Scope
from gateway.informers.informer import LAG_BOUNDS, Counters, Informer, Lag
from gateway.informers.query import View
from gateway.informers.reflector import Timing
from gateway.informers.registry import InformerRegistry
from gateway.informers.store import StoredObject
from gateway.informers.subscription import Limits, Subscription

__all__ = [
    "LAG_BOUNDS",
    "Counters",
    "EventType",
    "Informer",
    "InformerRegistry",
    "Lag",
    "Limits",
    "ObjectEvent",
    "Scope",
    "StoredObject",
    "Subscription",
    "Timing",
    "View",
]
