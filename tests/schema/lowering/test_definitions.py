"""Relowering with cached definitions equals lowering from scratch."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.lowering import LoweredDefinitions, lower
from schema.lowering.values import Site, Values
from schema.model import Property
from schema.openapi import Schema
from schema.resources import GroupVersion, Resource
from tests.fixtures.properties import examples
from tests.schema.documents import META, TEXT, discovery_of, document, kind_schema, ref, resource
from tests.schema.lowering.test_pipeline import TARGETS, schemas

GROUP_VERSION = GroupVersion("example.io", "v1")
GADGET, PART = "io.example.v1.Gadget", "io.example.v1.Part"
GADGET_KEYS = ("apiVersion", "kind", "metadata", "spec", "part")
NUMBER = {"type": "integer", "format": "int32"}
ONE = {"type": "object", "properties": {"inner": {"type": "object", "properties": {"size": NUMBER}}}}

# typical definitions of a cluster beside arbitrary ones
definitions = st.dictionaries(
    st.sampled_from(TARGETS),
    schemas
    | st.sampled_from(
        [
            kind_schema("example.io/v1", "Gadget", spec=ONE, part=ref(PART)),
            kind_schema("example.io/v1", "Gadget", spec={**ONE, "description": "New."}, other=TEXT),
            {"type": "object", "properties": {"parts": {"type": "array", "items": ref(PART)}}},
            {"type": "array", "items": ONE},
            {"allOf": [ref("A")]},
            {"allOf": [ref("B")]},
            TEXT,
        ]
    ),
)
resources = st.lists(
    st.sampled_from(
        [resource("example.io/v1", "Gadget"), resource("example.io/v1", "Part"), resource("v1", "Pod")]
    ),
    unique=True,
)


@settings(max_examples=examples(150))
@given(st.lists(st.tuples(resources, definitions, st.sets(st.sampled_from(TARGETS))), min_size=2, max_size=4))
def test_relowering_after_any_change_equals_a_fresh_start(
    changes: list[tuple[list[Resource], dict[str, Any], set[str]]],
) -> None:
    kept = LoweredDefinitions()
    there: dict[str, Any] = {}
    for served, changed, removed in changes:
        there = {id_: item for id_, item in (there | changed).items() if id_ not in removed}
        documents = {GROUP_VERSION: json.dumps({"components": {"schemas": there}}).encode()}
        discovery = discovery_of(*served)

        again, afresh = lower(discovery, documents, kept), lower(discovery, documents)

        assert again == afresh
        assert list(again.objects) == list(afresh.objects)


def documents_with(**more: Any) -> dict[GroupVersion, bytes]:
    gadget = kind_schema("example.io/v1", "Gadget", spec=ONE, part=ref(PART))
    schemas = {GADGET: gadget, PART: ONE, f"{META}.ObjectMeta": {"properties": {"name": TEXT}}, **more}
    return {GROUP_VERSION: document(**schemas)}


Keys = tuple[str, ...]


@pytest.fixture
def lowered_objects(monkeypatch: pytest.MonkeyPatch) -> list[Keys]:
    """The keys of each object that is lowered while the fixture is active."""
    keys = []
    whole = Values._properties

    def count(values: Values, schema: Schema, site: Site) -> Iterator[Property]:
        keys.append(tuple(schema.properties or ()))
        return whole(values, schema, site)

    monkeypatch.setattr(Values, "_properties", count)
    return keys


def test_only_changed_definitions_are_lowered_again(lowered_objects: list[Keys]) -> None:
    kept, discovery = LoweredDefinitions(), discovery_of(resource("example.io/v1", "Gadget"))
    lower(discovery, documents_with(), kept)
    assert {GADGET_KEYS, ("inner",), ("size",)} <= {*lowered_objects}

    lowered_objects.clear()
    lower(discovery, documents_with(), kept)
    assert lowered_objects == []

    changed = {"type": "object", "properties": {"size": NUMBER}}
    model = lower(discovery, documents_with(**{PART: changed}), kept)
    assert lowered_objects == [("size",)]
    assert f"{PART}/inner" not in model.objects


def test_a_definition_whose_reference_changed_its_type_is_lowered_again(lowered_objects: list[Keys]) -> None:
    kept, discovery = LoweredDefinitions(), discovery_of(resource("example.io/v1", "Gadget"))
    lower(discovery, documents_with(), kept)

    lowered_objects.clear()
    lower(discovery, documents_with(**{PART: TEXT}), kept)
    assert lowered_objects == [GADGET_KEYS, ("inner",), ("size",)]


def test_a_definition_with_the_id_of_a_nested_object_may_come_and_go() -> None:
    kept, discovery = LoweredDefinitions(), discovery_of(resource("example.io/v1", "Gadget"))
    for more in ({}, {f"{GADGET}/spec": ONE}, {f"{GADGET}/spec": ONE}, {}):
        documents = documents_with(**more)
        assert lower(discovery, documents, kept) == lower(discovery, documents)


def test_removed_definitions_are_dropped() -> None:
    kept, discovery = LoweredDefinitions(), discovery_of(resource("example.io/v1", "Gadget"))
    lower(discovery, documents_with(), kept)
    assert PART in kept.by_id
    lower(discovery_of(resource("v1", "Pod")), documents_with(), kept)
    assert PART not in kept.by_id
