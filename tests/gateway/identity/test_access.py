"""Access reviews: made as the caller; allowed reviews are cached for ten seconds, denials are not."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import Forbidden
from gateway.identity.access import Access, AccessReviews
from gateway.kube.client import KubeClient
from tests.gateway.kube.loopback import Reply, Request, json_reply, served_client, status_reply
from tests.schema.models import gadget_resource

GADGETS = gadget_resource()


class Reviewer:
    """An API server that answers reviews with ``allowed``; with None it fails."""

    def __init__(self) -> None:
        self.allowed: bool | None = True
        self.reviews: list[tuple[str, dict[str, Any]]] = []

    async def answer(self, request: Request) -> Reply:
        review = json.loads(request.body)
        (attributes,) = review["spec"].values()
        self.reviews.append((request.headers.get("authorization", ""), attributes))
        if self.allowed is None:
            return status_reply(403, "Forbidden")
        return json_reply({**review, "status": {"allowed": self.allowed}}, 201)


@pytest.fixture
def reviewer() -> Reviewer:
    return Reviewer()


@pytest.fixture
async def client(reviewer: Reviewer) -> AsyncIterator[KubeClient]:
    async with served_client(reviewer.answer) as (client, _):
        yield client


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_review_covers_all_objects_of_the_namespace(client: KubeClient, reviewer: Reviewer) -> None:
    reviews = AccessReviews()

    assert await reviews.allows(client.as_bearer("bob"), Access.to("list", GADGETS, "team-1"))
    assert await reviews.allows(client.as_bearer("bob"), Access.to("get", GADGETS))

    resource = {"group": "example.io", "version": "v1", "resource": "gadgets"}
    assert reviewer.reviews == [
        ("Bearer bob", {"verb": "list", "namespace": "team-1", **resource}),
        ("Bearer bob", {"verb": "get", **resource}),
    ]


async def test_an_allowed_review_is_cached_for_ten_seconds(client: KubeClient, reviewer: Reviewer) -> None:
    time = Time()
    reviews = AccessReviews(time)
    for time.now in (0.0, 9.9):
        assert await reviews.allows(client, Access.to("list", GADGETS))
    assert len(reviewer.reviews) == 1

    reviewer.allowed = False
    time.now = 10.0

    assert not await reviews.allows(client, Access.to("list", GADGETS))


async def test_a_review_of_one_object_has_its_name_and_the_selectors(
    client: KubeClient, reviewer: Reviewer
) -> None:
    access = Access.to("watch", GADGETS, "a", "one").selecting("app=web", "metadata.name=one")

    assert await AccessReviews().allows(client, access)

    (_, attributes), *_ = reviewer.reviews
    assert attributes == {
        "verb": "watch",
        "group": "example.io",
        "version": "v1",
        "resource": "gadgets",
        "namespace": "a",
        "name": "one",
        "labelSelector": {"rawSelector": "app=web"},
        "fieldSelector": {"rawSelector": "metadata.name=one"},
    }


@pytest.mark.parametrize("answer", [False, None], ids=["denial", "failure"])
async def test_a_denial_and_a_failure_are_not_cached(
    client: KubeClient, reviewer: Reviewer, answer: bool | None
) -> None:
    reviews = AccessReviews()
    reviewer.allowed = answer
    assert not await reviews.allows(client, Access.to("list", GADGETS))

    reviewer.allowed = True

    assert await reviews.allows(client, Access.to("list", GADGETS))


async def test_an_allowed_review_is_for_one_identity_verb_and_namespace(
    client: KubeClient, reviewer: Reviewer
) -> None:
    reviews = AccessReviews()
    alice, bob = client.as_bearer("alice"), client.as_bearer("bob")

    for caller, verb, namespace in (
        (alice, "list", "a"),
        (bob, "list", "a"),
        (bob, "get", "a"),
        (bob, "get", "b"),
    ):
        await reviews.allows(caller, Access.to(verb, GADGETS, namespace))

    assert len(reviewer.reviews) == 4


@pytest.mark.parametrize("answer", [True, False, None], ids=["allowed", "denial", "failure"])
async def test_concurrent_reads_share_one_review(
    client: KubeClient, reviewer: Reviewer, answer: bool | None
) -> None:
    reviews = AccessReviews()
    reviewer.allowed = answer

    answers = await asyncio.gather(*(reviews.allows(client, Access.to("list", GADGETS)) for _ in range(20)))

    assert answers == [bool(answer)] * 20
    assert len(reviewer.reviews) == 1


async def test_a_caller_without_discovery_rights_is_refused_until_they_are_granted(
    client: KubeClient, reviewer: Reviewer
) -> None:
    reviews, bob = AccessReviews(), client.as_bearer("bob")
    for reviewer.allowed in (False, None, False):
        with pytest.raises(Forbidden):
            await reviews.expect_discovery(bob)
    reviewer.allowed = True
    for _ in range(3):
        await reviews.expect_discovery(bob)
    assert reviewer.reviews == [("Bearer bob", {"path": "/openapi/v3", "verb": "get"})] * 4


async def test_a_caller_without_rights_is_authenticated(client: KubeClient, reviewer: Reviewer) -> None:
    for reviewer.allowed in (False, None):
        reviews = AccessReviews()
        for _ in range(2):
            await reviews.expect_authenticated(client.as_bearer("bob"))
    assert len(reviewer.reviews) == 2


async def test_discovery_and_authentication_share_a_review(client: KubeClient, reviewer: Reviewer) -> None:
    reviews = AccessReviews()
    await asyncio.gather(reviews.expect_authenticated(client), reviews.expect_discovery(client))
    assert len(reviewer.reviews) == 1


async def test_authentication_without_rights_does_not_open_discovery(
    client: KubeClient, reviewer: Reviewer
) -> None:
    reviewer.allowed = False
    reviews = AccessReviews()
    await reviews.expect_authenticated(client)
    with pytest.raises(Forbidden):
        await reviews.expect_discovery(client)


async def test_reviews_are_counted_by_their_result(client: KubeClient, reviewer: Reviewer) -> None:
    reviews, access = AccessReviews(), Access.to("list", GADGETS)
    for allowed, name in ((True, None), (True, None), (False, "one"), (None, "two")):
        reviewer.allowed = allowed
        await reviews.allows(client, Access.to("list", GADGETS, None, name))
    with pytest.raises(Forbidden):
        await reviews.fetch(client, access)
    assert reviews.results == {"cached": 1, "allowed": 1, "denied": 1, "failed": 2}
