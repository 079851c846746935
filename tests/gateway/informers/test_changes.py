from hypothesis import given
from hypothesis import strategies as st

from gateway.informers.changes import Change, compute_changes
from gateway.informers.history import History
from gateway.informers.store import Store, StoredObject, in_order
from gateway.kube.received import ObjectHeader, ObjectMetadata


def stored(name: str, uid: str, version: int, body: bytes = b"{}") -> StoredObject:
    metadata = ObjectMetadata(name=name, uid=uid, resource_version=str(version))
    return StoredObject(name, body, ObjectHeader(metadata))


def store_of(objects: list[StoredObject]) -> Store:
    store = Store()
    store.load(in_order(objects))
    return store


def told(change: Change) -> tuple[str | None, str | None]:
    return change.old.uid if change.old else None, change.new.uid if change.new else None


def test_each_object_that_changed_is_in_it_once_deletions_first() -> None:
    store = store_of([stored("same", "1", 10), stored("changed", "2", 11), stored("gone", "3", 12)])
    listed = [stored("new", "4", 16), stored("changed", "2", 15), stored("same", "1", 10)]
    changes = compute_changes(store, in_order(listed), "12", "20")
    assert [told(item) for item in changes] == [("3", None), ("2", "2"), (None, "4")]
    assert [item.resource_version for item in changes] == ["13", "15", "20"]
    assert changes[0].final == b"{}"


def test_an_object_that_took_a_name_is_a_deletion_and_an_addition() -> None:
    changes = compute_changes(store_of([stored("a", "1", 10)]), [stored("a", "2", 15)], "10", "20")
    assert [told(item) for item in changes] == [("1", None), (None, "2")]


def test_an_unchanged_resource_version_is_proof_unless_versions_went_back() -> None:
    store, listed = store_of([stored("a", "1", 10)]), [stored("a", "1", 10, b"other")]
    assert compute_changes(store, listed, "10", "20") == []
    assert len(compute_changes(store, listed, "10", "5", compared=bytes)) == 1


NAMES = st.sampled_from("abcdef")
VERSIONS = st.integers(1, 50)
OBJECTS = st.dictionaries(NAMES, st.tuples(st.sampled_from("12"), VERSIONS))


@given(OBJECTS, OBJECTS, st.integers(50, 60), st.integers(0, 70))
def test_the_changes_lead_from_the_store_to_the_list(
    before: dict[str, tuple[str, int]], after: dict[str, tuple[str, int]], position: int, listed_at: int
) -> None:
    store = store_of([stored(name, name + uid, version) for name, (uid, version) in before.items()])
    listed = [stored(name, name + uid, version + 10) for name, (uid, version) in after.items()]
    history = History(most_changes=100, most_bytes=1 << 20)
    history.restart(str(position))
    history.mark_gap(position, listed_at)
    changes = compute_changes(store, in_order(listed), str(position), str(listed_at))
    for change in changes:
        history.record(change)
        if change.new is None:
            store.remove(change.subject.key)
        else:
            store.put(change.new)
    assert {item.key: item for item in store.snapshot()} == {item.key: item for item in listed}
    for cut, change in enumerate(changes, 1):
        assert_no_gap(history, changes, cut, int(change.resource_version))
    assert_no_gap(history, changes, 0, position)


def assert_no_gap(history: History, changes: list[Change], cut: int, version: int) -> None:
    """A subscriber at the version of change ``cut`` gets all later changes, or is rejected."""
    missed = history.since(version)
    assert missed is None or list(missed) == changes[cut:]
