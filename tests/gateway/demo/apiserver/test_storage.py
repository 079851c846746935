"""The objects of the demo's API server, their versions and the bounded history."""

from typing import Any

import pytest

from gateway.demo.apiserver.storage import (
    Change,
    ChangeType,
    CompactedError,
    Storage,
    encode,
    object_key,
    preview,
)


def put(storage: Storage, name: str, **more: Any) -> int:
    return storage.put("pods", f"n/{name}", {"metadata": {"namespace": "n", "name": name}, **more}).revision


def names(objects: Any) -> set[str]:
    return {item.name for item in objects.values()}


def test_one_counter_numbers_the_changes_of_all_tables() -> None:
    storage = Storage()
    first = put(storage, "a")
    second = storage.put("nodes", "x", {"metadata": {"name": "x"}})
    assert second.revision == first + 1 == storage.revision
    assert second.object["metadata"]["resourceVersion"] == str(second.revision)
    assert (second.namespace, second.name) == ("", "x")


def test_changes_have_the_states_before_and_after() -> None:
    storage, seen = Storage(), list[Change]()
    storage.listeners.append(seen.append)
    first, second = put(storage, "a"), put(storage, "a", spec={})
    gone = storage.delete("pods", "n/a")
    assert [item.type for item in seen] == [ChangeType.ADDED, ChangeType.MODIFIED, ChangeType.DELETED]
    assert [item.old and item.old.revision for item in seen] == [None, first, second]
    assert gone.revision == storage.revision > second
    assert storage.get("pods", "n/a") is None


def test_a_table_is_read_as_of_any_version_of_the_history() -> None:
    storage = Storage()
    first = put(storage, "a")
    second = put(storage, "b")
    storage.delete("pods", "n/a")
    assert names(storage.at("pods", first)) == {"a"}
    assert names(storage.at("pods", second)) == {"a", "b"}
    assert names(storage.at("pods", storage.revision)) == {"b"}
    assert [item.new.name for item in storage.since("pods", first)] == ["b", "a"]
    assert storage.since("nodes", first) == []


def test_versions_beyond_the_history_are_compacted() -> None:
    storage = Storage(history=2)
    first, second = put(storage, "a"), put(storage, "b")
    put(storage, "c")
    put(storage, "d")
    assert storage.oldest == second
    for read in (storage.at, storage.since):
        with pytest.raises(CompactedError, match=rf"too old resource version: {first} \({second}\)"):
            read("pods", first)


def test_a_compaction_leaves_the_current_version() -> None:
    storage = Storage()
    before = put(storage, "a")
    current = put(storage, "b")
    storage.compact()
    assert names(storage.at("pods", current)) == {"a", "b"}
    with pytest.raises(CompactedError):
        storage.at("pods", before)


def test_a_dropped_table_has_one_change_per_object() -> None:
    storage = Storage()
    put(storage, "a")
    start = put(storage, "b")
    storage.drop("pods")
    assert [item.type for item in storage.since("pods", start)] == [ChangeType.DELETED] * 2
    assert storage.all("pods") == {}


def test_metadata_is_stored_in_the_order_of_the_api_server() -> None:
    stored = encode("n/a", 5, {"spec": {}, "metadata": {"labels": {"a": "1"}, "uid": "u", "name": "a"}})
    assert list(stored.object["metadata"]) == ["name", "uid", "resourceVersion", "labels"]
    assert list(stored.object) == ["metadata", "spec"]
    assert stored.labels == {"a": "1"}


def test_a_preview_keeps_its_version() -> None:
    value = {"metadata": {"name": "a", "resourceVersion": "7"}}
    assert preview("a", value).object == value


def test_keys_have_a_namespace_if_the_object_has() -> None:
    assert (object_key("n", "a"), object_key("", "a")) == ("n/a", "a")
