"""Leases: rights that are reviewed again while subscriptions rely on them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.errors import Forbidden, GatewayError, Unauthenticated
from gateway.identity.access import Access, AccessReviews
from gateway.identity.leases import Lease, Leases
from gateway.kube.client import KubeClient
from tests.fixtures.waiting import eventually
from tests.gateway.informers.reading import ManualClock
from tests.gateway.kube.loopback import Reply, Request, json_reply, served_client, status_reply
from tests.schema.models import gadget_resource

ACCESS = Access.to("watch", gadget_resource(), "team")


class Reviewer:
    """An API server that answers reviews with ``allowed``, or with a failed Status of that code."""

    def __init__(self) -> None:
        self.answer: bool | int = True
        self.reviews = 0

    async def reply(self, _: Request) -> Reply:
        self.reviews += 1
        if isinstance(self.answer, bool):
            return json_reply({"status": {"allowed": self.answer}}, 201)
        return status_reply(self.answer, "")


class World:
    """Leases of one caller on a manual clock."""

    def __init__(self, client: KubeClient, reviewer: Reviewer) -> None:
        self.clock = ManualClock()
        self.client = client
        self.reviewer = reviewer
        self.leases = Leases(AccessReviews(self.clock.now), clock=self.clock)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[tuple[Lease, list[GatewayError]]]:
        """A lease, and the errors with which it ends."""
        errors: list[GatewayError] = []
        async with self.leases.hold(self.client, ACCESS) as lease:
            with lease.ending(errors.append):
                yield lease, errors

    async def pass_time(self, seconds: int) -> None:
        """Let the time pass; after each second the lease sleeps again or has ended."""
        await self.settle()
        for _ in range(seconds):
            self.clock.advance(1)
            await self.settle()

    async def settle(self) -> None:
        async def settled() -> bool:
            return bool(self.clock.sleeping) or not self.leases

        await eventually(settled, "the end of a review")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    reviewer = Reviewer()
    async with served_client(reviewer.reply) as (client, _):
        world = World(client.as_bearer("bob"), reviewer)
        yield world
        await world.leases.aclose()


def is_held(lease: Lease) -> bool:
    """The property, read through a call: mypy assumes that an attribute is unchanged."""
    return lease.held


async def test_an_allowed_right_is_reviewed_every_seven_seconds(world: World) -> None:
    async with world.leases.hold(world.client, ACCESS) as lease:
        await world.pass_time(21)
        assert world.reviewer.reviews == 4
        assert not is_held(lease)


async def test_a_revoked_right_holds_the_delivery_and_ends_within_fifteen_seconds(world: World) -> None:
    async with world.held() as (lease, errors):
        world.reviewer.answer = False
        await world.pass_time(7)
        assert is_held(lease)
        assert not errors
        await world.pass_time(7)
    assert [type(error) for error in errors] == [Forbidden]
    assert 'cannot watch resource "gadgets"' in errors[0].message
    with pytest.raises(Forbidden):
        await lease.granted()


async def test_a_single_denial_only_holds_the_delivery(world: World) -> None:
    async with world.leases.hold(world.client, ACCESS) as lease:
        world.reviewer.answer = False
        await world.pass_time(7)
        assert is_held(lease)
        world.reviewer.answer = True
        await world.pass_time(2)
        assert not is_held(lease)
        await lease.granted()


async def test_a_refused_credential_ends_the_lease_as_unauthenticated(world: World) -> None:
    async with world.held() as (_, errors):
        world.reviewer.answer = 401
        await world.pass_time(14)
    assert [type(error) for error in errors] == [Unauthenticated]


async def test_reviews_that_fail_hold_the_delivery_and_are_a_refusal_after_a_minute(world: World) -> None:
    async with world.held() as (lease, errors):
        world.reviewer.answer = 500
        await world.pass_time(60)
        assert is_held(lease)
        assert not errors
        await world.pass_time(20)
    assert [type(error) for error in errors] == [Forbidden]


async def test_denials_after_an_outage_have_to_last_longer(world: World) -> None:
    async with world.held() as (lease, errors):
        world.reviewer.answer = 500
        await world.pass_time(7)
        world.reviewer.answer = False
        await world.pass_time(8)
        assert not errors
        world.reviewer.answer = True
        await world.pass_time(2)
        assert not is_held(lease)


@pytest.mark.parametrize(
    ("answer", "error"), [(False, Forbidden), (500, Forbidden), (403, Forbidden), (401, Unauthenticated)]
)
async def test_a_lease_begins_with_an_allowed_review(
    world: World, answer: bool | int, error: type[GatewayError]
) -> None:
    world.reviewer.answer = answer
    with pytest.raises(error):
        async with world.leases.hold(world.client, ACCESS):
            pytest.fail("refused")
    assert not world.leases


async def test_subscriptions_of_one_caller_share_the_reviews(world: World) -> None:
    async with world.leases.hold(world.client, ACCESS) as first:
        async with world.leases.hold(world.client, ACCESS) as second:
            assert first is second
            await world.pass_time(7)
        assert len(world.leases) == 1
        await world.pass_time(7)
    assert world.reviewer.reviews == 3
    assert len(world.leases) == 0
    await asyncio.sleep(0)
    assert not world.clock.sleeping


async def test_a_lease_that_begins_with_a_cached_review_counts_its_age(world: World) -> None:
    async with world.leases.hold(world.client, ACCESS):
        pass
    world.clock.advance(6)
    async with world.leases.hold(world.client, ACCESS) as lease:
        assert world.reviewer.reviews == 1
        world.reviewer.answer = False
        await world.pass_time(1)
        assert is_held(lease)


async def test_guarded_work_ends_with_its_lease_and_with_its_caller(world: World) -> None:
    begun, ended = asyncio.Event(), []

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async with world.held() as (lease, _):
        guarding = asyncio.create_task(lease.guard(work()))
        await begun.wait()
        guarding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await guarding
        assert ended == [True]
        guarding = asyncio.create_task(lease.guard(work()))
        world.reviewer.answer = False
        await world.pass_time(15)
        with pytest.raises(Forbidden):
            await guarding
        assert ended == [True, True]
