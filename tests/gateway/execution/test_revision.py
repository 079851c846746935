"""Replaced schemas are freed, though the garbage collector never visits them."""

import gc
import weakref
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import print_schema, validate_schema

from gateway.execution.revision import Described, Revision, build_replacement, build_revision
from gateway.settings import SchemaAccess
from schema.building import complete_schema
from schema.discovery import parse_aggregated
from schema.resources import GroupVersion
from tests.fixtures.garbage import collector_restored, freeze
from tests.fixtures.waiting import wait_until
from tests.schema.documents import TEXT, document, kind_schema, ref

pytestmark = pytest.mark.usefixtures("collector")

API = b"""{"items": [{"metadata": {}, "versions": [{"version": "v1", "freshness": "Current", "resources": [
  {"resource": "pods", "responseKind": {"group": "", "version": "v1", "kind": "Pod"}, "scope": "Namespaced",
   "singularResource": "pod", "verbs": ["get", "list", "watch", "create", "delete"]}]}]}]}"""


@pytest.fixture(autouse=True, scope="module")
def _frozen_objects() -> Iterator[None]:
    """Free the objects that the tests have frozen."""
    yield
    freeze()


@pytest.fixture
def collector() -> Iterator[None]:
    with collector_restored():
        yield


async def test_a_replaced_schema_is_freed_by_reference_counts() -> None:
    discovery = parse_aggregated(API, b'{"items": []}')
    described = Described(discovery, discovery, {})
    revision = build_replacement(described, build_revision(described))
    client = SimpleNamespace(is_callers=False)
    shared = SimpleNamespace(
        operations=Counter[object](), schema_access=SchemaAccess.AUTHENTICATED, operation_logs=None
    )
    context = SimpleNamespace(client=client, shared=shared)
    result = await revision.schema.execute("{ __schema { types { name } } }", context_value=context)
    assert result.errors is None
    pod = weakref.ref(revision.schema.graphql_schema.type_map["Pod"])
    del revision, result
    gc.collect()
    wait_until(lambda: pod() is None, "the types to be freed")


def described_with(part: str) -> Described:
    """A cluster with pods that have a field of the given name and a recursive type."""
    pod = kind_schema("v1", "Pod", part=ref("io.k8s.api.core.v1.Part"), **{part: TEXT})
    parts = {"properties": {part: TEXT, "inner": {"type": "array", "items": ref("io.k8s.api.core.v1.Part")}}}
    schemas = {"io.k8s.api.core.v1.Pod": pod, "io.k8s.api.core.v1.Part": parts}
    discovery = parse_aggregated(API, b'{"items": []}')
    return Described(discovery, discovery, {GroupVersion("", "v1"): document(**schemas)})


TYPES = ("Query", "Pod", "PodInput", "PodList", "PodEvent", "Part", "PartInput")


def references_of(revision: Revision) -> list[weakref.ref[Any]]:
    """References to the schema, to its types, all of which are built, and to their owner."""
    built = revision.schema.graphql_schema
    types: list[Any] = [built.type_map[name] for name in TYPES]
    assert [dict(type_.fields) for type_ in types]
    return [weakref.ref(item) for item in (built, built.extensions["types"], *types)]


def test_consecutive_replaced_schemas_are_all_freed() -> None:
    replaced = []
    revision = build_revision(described_with("first"))
    for number in range(3):
        # building the next schema freezes every object of the current one
        replaced += references_of(revision)
        revision = build_replacement(described_with(f"other{number}"), revision)
    gc.collect()
    wait_until(lambda: not any(schema() for schema in replaced), "every replaced schema to be freed")
    assert revision.schema is not None


def test_a_replaced_schema_that_an_operation_still_uses_is_intact() -> None:
    first = build_revision(described_with("first"))
    second = build_replacement(described_with("first"), first)
    third = build_replacement(described_with("second"), second)
    gone = references_of(second)

    del second
    gc.collect()
    wait_until(lambda: not any(item() for item in gone), "the second one to be freed")

    for revision, part in ((first, "first"), (third, "second")):
        assert part in print_schema(revision.schema.graphql_schema)
        with complete_schema(revision.schema.graphql_schema) as complete:
            assert validate_schema(complete) == []
