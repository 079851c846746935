import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Forbidden, Status, SubscriberTooSlow
from gateway.informers import EventType, Limits, ObjectEvent
from gateway.informers.subscription import Subscription, collapse

ADDED, MODIFIED, DELETED = EventType.ADDED, EventType.MODIFIED, EventType.DELETED


def event(kind: EventType, uid: str = "u", version: int = 1, body: bytes = b"{}") -> ObjectEvent:
    return ObjectEvent(kind, body, str(version), uid, uid)


@pytest.mark.parametrize(
    ("waiting", "newer", "expected"),
    [
        (ADDED, MODIFIED, ADDED),
        (ADDED, DELETED, None),
        (MODIFIED, MODIFIED, MODIFIED),
        (MODIFIED, DELETED, DELETED),
        (DELETED, ADDED, MODIFIED),
    ],
)
def test_two_events_of_one_object_collapse_to_the_newest_state(
    waiting: EventType, newer: EventType, expected: EventType | None
) -> None:
    collapsed = collapse(event(waiting, version=1, body=b"old"), event(newer, version=2, body=b"new"))
    if expected is None:
        assert collapsed is None
    else:
        assert collapsed == event(expected, version=2, body=b"new")


def histories() -> st.SearchStrategy[list[tuple[str, bool]]]:
    """Which of three objects is toggled or changed, and whether the reader reads everything then."""
    return st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.booleans()), max_size=40)


@given(histories(), st.data())
async def test_whatever_is_collapsed_the_folded_events_are_the_truth(
    history: list[tuple[str, bool]], data: st.DataObject
) -> None:
    subscription = Subscription()
    truth: dict[str, bytes] = {}
    known: dict[str, bytes] = {}
    last = 0
    for version, (uid, reads) in enumerate(history, 1):
        if uid in truth and data.draw(st.booleans()):
            subscription.offer(event(DELETED, uid, version, truth.pop(uid)))
        else:
            body = str(version).encode()
            subscription.offer(event(MODIFIED if uid in truth else ADDED, uid, version, body))
            truth[uid] = body
        if reads or version == len(history):
            for item in await read_all(subscription):
                assert int(item.resource_version) > last
                last = int(item.resource_version)
                fold(known, item)
            assert known == truth


def fold(known: dict[str, bytes], item: ObjectEvent) -> None:
    assert (item.uid in known) is (item.type is not ADDED)
    if item.type is DELETED:
        del known[item.uid]
    else:
        known[item.uid] = item.object or b""


async def read_all(subscription: Subscription) -> list[ObjectEvent]:
    return [await anext(subscription) for _ in range(subscription.waiting)]


async def test_a_recreated_object_is_distinguished_by_its_uid() -> None:
    subscription = Subscription()
    subscription.offer(event(DELETED, "old", 1))
    subscription.offer(event(ADDED, "new", 2))
    subscription.offer(event(MODIFIED, "new", 3))
    assert [(item.type, item.uid) for item in await read_all(subscription)] == [
        (DELETED, "old"),
        (ADDED, "new"),
    ]


async def test_waiting_events_are_in_the_order_of_their_newest_change() -> None:
    subscription = Subscription()
    for version, uid in enumerate(["a", "b", "a", "c", "a"], 1):
        subscription.offer(event(MODIFIED, uid, version))
    assert [item.uid for item in await read_all(subscription)] == ["b", "c", "a"]


async def test_many_changes_of_few_objects_are_no_reason_to_end() -> None:
    subscription = Subscription(limits=Limits(objects=2, bytes=100))
    for version in range(10_000):
        subscription.offer(event(MODIFIED, str(version % 2), version, b"x" * 50))
    assert subscription.waiting == 2
    assert len(await read_all(subscription)) == 2


@pytest.mark.parametrize("limits", [Limits(objects=3), Limits(bytes=35)])
async def test_exceeding_the_bound_ends_the_subscription_and_frees_its_queue(limits: Limits) -> None:
    too_slow = []
    subscription = Subscription(limits=limits, on_too_slow=lambda: too_slow.append(True))
    for version in range(3):
        subscription.offer(event(ADDED, str(version), version, b"x" * 10))
    assert not too_slow
    subscription.offer(event(ADDED, "3", 4, b"x" * 10))
    subscription.offer(event(ADDED, "4", 5, b"x" * 10))
    assert too_slow == [True]
    assert subscription.waiting == 0
    for _ in range(2):
        with pytest.raises(SubscriberTooSlow):
            await anext(subscription)


@given(histories(), st.data())
async def test_waiting_bytes_are_the_size_of_the_waiting_events(
    history: list[tuple[str, bool]], data: st.DataObject
) -> None:
    subscription = Subscription()
    truth: dict[str, bytes] = {}
    for version, (uid, reads) in enumerate(history, 1):
        previous, body = truth.pop(uid, None), b"x" * data.draw(st.integers(1, 50))
        if previous is not None and data.draw(st.booleans()):
            subscription.offer(ObjectEvent(DELETED, previous, str(version), uid, uid, previous))
        else:
            kind = ADDED if previous is None else MODIFIED
            subscription.offer(ObjectEvent(kind, body, str(version), uid, uid, previous))
            truth[uid] = body
        held = subscription.waiting_bytes
        if reads:
            waiting = await read_all(subscription)
            assert held == sum(len(item.object or b"") + len(item.previous or b"") for item in waiting)
            assert subscription.waiting_bytes == 0


@pytest.mark.parametrize(("size", "ends"), [(20, False), (21, True)])
async def test_the_last_delivered_state_counts_like_the_newest(size: int, ends: bool) -> None:
    subscription = Subscription(limits=Limits(bytes=30))
    subscription.offer(ObjectEvent(MODIFIED, b"x" * 5, "1", "u", "u", b"x" * size))
    subscription.offer(ObjectEvent(MODIFIED, b"x" * 10, "2", "u", "u", b"x" * 5))
    assert (subscription.waiting == 0) is ends


async def test_the_opening_is_not_counted_and_comes_first() -> None:
    opening = (event(ADDED, str(number), number) for number in range(1000))
    subscription = Subscription(opening, limits=Limits(objects=2))
    subscription.offer(event(MODIFIED, "5", 2000))
    got = [await anext(subscription) for _ in range(1001)]
    assert [item.type for item in got] == [ADDED] * 1000 + [MODIFIED]


async def test_a_reader_that_never_has_to_wait_lets_others_run() -> None:
    subscription = Subscription(event(ADDED, str(number), number) for number in range(1000))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for _ in range(1000):
        await anext(subscription)
    task.cancel()
    assert turns > 3


async def test_skipping_unselected_objects_yields_and_can_be_ended() -> None:
    looked = 0

    def nothing() -> Iterable[None]:
        nonlocal looked
        while True:
            looked += 1
            yield None

    subscription = Subscription(nothing())
    task = asyncio.create_task(take(subscription))
    await asyncio.sleep(0)
    subscription.end()
    assert await task is None
    assert looked < 10_000


async def take(subscription: Subscription) -> ObjectEvent | None:
    return await anext(subscription, None)


async def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    subscription = Subscription()
    task = asyncio.create_task(take(subscription))
    await asyncio.sleep(0)
    subscription.offer(event(ADDED))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await anext(subscription) == event(ADDED)


async def test_a_waiting_reader_sees_the_end_or_the_error() -> None:
    complete, failed = Subscription(), Subscription()
    waiting = asyncio.create_task(take(complete))
    await asyncio.sleep(0)
    complete.end()
    failed.end(Forbidden(Status(403)))
    assert await waiting is None
    with pytest.raises(Forbidden):
        await anext(failed)
