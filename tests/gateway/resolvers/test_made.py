"""What is made of an event for all who get it takes no more memory than is counted, however slow they are."""

import gc
import json
import tracemalloc
import weakref
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Any

import msgspec
import pytest

from gateway.informers import EventType, ObjectEvent
from gateway.resolvers.context import RequestContext
from gateway.resolvers.made import Made, source_of
from schema.selection import Compiled, SharedSource
from tests.gateway.informers.scripted_server import ScriptedServer
from tests.gateway.resolvers.conftest import SCHEMA

WITH_JSON = "subscription { configMaps { object { json } } }"
EVENTS = 50
LONG = "[" + "{}," * 2000 + "0]"
"""6 kB that decode to twenty times as much."""


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Made:
    """Nothing but what the test makes."""
    kept = Made(most_bytes=64 << 10)
    monkeypatch.setattr("gateway.resolvers.subscribe.MADE", kept)
    return kept


def event(received: float = 1.0) -> ObjectEvent:
    return ObjectEvent(EventType.MODIFIED, b"{}", "7", "uid", "default/a", None, received)


def compiled(size: int) -> Compiled:
    return Compiled(msgspec.Raw(b"1" * size))


def nothing() -> Mapping[str, Any]:
    return {}


async def subscribed(context: RequestContext, stack: AsyncExitStack) -> AsyncIterator[Any]:
    """A subscription that is synced, and reads nothing more by itself."""
    stream: Any = await SCHEMA.stream(WITH_JSON, context_value=context)
    await stack.enter_async_context(aclosing(stream))
    await anext(stream)
    return aiter(stream)


def decoded_bytes() -> int:
    """What is alive of all that has been decoded for graphql-core."""
    gc.collect()
    filters = [tracemalloc.Filter(True, "*/gateway/resolvers/decoding.py")]
    statistics = tracemalloc.take_snapshot().filter_traces(filters).statistics("filename")
    return sum(each.size for each in statistics)


async def test_a_slow_reader_holds_no_decoded_objects_and_gets_what_the_others_got(
    server: ScriptedServer, context: RequestContext, kept: Made
) -> None:
    tracemalloc.start()
    try:
        async with AsyncExitStack() as stack:
            slow = await subscribed(context, stack)
            fast = await subscribed(context, stack)
            told = []
            for number in range(EVENTS):
                await server.create(f"a-{number}", note=json.loads(LONG))
                told.append(bytes((await anext(fast)).data["configMaps"]))
            assert decoded_bytes() < 2 * len(LONG) * 24
            assert kept.size <= 64 << 10
            assert [bytes((await anext(slow)).data["configMaps"]) for _ in range(EVENTS)] == told
    finally:
        tracemalloc.stop()


def test_what_went_with_its_event_is_not_counted_for_long() -> None:
    kept = Made(most_bytes=1 << 20)
    for _ in range(100):
        kept.keep(event(), "selection", compiled(1 << 10))
    waiting = event()
    kept.keep(waiting, "selection", compiled(1 << 10))
    assert kept.size < 4 << 10
    assert "selection" in waiting.made


def test_what_was_made_first_is_forgotten_first() -> None:
    kept = Made(most_bytes=8 << 10)
    events = [event() for _ in range(10)]
    for each in events:
        kept.keep(each, "selection", compiled(1 << 10))
    assert kept.size <= 8 << 10
    assert [len(each.made) for each in events] == [0] * 5 + [1] * 5


def test_what_is_made_of_one_event_for_many_selections_is_bounded_too() -> None:
    kept, one = Made(most_bytes=8 << 10), event()
    for number in range(100):
        kept.keep(one, number, compiled(1 << 10))
    assert len(one.made) == 5


def test_results_are_counted_and_forgotten_also_by_who_has_the_event_in_hand() -> None:
    kept, one = Made(most_bytes=8 << 10), event()
    source = SharedSource(nothing, 2)
    kept.keep(one, "plain", source)
    source.keep("first", "result", 4 << 10)
    assert source.get("first") == "result"
    source.keep("second", "result", 4 << 10)
    assert "plain" not in one.made
    assert source.get("first") is source.get("second") is None
    source.keep("third", "result", 1)
    assert source.get("third") is None


def test_what_one_reader_makes_of_the_past_is_not_kept() -> None:
    kept, one = Made(), event(received=0.0)
    source = SharedSource(nothing, 2)
    kept.keep(one, "plain", source)
    source.keep("operation", "result", 1)
    assert not one.made
    assert not kept.size
    assert source.get("operation") is None


def test_an_event_that_nobody_waits_for_any_more_is_not_held() -> None:
    kept, one = Made(), event()
    source = source_of(one)
    kept.keep(one, "plain", source)
    reference = weakref.ref(one)
    gc.disable()
    try:
        del one
        assert reference() is None, "only the garbage collector could free it"
    finally:
        gc.enable()
