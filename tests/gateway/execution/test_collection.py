"""Schemas that are replaced go without the garbage collector; it pauses while one is made."""

import gc
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from gateway.execution.collection import without_collection
from gateway.execution.revision import Described, build_replacement, build_revision
from schema.discovery import parse_aggregated
from tests.fixtures.waiting import wait_until

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
    context = SimpleNamespace(shared=SimpleNamespace(operations=Counter[object]()))
    result = await revision.schema.execute("{ __schema { types { name } } }", context_value=context)
    assert result.errors is None
    pod = weakref.ref(revision.schema.graphql_schema.type_map["Pod"])
    del revision, result
    gc.collect()
    wait_until(lambda: pod() is None, "the types to be freed")


@pytest.mark.usefixtures("collector")
def test_schemas_replaced_one_after_another_are_all_freed() -> None:
    discovery = parse_aggregated(API, b'{"items": []}')
    described = Described(discovery, discovery, {})
    replaced = []
    revision = build_revision(described)
    for _ in range(3):
        # what serves while the next one is made is out of the collector's sight from then on, all of it
        built = revision.schema.graphql_schema
        replaced += [weakref.ref(built.type_map["Pod"]), weakref.ref(built.extensions["types"])]
        del built
        revision = build_replacement(described, revision)
    gc.collect()
    wait_until(lambda: not any(each() for each in replaced), "every replaced schema to be freed")
    assert revision.schema is not None
