"""The cache of an informer: LISTs, watch events and bookmarks, and versions that regress."""

import json
from collections.abc import Sequence

import msgspec
import pytest

from gateway.informers.cache import ObjectCache, ResourceVersionRegressed
from gateway.informers.changes import Change
from gateway.informers.events import Scope
from gateway.informers.store import StoredObject
from gateway.kube.received import ObjectHeader, ReceivedObject, receive
from gateway.kube.watch import WatchEvent


def received(name: str, version: int, uid: str = "u", **more: object) -> ReceivedObject:
    metadata = {"name": name, "uid": uid, "resourceVersion": str(version)}
    return receive(msgspec.Raw(json.dumps({"metadata": metadata, **more}).encode()), ObjectHeader)


def event(type_: str, name: str, version: int, uid: str = "u") -> WatchEvent:
    return WatchEvent(type_, received(name, version, uid))


def listed(
    cache: ObjectCache, version: str, *objects: ReceivedObject, metadata_only: bool = False
) -> list[Change]:
    prepared = cache.prepare(map(StoredObject.of, objects), version, metadata_only=metadata_only)
    return list(cache.replace(prepared))


def cache_of(*objects: ReceivedObject, version: str = "10") -> ObjectCache:
    cache = ObjectCache(Scope())
    assert listed(cache, version, *objects) == []
    return cache


def names(changes: Sequence[Change] | None) -> list[tuple[str | None, str | None]]:
    return [
        (change.old.uid if change.old else None, change.new.uid if change.new else None)
        for change in changes or ()
    ]


def test_the_first_list_has_no_changes_and_settles_the_cache() -> None:
    cache = cache_of(received("b", 5), received("a", 7))
    assert cache.settled
    assert [item.key for item in cache.items()] == ["b", "a"]
    assert [item.key for item in cache.by_key()] == ["a", "b"]
    assert (cache.resource_version, cache.changed_at, cache.lists) == ("10", "10", 1)


def test_a_list_is_a_change_of_each_object_that_differs() -> None:
    cache = cache_of(received("a", 5, "1"), received("b", 6, "2"))
    assert names(listed(cache, "20", received("a", 15, "1"), received("c", 16, "3"))) == [
        ("2", None),
        ("1", "1"),
        (None, "3"),
    ]
    assert cache.get("b") is None


def test_a_list_that_is_only_prepared_changes_nothing() -> None:
    cache = cache_of(received("a", 5))
    assert len(cache.prepare([], "20").changes) == 1
    assert cache.get("a") is not None
    assert cache.resource_version == "10"


def test_events_are_applied_once() -> None:
    cache = cache_of()
    assert names(cache.apply(event("ADDED", "a", 11))) == [(None, "u")]
    assert cache.apply(event("MODIFIED", "a", 11)) == ()
    assert names(cache.apply(event("MODIFIED", "a", 12))) == [("u", "u")]
    assert names(cache.apply(event("DELETED", "a", 13))) == [("u", None)]
    assert cache.apply(event("DELETED", "a", 14)) == ()
    assert cache.resource_version == "14"


def test_a_name_that_is_taken_anew_is_a_deletion_and_an_addition() -> None:
    cache = cache_of(received("a", 5, "1"))
    assert names(cache.apply(event("MODIFIED", "a", 11, "2"))) == [("1", None), (None, "2")]


def test_a_bookmark_advances_the_position_alone() -> None:
    cache = cache_of()
    cache.advance("15")
    assert (cache.resource_version, cache.changed_at) == ("15", "10")


def test_a_version_that_regresses_needs_a_list() -> None:
    cache = cache_of(received("a", 5))
    with pytest.raises(ResourceVersionRegressed, match="resource version 9 came after 10"):
        cache.apply(event("MODIFIED", "a", 9))
    with pytest.raises(ResourceVersionRegressed, match="bookmark at 8"):
        cache.advance("8")
    assert cache.resource_version == "10"


def test_a_deletion_without_a_version_of_its_own_is_at_the_position() -> None:
    cache = cache_of(received("a", 5))
    (change,) = cache.apply(event("DELETED", "a", 5))
    assert change.resource_version == cache.resource_version == "10"


def test_a_regressed_list_is_authoritative_and_starts_the_history_anew() -> None:
    cache = cache_of(received("a", 5), received("b", 6))
    replacement = cache.prepare([StoredObject.of(received("a", 5))], "7")
    assert replacement.regressed
    assert names(list(cache.replace(replacement))) == [("u", None)]
    assert cache.ordered
    assert cache.changes_since(6) is None
    assert list(cache.changes_since(7) or ()) == []


def test_versions_that_regress_beside_an_ordered_list_are_opaque() -> None:
    cache = cache_of(received("a", 5))
    with pytest.raises(ResourceVersionRegressed):
        cache.advance("8")
    listed(cache, "12", received("a", 5))
    assert not cache.ordered
    assert cache.changes_since(12) is None
    cache.advance("3")
    assert cache.resource_version == "3"


def test_complete_objects_replace_metadata() -> None:
    cache = ObjectCache(Scope())
    listed(cache, "10", received("a", 5), metadata_only=True)
    states = [cache.metadata_only]
    assert listed(cache, "11", received("a", 5, spec={})) == []
    stored = cache.get("a")
    assert stored is not None
    assert b"spec" in stored.object
    assert [*states, cache.metadata_only] == [True, False]
    assert cache.changes_since(10) is None
