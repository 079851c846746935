from hypothesis import given
from hypothesis import strategies as st

from gateway.informers.changes import Change
from gateway.informers.history import History
from tests.gateway.informers.test_changes import stored


def change(version: int, size: int = 2) -> Change:
    """A change keeps only the old state alive: the new one is in the store."""
    return Change(stored("a", "1", version, b"x" * size), stored("a", "1", version), str(version))


def versions(history: History, since: int) -> list[str] | None:
    missed = history.since(since)
    return None if missed is None else [item.resource_version for item in missed]


def test_it_has_the_changes_after_a_resource_version_and_none_before_it_began() -> None:
    history = History(most_changes=10, most_bytes=1000)
    history.restart("5")
    for version in (7, 9, 12):
        history.record(change(version))
    assert versions(history, 4) is None
    assert versions(history, 5) == ["7", "9", "12"]
    assert versions(history, 8) == ["9", "12"]
    assert versions(history, 12) == []


def test_it_forgets_the_oldest_by_count_and_by_bytes() -> None:
    history = History(most_changes=3, most_bytes=100)
    history.restart("0")
    for version in range(1, 6):
        history.record(change(version))
    assert versions(history, 1) is None
    assert versions(history, 2) == ["3", "4", "5"]
    history.record(change(6, size=99))
    assert versions(history, 4) is None
    assert versions(history, 5) == ["6"]


def test_a_deletion_keeps_the_state_before_it_and_the_last_one() -> None:
    history = History(most_changes=9, most_bytes=100)
    history.restart("0")
    before = stored("a", "1", 1, b"x" * 50)
    history.record(Change(before, None, "2", before.object))
    assert versions(history, 0) == ["2"]
    history.record(Change(before, None, "3", b"y" * 50))
    assert versions(history, 0) is None
    assert versions(history, 2) == ["3"]


def test_without_comparable_resource_versions_it_has_nothing() -> None:
    history = History(most_changes=3, most_bytes=100)
    history.restart("abc")
    history.record(change(1))
    assert history.since(0) is None


@given(st.lists(st.integers(1, 20)), st.integers(0, 25))
def test_whatever_order_versions_come_in_it_never_has_a_gap(recorded: list[int], since: int) -> None:
    history = History(most_changes=5, most_bytes=1000)
    history.restart("0")
    changes = [change(version) for version in recorded]
    for item in changes:
        history.record(item)
    missed = history.since(since)
    if missed is not None:
        seen = [index for index, version in enumerate(recorded) if version == since]
        assert len(seen) < 2
        assert list(missed) == changes[len(changes) - len(list(missed)) :]
        assert all(version <= since for version in recorded[: len(changes) - len(list(missed))])
