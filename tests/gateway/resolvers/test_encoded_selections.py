"""The cache of encoded selections: shared by lists, objects and subscriptions, bounded, and given back."""

import asyncio
import gc
import json
import tracemalloc
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, aclosing
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.identity.access import AccessReviews
from gateway.informers import Counters, EventType, Informer, Limits, ObjectEvent, Scope, StoredObject
from gateway.kube.received import ObjectHeader, ObjectMetadata, ReceivedObject
from gateway.kube.watch import WatchEvent
from gateway.resolvers.context import RequestContext, Shared
from gateway.resolvers.encoded_selections import EncodedSelections, EventTable, Payload
from schema.model import Scalar
from schema.selection import (
    Compiled,
    EventField,
    EventSelection,
    Field,
    Leaf,
    Node,
    Selection,
    SelectionMismatch,
    SharedSource,
    event_selection,
)
from tests.fixtures.garbage import freeze
from tests.fixtures.properties import examples
from tests.gateway.informers.scripted_server import ScriptedServer
from tests.gateway.resolvers.conftest import SCHEMA

LIST = '{ configMaps(resourceVersion: "0") { items { metadata { name } data { size } } } }'
OBJECT = '{ configMap(name: "a", resourceVersion: "0") { metadata { name } data { size } } }'
SUBSCRIPTION = "subscription { configMaps { type object { metadata { name } data { size } } } }"
WITH_JSON = "subscription { configMaps { object { json } } }"
EVENTS = 50
LONG = "[" + "{}," * 2000 + "0]"
"""6 kB that decode to twenty times as much."""


@pytest.fixture(autouse=True, scope="module")
def _frozen_objects() -> None:
    """Each example collects garbage: among the objects of all tests before, in 0.1 s."""
    freeze()


class CountingSelection(Selection):
    """Selects one string field and counts the calls of ``encode``."""

    __slots__ = ("count",)

    def __init__(self, key: str = "value") -> None:
        super().__init__(Node("Thing", (Field(key, key, Leaf(Scalar.STRING)),)))
        self.count = 0

    def encode(self, body: bytes, most: int | None = None) -> bytes:
        self.count += 1
        return super().encode(body, most)


def events_with(selection: Selection) -> EventSelection:
    return event_selection("ThingEvent", (EventField("object", "object", selection),))


def received(name: str, version: int, value: str = "x", namespace: str = "a") -> ReceivedObject:
    header = ObjectHeader(ObjectMetadata(name, namespace, f"uid-{name}", str(version)))
    body = {"metadata": {"name": name}, "value": f"{value}{version}", "padding": "." * 1000}
    return ReceivedObject(json.dumps(body).encode(), header)


async def informer_of(count: int, scope: Scope | None = None) -> Informer:
    scope = scope or Scope()
    informer = Informer(scope, Limits(), Counters())
    objects = [
        StoredObject.of(received(f"t{number}", number + 1, namespace=scope.namespace or "a"))
        for number in range(count)
    ]
    await informer.replace(objects, str(count))
    return informer


def event(body: bytes = b'{"value": "x"}', *, received: float = 1.0, key: str = "a/t0") -> ObjectEvent:
    return ObjectEvent(EventType.MODIFIED, body, "7", "uid", key, None, received)


def compiled(size: int) -> Compiled:
    return Compiled(msgspec.Raw(b"1" * size))


def put(table: EventTable, one: ObjectEvent, payload: Payload | None) -> None:
    assert table.get(one, lambda _table, _event: payload) is payload


def is_cached(table: EventTable, one: ObjectEvent) -> bool:
    return id(one) in table.entries


def nothing() -> Mapping[str, Any]:
    return {}


# one selection, one object


def test_equal_bytes_of_two_informers_share_one_encoding() -> None:
    selection, body = CountingSelection(), b'{"value": "x", "size": 1}'
    with EncodedSelections().subscription(events_with(selection)) as table:
        (objects,) = table.objects
        first = objects.encode("a", body)

        assert first == b'{"value":"x"}'
        assert objects.encode("a", bytes(bytearray(body))) is first
        assert (selection.count, len(objects)) == (1, 1)


