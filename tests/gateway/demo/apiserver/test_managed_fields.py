"""Ownership of fields: paths in memory, and their nested form on the wire."""

from gateway.demo.apiserver.managed_fields import (
    Entry,
    Path,
    flatten,
    list_element,
    owned_after_update,
    read_entries,
    remove_paths,
    write_entries,
)
from gateway.demo.apiserver.openapi_documents import Node

TEXT = {"type": "string"}
NODE = Node(
    {
        "type": "object",
        "properties": {
            "metadata": {
                "type": "object",
                "properties": {"name": TEXT, "labels": {"additionalProperties": TEXT}},
            },
            "spec": {
                "type": "object",
                "properties": {
                    "replicas": {"type": "integer"},
                    "containers": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "items": {"type": "object", "properties": {"name": TEXT, "image": TEXT}},
                    },
                    "finalizers": {"type": "array", "x-kubernetes-list-type": "set", "items": TEXT},
                    "args": {"type": "array", "items": TEXT},
                },
            },
        },
    },
    {},
)
CONTAINERS = ("f:spec", "f:containers")
MAIN = (*CONTAINERS, 'k:{"name":"main"}')


def entry(manager: str, *paths: Path, operation: str = "Update", time: str = "1") -> Entry:
    return Entry(manager, operation, "v1", time, frozenset(paths))


def test_an_object_is_flat_paths_without_the_server_s_fields() -> None:
    value = {
        "kind": "Pod",
        "metadata": {"name": "a", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": "i"}], "finalizers": ["x"], "args": ["a", "b"]},
    }
    assert set(flatten(NODE, value, containers=False)) == {
        ("f:metadata", "f:labels", "f:app"),
        MAIN,
        (*MAIN, "f:name"),
        (*MAIN, "f:image"),
        ("f:spec", "f:finalizers", 'v:"x"'),
        ("f:spec", "f:args"),
    }


def test_an_item_is_named_by_its_keys_or_its_value() -> None:
    containers = NODE.child("spec").child("containers")  # type: ignore[union-attr]
    assert containers is not None
    assert list_element(containers, {"name": "a", "image": "i"}) == 'k:{"name":"a"}'
    assert list_element(Node({}, {}), 1) == "v:1"


def test_an_update_takes_changed_fields_from_other_managers() -> None:
    name, replicas = ("f:metadata", "f:x"), ("f:spec", "f:replicas")
    others = [entry("a", name, replicas), entry("gone", ("f:old",))]
    entries = owned_after_update(
        {name: 1, replicas: 1, ("f:old",): 1}, {name: 1, replicas: 2}, others, entry("b")
    )
    assert entries == [entry("a", name), entry("b", replicas)]


def test_an_update_without_a_change_keeps_the_time_of_its_manager() -> None:
    path = ("f:spec", "f:replicas")
    old = entry("a", path, time="1")
    assert owned_after_update({path: 1}, {path: 1}, [old], entry("a", time="2")) == [old]
    (changed,) = owned_after_update({path: 1}, {path: 2}, [old], entry("a", time="2"))
    assert changed.time == "2"


def test_entries_are_written_nested_and_read_back() -> None:
    entries = [
        entry("b", MAIN, (*MAIN, "f:image"), time="2"),
        entry("a", ("f:spec",), operation="Apply", time="3"),
    ]
    written = write_entries(entries)
    assert [item["manager"] for item in written] == ["a", "b"]
    assert written[1]["fieldsV1"] == {
        "f:spec": {"f:containers": {'k:{"name":"main"}': {".": {}, "f:image": {}}}}
    }
    assert read_entries({"metadata": {"managedFields": written}}) == [entries[1], entries[0]]


def test_removed_paths_take_items_and_fields() -> None:
    value = {
        "spec": {"replicas": 1, "containers": [{"name": "main", "image": "i"}, {"name": "b"}], "args": ["a"]}
    }
    paths = frozenset({("f:spec", "f:replicas"), MAIN, ("f:spec", "f:args", "f:0")})
    assert remove_paths(NODE, value, paths) == {"spec": {"containers": [{"name": "b"}], "args": ["a"]}}
