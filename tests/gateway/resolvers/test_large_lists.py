"""A List in slices: the same answer as in one piece, shared by concurrent readers, or a mismatch."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.concurrency import Turnstile
from gateway.errors import QueryTooComplex
from gateway.resolvers.large_lists import LargeLists
from gateway.resolvers.limits import Budget, Limits
from schema.model import Scalar
from schema.selection import (
    Compiled,
    Field,
    Leaf,
    ListField,
    ListSelection,
    Node,
    NonNull,
    Repeated,
    Selection,
    SelectionMismatch,
)

PART = Node("Part", (Field("name", "name", Leaf(Scalar.STRING)),))
ITEM = Node(
    "Thing",
    (
        Field("called", "name", Leaf(Scalar.STRING)),
        Field("parts", "parts", Repeated(PART)),
        Field("any", "any", Leaf(Scalar.JSON)),
    ),
)
METADATA = Node("ListMeta", (Field("resourceVersion", "resourceVersion", Leaf(Scalar.STRING)),))
FIELDS = (
    Field("metadata", "metadata", METADATA),
    Field("items", "items", NonNull(Repeated(NonNull(ITEM)))),
)
WHOLE = Selection(Node("ThingList", FIELDS))
PARTS = ListSelection(
    tuple(
        ListField(
            part, Selection(Node("ThingList", (part,))), Selection(ITEM) if part.key == "items" else None
        )
        for part in FIELDS
    )
)
NAMES = some.text(max_size=5) | some.sampled_from(['"items":[', '},{"name":', "]}", '"', "\\"])
THINGS = some.lists(
    some.fixed_dictionaries(
        {"name": NAMES},
        optional={
            "parts": some.lists(some.fixed_dictionaries({"name": NAMES}), max_size=3),
            "any": some.recursive(
                NAMES,
                lambda inner: some.lists(inner, max_size=3) | some.dictionaries(NAMES, inner, max_size=3),
            ),
        },
    ),
    max_size=8,
)


def list_of(things: list[dict[str, Any]], *, metadata: dict[str, str] | None = None) -> bytes:
    found = {"kind": "ThingList", "metadata": metadata or {"resourceVersion": "7"}, "items": things}
    return json.dumps(found, separators=(",", ":")).encode() + b"\n"


def budget(max_response: int = 1 << 20) -> Budget:
    return Budget(Limits(max_response=max_response), asyncio.Semaphore())


def encode(answer: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(answer))


@given(THINGS, some.integers(0, 60))
def test_slices_give_the_answer_of_the_whole_list(things: list[dict[str, Any]], size: int) -> None:
    body = list_of([{"name": "first"}, *things])
    answer = asyncio.run(LargeLists(size).answer(body, PARTS, budget())).value
    assert encode(answer) == encode(WHOLE.decode(body))


async def test_a_list_in_the_layout_of_kubernetes_is_cut() -> None:
    body = list_of([{"name": str(number), "parts": [{"name": "a"}] * 2} for number in range(1000)])
    # a nested object with the first key of the items causes wrong cuts; another first key does not
    body = body.replace(b'"name":"a"', b'"image":"a"')
    answer = (await LargeLists(500).answer(body, PARTS, budget())).value
    assert encode(answer) == encode(WHOLE.decode(body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"items":[]}',
        b'{"metadata":{"items":[{"name":"a"}]}}',
        b'{"items":[{"name":"a"]}',
        b'{"items":[{"name":1}]}',
    ],
)
async def test_a_list_that_cannot_be_cut_is_a_mismatch(body: bytes) -> None:
    with pytest.raises(SelectionMismatch):
        await LargeLists().answer(body, PARTS, budget())


async def test_concurrent_readers_share_one_decode_and_nothing_is_kept() -> None:
    lists, body = LargeLists(50), list_of([{"name": str(number)} for number in range(100)])
    first, second = await asyncio.gather(
        lists.answer(body, PARTS, budget()), lists.answer(body, PARTS, budget())
    )
    assert first is second
    assert len(lists) == 0


async def test_a_cancelled_waiter_does_not_cancel_the_shared_decode() -> None:
    lists, body = LargeLists(50), list_of([{"name": str(number)} for number in range(100)])
    going, staying = (asyncio.create_task(lists.answer(body, PARTS, budget())) for _ in range(2))
    await asyncio.sleep(0)
    going.cancel()
    assert encode((await staying).value) == encode(WHOLE.decode(body))


async def test_other_tasks_run_between_slices() -> None:
    lists, body = LargeLists(50), list_of([{"name": str(number)} for number in range(100)])
    lists.turns = Turnstile(0)
    answering, turns = asyncio.create_task(lists.answer(body, PARTS, budget())), 0
    while not answering.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 10


async def test_closing_cancels_the_decodes_in_flight() -> None:
    lists, body = LargeLists(50), list_of([{"name": str(number)} for number in range(100)])
    answering = asyncio.create_task(lists.answer(body, PARTS, budget()))
    await asyncio.sleep(0)

    await lists.aclose()

    with pytest.raises(asyncio.CancelledError):
        await answering
    assert len(lists) == 0


async def test_an_answer_over_the_limit_is_refused_while_it_is_built() -> None:
    lists, body = LargeLists(50), list_of([{"name": "x" * 100}] * 100)
    limited = budget(1000)
    with pytest.raises(QueryTooComplex, match="1000 bytes"):
        await lists.answer(body, PARTS, limited)
    assert limited.exceeded
    assert len(lists) == 0


async def test_a_small_budget_does_not_spoil_the_answer_of_another_operation() -> None:
    lists, body = LargeLists(50), list_of([{"name": "x" * 100}] * 100)
    small, large = budget(1000), budget()
    refused, answered = await asyncio.gather(
        lists.answer(body, PARTS, small), lists.answer(body, PARTS, large), return_exceptions=True
    )
    assert isinstance(refused, QueryTooComplex)
    assert isinstance(answered, Compiled)
    assert small.exceeded
    assert large.remaining_bytes == 1 << 20


async def test_many_aliases_of_a_large_value_are_refused_before_they_are_encoded() -> None:
    item = Node("Thing", tuple(Field(f"a{index}", "name", Leaf(Scalar.STRING)) for index in range(1000)))
    items = Field("items", "items", NonNull(Repeated(NonNull(item))))
    parts = ListSelection((ListField(items, Selection(Node("ThingList", (items,))), Selection(item)),))
    body = list_of([{"name": "x" * 100_000}])
    with pytest.raises(QueryTooComplex):
        await LargeLists().answer(body, parts, budget())


async def test_the_last_waiter_that_leaves_ends_the_decode() -> None:
    lists, body = LargeLists(50), list_of([{"name": str(number)} for number in range(100)])
    answering = asyncio.create_task(lists.answer(body, PARTS, budget()))
    await asyncio.sleep(0)
    answering.cancel()
    await asyncio.wait([answering])
    await asyncio.sleep(0)
    assert len(lists) == 0