def test_two_versions_of_an_object_are_cached_and_the_third_evicts_the_first() -> None:
    with EncodedSelections().subscription(events_with(CountingSelection())) as table:
        (objects,) = table.objects
        bodies = [b'{"value": "%d"}' % number for number in range(3)]
        first, second, third = (objects.encode("a", body) for body in bodies)

        assert objects.encode("a", bodies[2]) is third
        assert objects.encode("a", bodies[1]) is second
        assert objects.encode("a", bodies[0]) is not first
        assert len(objects) == 1


def test_a_body_that_does_not_fit_is_refused_each_time() -> None:
    with EncodedSelections().subscription(events_with(CountingSelection())) as table:
        for _ in range(2):
            with pytest.raises(SelectionMismatch):
                table.objects[0].encode("a", b'{"value": 1}')


async def test_a_list_encodes_each_version_of_an_object_once() -> None:
    informer, cache, selection = await informer_of(3), EncodedSelections(), CountingSelection()
    for _ in range(3):
        encoded = await cache.encode_list(informer, selection, informer.by_key())
        assert encoded == b'{"value":"x1"},{"value":"x2"},{"value":"x3"}'
    assert selection.count == 3

    informer.apply(WatchEvent("MODIFIED", received("t1", 9)))

    encoded = await cache.encode_list(informer, selection, informer.by_key())
    assert encoded == b'{"value":"x1"},{"value":"x9"},{"value":"x3"}'
    assert selection.count == 4


async def test_a_filtered_list_reads_the_entries_of_the_whole_list() -> None:
    informer, cache, selection = await informer_of(10), EncodedSelections(), CountingSelection()
    await cache.encode_list(informer, selection, informer.by_key())

    some = await cache.encode_list(informer, selection, informer.by_key()[3:5])

    assert some == b'{"value":"x4"},{"value":"x5"}'
    assert selection.count == 10


async def test_a_repeated_resource_version_with_other_bytes_is_another_version() -> None:
    """Resource versions repeat after an etcd restore."""
    informer, cache, selection = await informer_of(1), EncodedSelections(), CountingSelection()
    await cache.encode_list(informer, selection, informer.by_key())

    await informer.replace([StoredObject.of(received("t0", 1, "other"))], "0")

    assert await cache.encode_list(informer, selection, informer.by_key()) == b'{"value":"other1"}'


# one cache for lists, objects and subscriptions


async def test_a_list_an_object_and_an_event_share_one_encoding_in_any_order() -> None:
    informer, selection = await informer_of(1), CountingSelection()
    (stored,) = informer.items()

    async def encode_list(cache: EncodedSelections) -> bytes:
        return await cache.encode_list(informer, selection, informer.by_key())

    async def encode_object(cache: EncodedSelections) -> bytes:
        return cache.encode_object(informer, selection, stored)

    async def encode_event(cache: EncodedSelections) -> bytes:
        with cache.subscription(events_with(selection)) as table:
            return table.objects[0].encode(stored.key, stored.object)

    ways = (encode_list, encode_object, encode_event)
    for first in (encode_list, encode_object):
        cache, selection.count = EncodedSelections(), 0
        for way in (first, *ways):
            assert await way(cache) == b'{"value":"x1"}'
        assert selection.count == 1

    cache, selection.count = EncodedSelections(), 0
    with cache.subscription(events_with(selection)) as table:
        table.objects[0].encode(stored.key, stored.object)
        for way in ways:
            await way(cache)
    assert selection.count == 1


class EveryRight(AccessReviews):
    async def allows(self, *_: object) -> bool:
        return True


