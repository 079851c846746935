"""Delivers each change to the subscriptions that can see it.

Subscriptions with equal filters share the work.
"""

from gateway.errors import GatewayError
from gateway.informers.changes import Change, Filter
from gateway.informers.store import version_number
from gateway.informers.subscription import Subscription

__all__ = ["Broadcaster"]


class Broadcaster:
    """The subscriptions of one informer, grouped by filter: one event per change and group."""

    def __init__(self) -> None:
        self._groups: dict[Filter, dict[Subscription, None]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    @property
    def waiting(self) -> int:
        """The number of events in all queues."""
        return sum(subscription.waiting for group in self._groups.values() for subscription in group)

    def add(self, filter_: Filter, subscription: Subscription) -> None:
        self._groups.setdefault(filter_, {})[subscription] = None

    def discard(self, filter_: Filter, subscription: Subscription) -> None:
        group = self._groups.get(filter_, {})
        group.pop(subscription, None)
        if not group:
            self._groups.pop(filter_, None)

    def publish(self, change: Change) -> None:
        """Queue the change for every subscription whose filter selects it and that has not seen it yet."""
        number = version_number(change.resource_version)
        for filter_, group in self._groups.items():
            event = filter_.event(change)
            if event is None:
                continue
            for subscription in group:
                if number is None or number > max(subscription.skip_until, subscription.maybe_unknown_until):
                    subscription.offer(event)
                elif number > subscription.skip_until:
                    subscription.offer(event.without_previous())

    def clear_skips(self) -> None:
        """Deliver every later change to all subscriptions, even if they resumed ahead of the informer."""
        for group in self._groups.values():
            for subscription in group:
                subscription.skip_until = 0

    def end(self, error: GatewayError | None = None) -> None:
        """End every subscription."""
        for group in list(self._groups.values()):
            for subscription in list(group):
                subscription.end(error)
