"""Informers of the gateway that serve callers, as long as access reviews allow it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from typing import Any

import pytest

from gateway.errors import Forbidden, NotFound, Status
from gateway.identity import AccessReviews, Leases, Sharing
from gateway.resolvers.context import RequestContext, Shared
from tests.gateway.informers.scripted_server import CONFIG_MAPS, Reply, Request, ScriptedServer, failure
from tests.gateway.resolvers.conftest import SCHEMA

WATCH = "subscription { configMaps { type object { metadata { name } data { size } } } }"
CACHED = '{ configMaps(resourceVersion: "0") { items { metadata { name } } } }'


class Reviews:
    """Answers access reviews with ``allowed``; with None they fail. ``refuse`` refuses other requests."""

    def __init__(self) -> None:
        self.allowed: bool | None = True
        self.refuse: Callable[[Request], bool] = lambda _: False

    def __call__(self, request: Request) -> Reply | None:
        if request.path.endswith("selfsubjectaccessreviews"):
            if self.allowed is None:
                return failure(500, "InternalError", "the authorizer is down")
            return Reply(201, json.dumps({"status": {"allowed": self.allowed}}).encode())
        return failure(403, "Forbidden", "no") if self.refuse(request) else None


@pytest.fixture
def reviews(server: ScriptedServer) -> Reviews:
    server.on_request = reviews = Reviews()
    return reviews


@pytest.fixture
async def sharing(context: RequestContext, reviews: Reviews) -> AsyncIterator[RequestContext]:
    """A context of the gateway itself whose informers are shared."""
    assert context.client is not None
    checked = AccessReviews()
    context.shared = Shared(reviews=checked, sharing=Sharing(context.client, Leases(checked)))
    yield context
    await context.shared.aclose()


def caller(context: RequestContext, name: str) -> RequestContext:
    """A context of a caller with that token."""
    assert context.client is not None
    client = context.client.as_bearer(name)
    return RequestContext(client, context.informers, shared=context.shared)


async def subscribe(stack: AsyncExitStack, context: RequestContext) -> Any:
    """The results of a subscription; the first one is SYNCED."""
    stream: Any = await SCHEMA.stream(WATCH, context_value=context)
    return await stack.enter_async_context(aclosing(stream))


async def code(stream: Any) -> str:
    (error,) = (await anext(stream)).errors
    found: str = error.extensions["code"]
    return found


async def test_callers_share_the_informer_of_the_gateway(
    server: ScriptedServer, sharing: RequestContext
) -> None:
    await server.create("a", size=1)
    async with AsyncExitStack() as stack:
        for name in ("alice", "bob", "carol"):
            await anext(await subscribe(stack, caller(sharing, name)))
        assert len(sharing.informers.informers) == 1
        assert len(server.watches) == 1
        result = await SCHEMA.execute(CACHED, context_value=caller(sharing, "dave"))
        assert not result.errors
        assert [item for item in server.lists if item.path.endswith("configmaps")] == []


@pytest.mark.parametrize("allowed", [False, None], ids=["denied", "failed"])
async def test_without_an_allowed_review_nothing_is_watched(
    server: ScriptedServer, sharing: RequestContext, reviews: Reviews, allowed: bool | None
) -> None:
    reviews.allowed = allowed
    async with AsyncExitStack() as stack:
        assert await code(await subscribe(stack, caller(sharing, "bob"))) == "FORBIDDEN"
    assert server.watches == []


async def test_a_caller_gets_an_own_informer_where_the_gateway_is_refused(
    server: ScriptedServer, sharing: RequestContext, reviews: Reviews
) -> None:
    reviews.refuse = lambda request: request.is_watch and len(server.watches) == 1
    async with AsyncExitStack() as stack:
        for name in ("alice", "bob"):
            await anext(await subscribe(stack, caller(sharing, name)))
        assert len(sharing.informers.informers) == 2
    # the refused attempt of the gateway, which is not repeated, and one watch per caller
    assert len(server.watches) == 3


async def test_a_right_that_the_gateway_loses_is_no_refusal_of_the_caller(
    sharing: RequestContext, server: ScriptedServer
) -> None:
    async with AsyncExitStack() as stack:
        stream = await subscribe(stack, caller(sharing, "bob"))
        await anext(stream)
        sharing.informers.end({CONFIG_MAPS.gvr}, Forbidden(Status(403, "Forbidden", "no")))
        assert await code(stream) == "UPSTREAM_UNAVAILABLE"


async def test_other_errors_of_a_shared_informer_reach_the_caller(
    sharing: RequestContext, server: ScriptedServer
) -> None:
    async with AsyncExitStack() as stack:
        stream = await subscribe(stack, caller(sharing, "bob"))
        await anext(stream)
        sharing.informers.end({CONFIG_MAPS.gvr}, NotFound(Status(404, "NotFound", "no such resource")))
        assert await code(stream) == "NOT_FOUND"


async def test_the_gateway_itself_needs_no_lease(sharing: RequestContext, reviews: Reviews) -> None:
    reviews.allowed = False
    async with AsyncExitStack() as stack:
        result = await anext(await subscribe(stack, sharing))
        assert not result.errors