@pytest.fixture
def encoded(context: RequestContext, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The objects that selections have encoded; cached reads need no access review."""
    bodies: list[bytes] = []
    encode = Selection.encode

    def counting(selection: Selection, body: bytes, most: int | None = None) -> bytes:
        if b'"ConfigMapList"' not in body:
            bodies.append(body)
        return encode(selection, body, most)

    monkeypatch.setattr(Selection, "encode", counting)
    context.shared = Shared(reviews=EveryRight())
    return bodies


async def read(context: RequestContext, query: str) -> Any:
    result = await SCHEMA.execute(query, context_value=context)
    assert not result.errors
    return msgspec.json.decode(msgspec.json.encode(result.data))


async def subscribe(context: RequestContext, stack: AsyncExitStack, query: str, count: int) -> list[Any]:
    """The first events of a subscription that stays open."""
    stream: Any = await SCHEMA.stream(query, context_value=context)
    await stack.enter_async_context(aclosing(stream))
    return [msgspec.json.decode((await anext(stream)).data["configMaps"]) for _ in range(count)]


async def test_queries_read_the_entries_of_a_subscription(
    server: ScriptedServer, context: RequestContext, encoded: list[bytes]
) -> None:
    await server.create("a", size=1)
    async with AsyncExitStack() as stack:
        added, _ = await subscribe(context, stack, SUBSCRIPTION, 2)
        assert len(encoded) == 1

        listed = await read(context, LIST)
        found = await read(context, OBJECT)

    assert listed["configMaps"]["items"] == [added["object"]] == [found["configMap"]]
    assert len(encoded) == 1


async def test_a_subscription_reads_the_entries_of_a_list(
    server: ScriptedServer, context: RequestContext, encoded: list[bytes]
) -> None:
    await server.create("a", size=1)
    async with AsyncExitStack() as stack:
        await subscribe(context, stack, WITH_JSON, 2)
        listed = await read(context, LIST)
        assert len(encoded) == 1

        added, _ = await subscribe(context, stack, SUBSCRIPTION, 2)

    assert [added["object"]] == listed["configMaps"]["items"]
    assert len(encoded) == 1


# payloads of events


def test_the_payload_of_an_event_is_built_once_for_all_subscribers() -> None:
    cache, one, built = EncodedSelections(), event(), []

    def build(_table: EventTable, given: ObjectEvent) -> Payload:
        built.append(given)
        return compiled(1)

    with cache.subscription(None) as first, cache.subscription(None) as second:
        assert first is second
        assert first.get(one, build) is second.get(one, build)
    assert built == [one]


def test_a_suppressed_event_is_examined_once() -> None:
    with EncodedSelections().subscription(None) as table:
        one = event()
        put(table, one, None)
        put(table, one, None)
        assert is_cached(table, one)


def test_the_entry_of_an_event_goes_with_the_event() -> None:
    with EncodedSelections().subscription(None) as table:
        waiting = event()
        put(table, waiting, compiled(1))
        gc.disable()
        try:
            for _ in range(100):
                put(table, event(), compiled(1 << 10))
        finally:
            gc.enable()
        assert len(table) == 1
        assert is_cached(table, waiting)


def test_the_oldest_events_are_evicted_first() -> None:
    with EncodedSelections(max_bytes=8 << 10).subscription(None) as table:
        events = [event() for _ in range(10)]
        for one in events:
            put(table, one, compiled(1 << 10))
        assert table.size <= 8 << 10
        cached = [is_cached(table, one) for one in events]
        assert cached == sorted(cached)
        assert 4 < sum(cached) < 8


def test_results_of_graphql_core_are_counted_and_forgotten_by_readers_that_hold_the_payload() -> None:
    with EncodedSelections(max_bytes=8 << 10).subscription(None) as table:
        one, source = event(), SharedSource(nothing, 2)
        put(table, one, source)
        source.keep("first", "result", 4 << 10)
        assert source.get("first") == "result"
        source.keep("second", "result", 4 << 10)
        assert not is_cached(table, one)
        assert source.get("first") is source.get("second") is None
        source.keep("third", "result", 1)
        assert source.get("third") is None
        assert table.size == 0


def test_an_initial_event_is_not_cached_because_one_subscriber_reads_it() -> None:
    with EncodedSelections().subscription(None) as table:
        one, source = event(received=0.0), SharedSource(nothing, 2)
        put(table, one, source)
        source.keep("operation", "result", 1)
        assert not len(table)
        assert not table.size
        assert source.get("operation") is None


async def subscribed(context: RequestContext, stack: AsyncExitStack) -> AsyncIterator[Any]:
    """A subscription after ``SYNCED`` that reads nothing more by itself."""
    stream: Any = await SCHEMA.stream(WITH_JSON, context_value=context)
    await stack.enter_async_context(aclosing(stream))
    await anext(stream)
    return aiter(stream)


def decoded_bytes() -> int:
    """The bytes of decoded objects that are alive."""
    gc.collect()
    filters = [tracemalloc.Filter(True, "*/gateway/resolvers/decoding.py")]
    statistics = tracemalloc.take_snapshot().filter_traces(filters).statistics("filename")
    return sum(statistic.size for statistic in statistics)


async def test_a_slow_subscriber_holds_no_decoded_objects_and_gets_the_same_payloads(
    server: ScriptedServer, context: RequestContext
) -> None:
    context.shared = Shared(encoded=EncodedSelections(max_bytes=64 << 10))
    tracemalloc.start()
    try:
        async with AsyncExitStack() as stack:
            slow = await subscribed(context, stack)
            fast = await subscribed(context, stack)
            delivered = []
            for number in range(EVENTS):
                await server.create(f"a-{number}", note=json.loads(LONG))
                delivered.append(bytes((await anext(fast)).data["configMaps"]))
            assert decoded_bytes() < 2 * len(LONG) * 24
            assert context.shared.encoded.size <= 64 << 10
            assert [bytes((await anext(slow)).data["configMaps"]) for _ in range(EVENTS)] == delivered
    finally:
        tracemalloc.stop()


# eviction


async def test_the_least_recently_used_table_is_evicted_first() -> None:
    informer = await informer_of(100)
    one, two, three = CountingSelection(), CountingSelection(), CountingSelection()
    cache = EncodedSelections(max_bytes=150_000)
    for selection in (one, two, one, three):
        await cache.encode_list(informer, selection, informer.by_key())
        assert cache.size <= 150_000

    for selection in (one, three):
        await cache.encode_list(informer, selection, informer.by_key())
    assert [one.count, three.count] == [100, 100]

    await cache.encode_list(informer, two, informer.by_key())
    assert two.count > 150


async def test_a_list_larger_than_the_bound_is_answered() -> None:
    informer, cache = await informer_of(100), EncodedSelections(max_bytes=1000)

    encoded = await cache.encode_list(informer, CountingSelection(), informer.by_key())

    assert len(json.loads(b"[" + encoded + b"]")) == 100
    assert cache.size <= 1000


READS = st.lists(
    st.tuples(
        st.sampled_from(["list", "object", "subscribe", "unsubscribe", "event", "change", "delete"]),
        st.integers(0, 4),
        st.integers(0, 3),
    ),
    max_size=60,
)


@settings(max_examples=examples(50))
@given(READS, st.integers(0, 200_000))
def test_the_bound_holds_and_every_answer_is_current(
    operations: list[tuple[str, int, int]], bound: int
) -> None:
    asyncio.run(run_operations(operations, bound))


async def run_operations(operations: list[tuple[str, int, int]], bound: int) -> None:
    run = Run(await informer_of(5), EncodedSelections(bound))
    for operation, number, which in operations:
        await run.do(operation, f"t{number}", run.selections[which])
        assert run.cache.size <= bound
    cache = run.cache
    run.stack.close()
    del run
    gc.collect()
    assert (cache.size, len(cache)) == (0, 0)


class Run:
    """Readers of one informer and one cache; each checks its answer."""

    def __init__(self, informer: Informer, cache: EncodedSelections) -> None:
        self.informer = informer
        self.cache = cache
        self.selections = [CountingSelection() for _ in range(4)]
        self.stack = ExitStack()
        self.tables: list[EventTable] = []
        self.waiting: deque[ObjectEvent] = deque(maxlen=2)
        self.version = 100

    async def do(self, operation: str, name: str, selection: Selection) -> None:
        self.version += 1
        match operation:
            case "list":
                objects = self.informer.by_key()
                encoded = await self.cache.encode_list(self.informer, selection, objects)
                assert encoded == b",".join(Selection.encode(selection, stored.object) for stored in objects)
            case "subscribe":
                self.tables.append(self.stack.enter_context(self.cache.subscription(events_with(selection))))
            case "unsubscribe":
                self.stack.close()
                self.tables.clear()
            case "change":
                self.informer.apply(WatchEvent("MODIFIED", received(name, self.version)))
            case "delete":
                self.informer.apply(WatchEvent("DELETED", received(name, self.version)))
            case _:
                stored = self.informer.get(f"a/{name}")
                if stored is not None:
                    self.read(operation, stored, selection)

    def read(self, operation: str, stored: StoredObject, selection: Selection) -> None:
        expected = Selection.encode(selection, stored.object)
        if operation == "object":
            assert self.cache.encode_object(self.informer, selection, stored) == expected
            return
        one = event(stored.object, key=stored.key)
        self.waiting.append(one)
        for table in self.tables:
            payload = table.get(one, build_payload)
            assert isinstance(payload, Compiled)
            assert bytes(payload.value) == expected


def build_payload(table: EventTable, one: ObjectEvent) -> Payload:
    return Compiled(msgspec.Raw(table.objects[0].encode(one.key, one.object or b"")))


# memory is given back


async def test_a_list_removes_the_entries_of_deleted_objects() -> None:
    informer, cache, selection = await informer_of(100), EncodedSelections(), CountingSelection()
    other = await informer_of(50, Scope("b"))
    for one in (informer, other):
        await cache.encode_list(one, selection, one.by_key())
    full = cache.size
    for number in range(100):
        informer.apply(WatchEvent("DELETED", received(f"t{number}", 101 + number)))
    for number in range(50):
        other.apply(WatchEvent("DELETED", received(f"t{number}", 101 + number, namespace="b")))

    for one in (other, informer):
        assert await cache.encode_list(one, selection, one.by_key()) == b""

    with cache.subscription(events_with(selection)) as table:
        assert not len(table.objects[0])
    assert cache.size < full


async def test_a_list_of_one_namespace_keeps_the_entries_of_the_others() -> None:
    selection, cache = CountingSelection(), EncodedSelections()
    informers = [await informer_of(20, Scope(namespace)) for namespace in "abc"]
    for informer in informers * 3:
        await cache.encode_list(informer, selection, informer.by_key())
    assert selection.count == 60


async def test_a_table_stays_with_the_informer_of_a_list_and_goes_with_it() -> None:
    informer, cache, selection = await informer_of(10), EncodedSelections(), CountingSelection()
    await cache.encode_list(informer, selection, informer.by_key())
    with cache.subscription(events_with(selection)):
        assert len(cache) == 2
    assert len(cache) == 1
    assert cache.size > 0

    del informer
    gc.collect()

    assert (len(cache), cache.size) == (0, 0)


def test_a_table_goes_with_its_last_subscriber() -> None:
    cache, selection = EncodedSelections(), events_with(CountingSelection())
    with cache.subscription(selection) as table:
        with cache.subscription(selection) as shared:
            assert shared is table
            table.objects[0].encode("a", b'{"value": "x"}')
        assert cache.size > 0

    assert (len(cache), cache.size) == (0, 0)
    with cache.subscription(selection) as anew:
        assert not len(anew.objects[0])


async def test_tables_that_no_subscriber_uses_are_bounded_by_their_number() -> None:
    informer, cache = await informer_of(1), EncodedSelections(max_bytes=1 << 20)
    for _ in range(100):
        await cache.encode_list(informer, CountingSelection(), informer.by_key())
    assert len(cache) <= 32
