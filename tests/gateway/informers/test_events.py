"""The vocabulary of subscriptions."""

import pytest

from gateway.informers.events import EventType, ObjectEvent, Scope

EVENT = ObjectEvent(EventType.MODIFIED, b"new", "5", "u", "n/a", previous=b"old!", received=3.0)


def test_an_event_keeps_both_states_alive() -> None:
    assert EVENT.size == 7
    assert ObjectEvent(EventType.SYNCED, None, "5").size == 0


def test_a_replayed_event_has_no_previous_state_and_no_lag() -> None:
    replayed = EVENT.replayed()
    assert (replayed.previous, replayed.received, replayed.object) == (None, 0.0, b"new")
    assert EVENT.without_previous().previous is None
    assert replayed.without_previous() is replayed


def test_the_arrival_does_not_distinguish_events() -> None:
    assert ObjectEvent(EventType.ADDED, b"x", "1", received=1.0) == ObjectEvent(EventType.ADDED, b"x", "1")


@pytest.mark.parametrize(
    ("scope", "covering"),
    [
        (Scope(), (Scope(),)),
        (Scope("n"), (Scope(), Scope("n"))),
        (Scope("n", "a"), (Scope(), Scope("n"), Scope("n", "a"))),
        (Scope(None, "a"), (Scope(), Scope(None, "a"))),
    ],
)
def test_a_scope_is_covered_by_wider_ones(scope: Scope, covering: tuple[Scope, ...]) -> None:
    assert scope.covering == covering


@pytest.mark.parametrize(
    ("scope", "key"),
    [(Scope("n", "a"), "n/a"), (Scope(None, "a"), "a"), (Scope(), ""), (Scope("", "a"), "a")],
)
def test_a_scope_of_one_object_has_its_key(scope: Scope, key: str) -> None:
    assert scope.key == key
