"""Schemas that are replaced go without the garbage collector; it pauses while one is made."""

import gc
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from graphql import print_schema, validate_schema

from gateway.execution.collection import without_collection
from gateway.execution.revision import Described, build_replacement, build_revision
from schema.discovery import parse_aggregated
from schema.resources import GroupVersion
from tests.fixtures.waiting import wait_until
from tests.schema.documents import TEXT, document, kind_schema, ref

API = b"""{"items": [{"metadata": {}, "versions": [{"version": "v1", "freshness": "Current", "resources": [
  {"resource": "pods", "responseKind": {"group": "", "version": "v1", "kind": "Pod"}, "scope": "Namespaced",
   "singularResource": "pod", "verbs": ["get", "list", "watch", "create", "delete"]}]}]}]}"""


@pytest.fixture
def collector() -> Iterator[None]:
    """As it was, afterwards."""
    enabled = gc.isenabled()
    gc.enable()
    yield
    gc.unfreeze()
    (gc.enable if enabled else gc.disable)()


@pytest.mark.usefixtures("collector")
def test_collection_pauses_until_the_last_one_has_ended() -> None:
    with without_collection():
        with without_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.usefixtures("collector")
def test_who_has_no_collection_is_not_given_any() -> None:
    gc.disable()
    with without_collection():
        pass
    assert not gc.isenabled()


@pytest.mark.usefixtures("collector")
def test_pauses_of_threads_add_up() -> None:
    entered, leave = threading.Event(), threading.Event()

    def pause() -> None:
        with without_collection():
            entered.set()
            leave.wait(60)

    thread = threading.Thread(target=pause)
    thread.start()
    assert entered.wait(60)
    with without_collection():
        pass
    assert not gc.isenabled()
    leave.set()
    thread.join()
    assert gc.isenabled()


@pytest.mark.usefixtures("collector")
async def test_a_replaced_schema_is_freed_though_it_is_out_of_the_collectors_sight() -> None:
    discovery = parse_aggregated(API, b'{"items": []}')
    described = Described(discovery, discovery, {})
    revision = build_replacement(described, build_revision(described))
    ourselves = SimpleNamespace(is_callers=False)
    context = SimpleNamespace(client=ourselves, shared=SimpleNamespace(operations=Counter[object]()))
    result = await revision.schema.execute("{ __schema { types { name } } }", context_value=context)
    assert result.errors is None
    pod = weakref.ref(revision.schema.graphql_schema.type_map["Pod"])
    del revision, result
    gc.collect()
    wait_until(lambda: pod() is None, "the types to be freed")


def described_with(part: str) -> Described:
    """Pods that have a part, which has such parts itself."""
    pod = kind_schema("v1", "Pod", part=ref("io.k8s.api.core.v1.Part"), **{part: TEXT})
    parts = {"properties": {part: TEXT, "inner": {"type": "array", "items": ref("io.k8s.api.core.v1.Part")}}}
    schemas = {"io.k8s.api.core.v1.Pod": pod, "io.k8s.api.core.v1.Part": parts}
    discovery = parse_aggregated(API, b'{"items": []}')
    return Described(discovery, discovery, {GroupVersion("", "v1"): document(**schemas)})


CHANGED = ("Query", "Pod", "PodInput", "PodList", "PodEvent", "Part", "PartInput")


@pytest.mark.usefixtures("collector")
def test_schemas_replaced_one_after_another_are_all_freed() -> None:
    replaced = []
    revision = build_revision(described_with("first"))
    for number in range(3):
        # what serves while the next one is made is out of the collector's sight from then on, all of it
        built = revision.schema.graphql_schema
        replaced += [weakref.ref(built.type_map[name]) for name in CHANGED]
        replaced.append(weakref.ref(built.extensions["types"]))
        del built
        revision = build_replacement(described_with(f"other{number}"), revision)
    gc.collect()
    wait_until(lambda: not any(each() for each in replaced), "every replaced schema to be freed")
    assert revision.schema is not None


@pytest.mark.usefixtures("collector")
async def test_a_replaced_schema_that_is_still_in_use_stays_whole() -> None:
    """Whatever replaces it, and whatever replaces that: each frees only what nobody else has."""
    first = build_revision(described_with("first"))
    second = build_replacement(described_with("first"), first)
    third = build_replacement(described_with("second"), second)
    shared = second.schema.graphql_schema.type_map["Pod"]
    assert shared is first.schema.graphql_schema.type_map["Pod"]
    gone = weakref.ref(second.schema.graphql_schema.extensions["types"])

    del second
    gc.collect()
    wait_until(lambda: gone() is None, "the second one to be freed")

    del shared
    for revision, part in ((first, "first"), (third, "second")):
        assert part in print_schema(revision.schema.graphql_schema)
        assert validate_schema(revision.schema.graphql_schema) == []


@pytest.mark.usefixtures("collector")
def test_a_schema_goes_though_its_successor_has_types_of_it() -> None:
    before = build_revision(described_with("first"))
    after = build_replacement(described_with("first"), before)
    built = before.schema.graphql_schema
    gone = [weakref.ref(each) for each in (built, built.type_map["Query"], built.extensions["types"])]
    kept = weakref.ref(built.type_map["Part"])

    del before, built
    gc.collect()

    wait_until(lambda: not any(each() for each in gone), "the one before to be freed")
    assert kept() is after.schema.graphql_schema.type_map["Part"]
    del after
    gc.collect()
    wait_until(lambda: kept() is None, "the rest to be freed with the last that has it")
