"""Operations and subscriptions in progress: limits in all and per identity."""

import pytest

from gateway.errors import Busy
from gateway.resolvers.concurrency_limits import ConcurrencyLimits, InProgress

LIMITS = ConcurrencyLimits(
    operations=3, operations_per_identity=2, subscriptions=3, subscriptions_per_identity=2
)


def test_an_identity_has_a_limit_of_its_own() -> None:
    progress = InProgress(LIMITS)
    first, second = progress.place("alice"), progress.place("alice")
    first.take()
    second.take()
    with pytest.raises(Busy, match=r"2 operations of this identity .*\(--max-operations-per-identity\)"):
        progress.place("alice").take()
    progress.place("bob").take()
    first.leave()
    progress.place("alice").take()


def test_all_identities_together_have_a_limit() -> None:
    progress = InProgress(LIMITS)
    for identity in ("alice", "bob", "carol"):
        progress.place(identity).take()
    with pytest.raises(Busy, match=r"3 operations are in progress, the limit \(--max-operations\)"):
        progress.place("dave").take()


def test_a_subscription_frees_the_place_of_its_operation() -> None:
    progress = InProgress(LIMITS)
    places = [progress.place("alice") for _ in range(3)]
    for place in places[:2]:
        place.take()
        place.become_subscription()
    assert (len(progress.operations), len(progress.subscriptions)) == (0, 2)
    places[2].take()
    with pytest.raises(Busy, match=r"2 subscriptions of this identity .*--max-subscriptions-per-identity"):
        places[2].become_subscription()
    assert len(progress.operations) == 0
    for place in places:
        place.leave()
        place.leave()
    assert (len(progress.operations), len(progress.subscriptions)) == (0, 0)


def test_identities_without_operations_take_no_memory() -> None:
    progress = InProgress(LIMITS)
    for number in range(100):
        place = progress.place(f"user{number}")
        place.take()
        place.leave()
    assert len(progress.operations._by_identity) == 0
