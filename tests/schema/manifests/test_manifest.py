"""The objects of a manifest: Lists are unfolded, and each object has its kind and its name."""

import pytest

from schema.manifests import MalformedManifest, parse_manifest
from schema.resources import GroupVersionKind

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def test_an_object_has_its_place_and_its_kind() -> None:
    first, second = parse_manifest(f"{MAP}---\n{MAP.replace('name: a', 'name: b, namespace: shop')}").objects
    assert (first.index, first.line, first.name, first.namespace) == (0, 1, "a", None)
    assert (second.index, second.line, second.name, second.namespace) == (1, 5, "b", "shop")
    assert first.kind == GroupVersionKind("", "v1", "ConfigMap")
    assert first.content["kind"] == "ConfigMap"


@pytest.mark.parametrize(
    "items",
    [
        "kind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}",
        "kind: ConfigMapList\nitems:\n- metadata: {name: a}",
        "kind: List\nitems:\n- {apiVersion: v1, kind: ConfigMapList, items: [{metadata: {name: a}}]}",
    ],
)
def test_lists_are_unfolded(items: str) -> None:
    (object_,) = parse_manifest(f"apiVersion: v1\n{items}").objects
    assert (object_.kind.kind, object_.name) == ("ConfigMap", "a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no objects"),
        ("kind: List\napiVersion: v1\nitems: []", "has no objects"),
        ("text", "has to be a mapping, and not text"),
        ("- 1", "not a list"),
        ("kind: Pod", "apiVersion is missing"),
        ("apiVersion: 1\nkind: Pod", "apiVersion has to be text, and not a number: quote it"),
        ("apiVersion: a/b/c\nkind: Pod", "is not GROUP/VERSION"),
        ("apiVersion: v1", "kind is missing"),
        ("apiVersion: v1\nkind: Pod\nmetadata: []", "metadata of Pod has to be a mapping"),
        ("apiVersion: v1\nkind: Pod", "metadata.name of Pod is missing"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}", "give metadata.name"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: 1}", "namespace of Pod a has to be text"),
    ],
)
def test_an_object_without_what_a_path_needs_is_refused(text: str, message: str) -> None:
    with pytest.raises(MalformedManifest, match=message):
        parse_manifest(text)


def test_an_empty_namespace_is_none() -> None:
    (object_,) = parse_manifest(MAP.replace("name: a", "name: a, namespace: ''")).objects
    assert object_.namespace is None
