"""A slot that several holders share, and the parts of an answer that count while it is built."""

import asyncio
from contextlib import suppress

import pytest

from gateway.errors import QueryTooComplex
from gateway.resolvers.limits import Budget, Limits, SharedSlot


async def hold(slot: SharedSlot, until: asyncio.Event) -> None:
    async with slot:
        await until.wait()


async def test_holders_of_a_shared_slot_take_one_slot_until_the_last_one_leaves() -> None:
    slots = asyncio.Semaphore(1)
    shared, waiting = SharedSlot(slots, 3), asyncio.Event()
    holders = [asyncio.create_task(hold(shared, waiting)) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert slots.locked()
    holders[0].cancel()
    await asyncio.wait(holders[:1])
    assert slots.locked()
    waiting.set()
    await asyncio.wait(holders)
    assert not slots.locked()


async def test_holders_that_leave_before_they_got_the_slot_leave_it_to_others() -> None:
    slots = asyncio.Semaphore(1)
    await slots.acquire()
    shared = SharedSlot(slots, 2)
    holders = [asyncio.create_task(hold(shared, asyncio.Event())) for _ in range(2)]
    await asyncio.sleep(0)
    for holder in holders:
        holder.cancel()
    await asyncio.wait(holders)
    slots.release()
    await asyncio.wait_for(slots.acquire(), 5)


def budget(max_response: int) -> Budget:
    return Budget(Limits(max_response=max_response), asyncio.Semaphore())


def test_the_parts_of_an_answer_count_while_it_is_built_and_not_afterwards() -> None:
    limited = budget(100)
    with limited.provisional() as counted:
        counted.expect_response(60)
        assert limited.remaining_bytes == 40
        counted.reset()
        counted.expect_response(70)
        assert limited.remaining_bytes == 30
    assert limited.remaining_bytes == 100
    limited.expect_response(70)
    with limited.provisional() as counted, pytest.raises(QueryTooComplex, match="100 bytes"):
        counted.expect_response(31)


def test_an_operation_over_the_limit_sends_no_further_request() -> None:
    limited = budget(100)
    with suppress(QueryTooComplex):
        limited.expect_response(101)
    with pytest.raises(QueryTooComplex, match="--max-response"):
        limited.expect_request()
