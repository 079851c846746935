"""Tells each change to every subscriber that can see it; subscribers with the same filter share the work."""

from gateway.errors import GatewayError
from gateway.informers.changes import Change, Filter
from gateway.informers.subscription import Subscription

__all__ = ["Broadcaster"]


class Broadcaster:
    """The subscriptions of one informer, grouped by filter: one event per group, whatever its size."""

    def __init__(self) -> None:
        self._groups: dict[Filter, dict[Subscription, None]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    @property
    def waiting(self) -> int:
        """Events that wait in all queues."""
        return sum(subscription.waiting for group in self._groups.values() for subscription in group)

    def add(self, filter_: Filter, subscription: Subscription) -> None:
        self._groups.setdefault(filter_, {})[subscription] = None

    def discard(self, filter_: Filter, subscription: Subscription) -> None:
        group = self._groups.get(filter_, {})
        group.pop(subscription, None)
        if not group:
            self._groups.pop(filter_, None)

    def publish(self, change: Change, number: int | None) -> None:
        """Offer the change, at its resource version as a number, to everybody whom it concerns."""
        for filter_, group in self._groups.items():
            event = filter_.event(change)
            if event is None:
                continue
            for subscription in group:
                if number is None or number > max(subscription.skip_until, subscription.unsure_until):
                    subscription.offer(event)
                elif number > subscription.skip_until:
                    subscription.offer(event.unsure())

    def forget_skips(self) -> None:
        """Tell everybody everything from now on, also what a subscriber said to know already."""
        for group in self._groups.values():
            for subscription in group:
                subscription.skip_until = 0

    def end(self, error: GatewayError | None = None) -> None:
        """End every subscription."""
        for group in list(self._groups.values()):
            for subscription in list(group):
                subscription.end(error)
